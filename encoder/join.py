"""Task ``join``: put the chunks of a rung together without touching a picture."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from pathlib import Path

from encoder.chunk import MOST_TIGHTENINGS, NO_METADATA, TIGHTER, check_peak, encode_below_peak, timescale
from encoder.claims import Claims
from encoder.errors import FrameCountError, TimelineError
from encoder.log import say
from encoder.plan import Work
from encoder.probe import PictureTrack, Second, picture_track
from encoder.storage import ObjectStore
from encoder.tools import ffmpeg
from encoder.window import Window
from lambdas.encoding.models import Chunk


def join(*, plan: str, rung: str, store: ObjectStore, claims: Claims) -> None:
    """Join the chunks of `rung` into its rendition, once.

    Where two chunks meet and take more than the rung's peak together, the one that takes more is encoded with less.

    Raises
    ------
    NotInPlanError
        If the plan has no such rung.
    ObjectMissingError
        If a chunk has not been encoded.
    FrameCountError, TimelineError
        As `check_timeline` says.
    PeakError
        If a second takes more than the rung's peak, however often.
    """
    work = Work.read(plan, store=store)
    work.recipe(rung)
    # A chunk that is encoded with more bits may take a higher peak; where two chunks meet, each has its own.
    peak_kbits = max(work.plan.recipe(rung, chunk.index).peak_kbits for chunk in work.plan.chunks)

    def make(folder: Path) -> Path:
        for chunk in work.plan.chunks:
            store.fetch(work.chunk_file(rung, chunk.index), _file(folder, chunk))
        factors: dict[int, float] = {}
        for tightenings_left in range(MOST_TIGHTENINGS, -1, -1):
            joined, track = _joined(folder, work=work)
            busiest = track.busiest_second
            if busiest.kbits <= peak_kbits or not tightenings_left:
                break
            # No chunk is above its peak by itself, but where two meet each may have filled a buffer of its own.
            chunk = _busier(track, second=busiest, work=work)
            factors[chunk.index] = factors.get(chunk.index, 1.0) * TIGHTER * peak_kbits / busiest.kbits
            say("tightened", rung=rung, chunk=chunk.index, busiest_kbits=busiest.kbits, peak_kbits=peak_kbits)
            recipe = work.plan.recipe(rung, chunk.index).with_rates(factors[chunk.index])
            with Window(store, work.plan.source) as source:
                encode_below_peak(source.url, _file(folder, chunk), work=work, recipe=recipe, chunk=chunk)
        check_peak(track, rung=rung, peak_kbits=peak_kbits)
        return joined

    work.once(work.jobs.join(rung), target=work.rendition_file(rung), claims=claims, make=make)


def _file(folder: Path, chunk: Chunk) -> Path:
    return folder / f"{chunk.index:05d}.mp4"


def _joined(folder: Path, *, work: Work) -> tuple[Path, PictureTrack]:
    """Return the chunks in one file, and its packets, which are where the plan has them."""
    joined = folder / "rendition.mp4"
    lines = ["ffconcat version 1.0"]
    for chunk in work.plan.chunks:
        # The exact length: a file's own is rounded, and every later chunk would inherit the error.
        duration = float(chunk.frames / work.frame_rate)
        lines += [f"file {_file(folder, chunk).name}", f"duration {duration:.6f}"]
    (folder / "chunks.ffconcat").write_text("\n".join(lines) + "\n", encoding="utf-8")
    ffmpeg(
        *("-f", "concat", "-i", folder / "chunks.ffconcat", "-map", "0:v:0", "-c", "copy", *NO_METADATA),
        *("-video_track_timescale", str(timescale(work)), "-movflags", "+faststart", joined),
    )
    track = picture_track(joined)
    check_timeline(track, work=work)
    return joined, track


def _busier(track: PictureTrack, *, second: Second, work: Work) -> Chunk:
    """Return the chunk that takes most of a second."""
    begins = [chunk.first_frame for chunk in work.plan.chunks]
    held: Counter[int] = Counter()
    for packet in track.packets:
        decoded_s = float(packet.dts * track.time_base)
        if second.start_s <= decoded_s < second.start_s + 1:
            frame = round(packet.pts * track.time_base * work.frame_rate)
            held[bisect_right(begins, frame) - 1] += packet.size_bytes
    [(place, _)] = held.most_common(1)
    return work.plan.chunks[place]


def check_timeline(track: PictureTrack, *, work: Work) -> None:
    """Hold a rendition's packets against the plan.

    Raises
    ------
    FrameCountError
        If there are more or fewer frames than planned.
    TimelineError
        If frame n is not shown at n frames, decoding times do not grow, or the key frames are not exactly the
        first frames of the segments.
    """
    plan = work.plan
    if len(track.packets) != plan.frames:
        raise FrameCountError(f"the rendition has {len(track.packets)} frames, and the plan says {plan.frames}")
    if any(after.dts <= before.dts for before, after in zip(track.packets, track.packets[1:], strict=False)):
        raise TimelineError("decoding times do not grow from frame to frame")
    tick = 1 / (work.frame_rate * track.time_base)
    shown = sorted(track.packets, key=lambda packet: packet.pts)
    for number, packet in enumerate(shown):
        if packet.pts != number * tick:
            raise TimelineError(f"frame {number} is shown at {packet.pts} ticks and not at {number * tick}")
    keys = {number for number, packet in enumerate(shown) if packet.key}
    borders = set(range(0, plan.frames, plan.segment_frames))
    if keys != borders:
        wrong = min(keys ^ borders)
        fault = "is a key frame within a segment" if wrong in keys else "begins a segment without a key frame"
        raise TimelineError(f"frame {wrong} {fault}")
