"""Task ``encode-chunk``: encode one run of whole segments of one rung."""

from __future__ import annotations

from pathlib import Path

from encoder.claims import Claims
from encoder.errors import FrameCountError
from encoder.plan import BT709, Work
from encoder.probe import picture_track
from encoder.storage import ObjectStore
from encoder.tools import Media, ffmpeg, threads, untrusted
from encoder.window import Window
from lambdas.encoding.models import Chunk, VideoRecipe

# Neither the studio's tags nor the machine's date and program versions belong in what viewers receive. (The
# pictures themselves are not the same to the byte twice: x264's rate control with a VBV depends on the timing
# of its threads.)
NO_METADATA = ("-map_metadata", "-1", "-map_chapters", "-1", "-fflags", "+bitexact", "-flags", "+bitexact")


def encode_chunk(*, plan: str, rung: str, chunk: int, store: ObjectStore, claims: Claims) -> None:
    """Encode chunk `chunk` of `rung`, once.

    Raises
    ------
    NotInPlanError
        If the plan has no such rung or chunk.
    FrameCountError
        If the source does not give exactly the chunk's frames.
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
            _encode(source.url, encoded, work=work, recipe=recipe, chunk=piece)
        found = len(picture_track(encoded).packets)
        if found != piece.frames:
            raise FrameCountError(
                f"chunk {chunk} of {rung} has {found} frames, and the plan says {piece.frames} from frame "
                f"{piece.first_frame}: the source is not the one that was inspected"
            )
        return encoded

    work.once(work.jobs.chunk(rung, chunk), target=work.chunk_file(rung, chunk), claims=claims, make=make)


def _encode(source: Media, target: Path, *, work: Work, recipe: VideoRecipe, chunk: Chunk) -> None:
    # Half a frame early: a timestamp that the container rounded up is still behind the seek point, and the
    # frame before is still ahead of it.
    start = max(0.0, float((chunk.first_frame - 0.5) / work.frame_rate))
    picture = (
        f"{work.frame_clock},{BT709},"
        f"scale={recipe.width}:{recipe.height}:flags=lanczos+accurate_rnd,setsar=1,format=yuv420p"
    )
    gop = str(work.plan.segment_frames)
    ffmpeg(
        *(*untrusted(source), "-threads", str(threads()), "-ss", f"{start:.6f}", "-i", source),
        *("-map", "0:v:0", "-frames:v", str(chunk.frames), "-vf", picture, "-fps_mode", "passthrough"),
        *("-c:v", "libx264", "-preset", recipe.preset, "-profile:v", recipe.profile),
        *("-b:v", f"{recipe.bitrate_kbps}k", "-maxrate", f"{recipe.maxrate_kbps}k"),
        *("-bufsize", f"{recipe.buffer_kbits}k"),
        *("-g", gop, "-keyint_min", gop, "-sc_threshold", "0", "-x264-params", "open-gop=0"),
        *("-threads", str(threads()), *NO_METADATA),
        *("-video_track_timescale", str(timescale(work)), "-movflags", "+faststart", target),
    )


def timescale(work: Work) -> int:
    """Return ticks a second in which every frame's time is a whole number, at least 10,000 of them."""
    ticks = work.frame_rate.numerator
    while ticks < 10_000:  # noqa: PLR2004 - what players expect of a video track
        ticks *= 10
    return ticks
