"""Task ``encode-chunk``: encode one run of whole segments of one rung."""

from __future__ import annotations

from pathlib import Path

from encoder.claims import Claims
from encoder.codecs import video_options
from encoder.errors import FrameCountError, PeakError
from encoder.log import say
from encoder.plan import Work
from encoder.probe import PictureTrack, picture_track
from encoder.storage import ObjectStore
from encoder.tools import Media, ffmpeg, threads, untrusted
from encoder.window import Window
from lambdas.encoding.models import Chunk, VideoRecipe

MOST_TIGHTENINGS = 5
"""How often a chunk with too busy a second is encoded again: for noise that begins at once, three were too few once."""
TIGHTER = 0.9
"""By how much less than what would just do it then gets."""

# Neither the studio's tags nor the machine's date and program versions belong in what viewers receive. (The
# pictures themselves are not the same to the byte twice: x264's rate control with a VBV depends on the timing
# of its threads.)
NO_METADATA = ("-map_metadata", "-1", "-map_chapters", "-1", "-fflags", "+bitexact", "-flags", "+bitexact")


def encode_chunk(*, plan: str, rung: str, chunk: int, store: ObjectStore, claims: Claims) -> None:
    """Encode chunk `chunk` of `rung`, once: again with less, if a second of it takes more than the rung's peak.

    Raises
    ------
    NotInPlanError
        If the plan has no such rung or chunk.
    FrameCountError
        If the source does not give exactly the chunk's frames.
    PeakError
        If its busiest second stays above the peak.
    ToolFailedError
        If ffmpeg cannot read the source.
    """
    work = Work.read(plan, store=store)
    work.recipe(rung)
    piece = work.chunk(chunk)
    recipe = work.plan.recipe(rung, piece.index)

    def make(folder: Path) -> Path:
        encoded = folder / "chunk.mp4"
        with Window(store, work.plan.source) as source:
            encode_below_peak(source.url, encoded, work=work, recipe=recipe, chunk=piece)
        return encoded

    work.once(work.jobs.chunk(rung, chunk), target=work.chunk_file(rung, chunk), claims=claims, make=make)


def encode_below_peak(source: Media, target: Path, *, work: Work, recipe: VideoRecipe, chunk: Chunk) -> None:
    """Encode a chunk so that no second of it takes more than the recipe's peak.

    x264 and x265 see to that by themselves. SVT-AV1 has no VBV: it holds whole GOPs to a rate, and not quite.

    Raises
    ------
    FrameCountError, PeakError, ToolFailedError
        As in `encode_chunk`.
    """
    factor = 1.0
    for tightenings_left in range(MOST_TIGHTENINGS, -1, -1):
        _encode(source, target, work=work, recipe=recipe.with_rates(factor), chunk=chunk)
        track = picture_track(target)
        if len(track.packets) != chunk.frames:
            raise FrameCountError(
                f"chunk {chunk.index} of {recipe.rung} has {len(track.packets)} frames, and the plan says "
                f"{chunk.frames} from frame {chunk.first_frame}: the source is not the one that was inspected"
            )
        busiest, peak = track.busiest_second.kbits, recipe.peak_kbits
        if busiest <= peak or not tightenings_left:
            break
        factor *= TIGHTER * peak / busiest
        say("tightened", rung=recipe.rung, chunk=chunk.index, busiest_kbits=busiest, peak_kbits=peak)
    check_peak(track, rung=recipe.rung, peak_kbits=recipe.peak_kbits)


def check_peak(track: PictureTrack, *, rung: str, peak_kbits: int) -> None:
    """Hold every second of a track, wherever it begins, against the peak that its rung declares.

    Raises
    ------
    PeakError
        If one takes more.
    """
    busiest = track.busiest_second
    if busiest.kbits > peak_kbits:
        raise PeakError(
            f"the second of {rung} from {busiest.start_s:.3f} s on takes {busiest.kbits:.0f} kbit, and its "
            f"maxrate_kbps and buffer_kbits add up to {peak_kbits}: give it a larger buffer, less bit rate or quality"
        )


def _encode(source: Media, target: Path, *, work: Work, recipe: VideoRecipe, chunk: Chunk) -> None:
    ffmpeg(
        *(*untrusted(source), "-threads", str(threads()), "-ss", f"{work.seek_s(chunk.first_frame):.6f}", "-i", source),
        *("-map", "0:v:0", "-frames:v", str(chunk.frames), "-fps_mode", "passthrough"),
        *("-vf", f"{work.source_frames},{work.picture_of(recipe)}"),
        *video_options(recipe, gop=work.plan.segment_frames, hdr=work.plan.picture.hdr),
        *NO_METADATA,
        *("-video_track_timescale", str(timescale(work)), "-movflags", "+faststart", target),
    )


def timescale(work: Work) -> int:
    """Return ticks a second in which every frame's time is a whole number, at least 10,000 of them."""
    ticks = work.frame_rate.numerator
    while ticks < 10_000:  # noqa: PLR2004 - what players expect of a video track
        ticks *= 10
    return ticks
