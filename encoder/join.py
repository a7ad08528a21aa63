"""Task ``join``: put the chunks of a rung together without touching a picture."""

from __future__ import annotations

from pathlib import Path

from encoder.chunk import NO_METADATA, check_peak, timescale
from encoder.claims import Claims
from encoder.errors import FrameCountError, TimelineError
from encoder.plan import Work
from encoder.probe import PictureTrack, picture_track
from encoder.storage import ObjectStore
from encoder.tools import ffmpeg


def join(*, plan: str, rung: str, store: ObjectStore, claims: Claims) -> None:
    """Join the chunks of `rung` into its rendition, once.

    Raises
    ------
    NotInPlanError
        If the plan has no such rung.
    ObjectMissingError
        If a chunk has not been encoded.
    FrameCountError, TimelineError
        As `check_timeline` says.
    PeakError
        If a second takes more than the rung's peak.
    """
    work = Work.read(plan, store=store)
    work.recipe(rung)

    def make(folder: Path) -> Path:
        joined = folder / "rendition.mp4"
        lines = ["ffconcat version 1.0"]
        for chunk in work.plan.chunks:
            file = folder / f"{chunk.index:05d}.mp4"
            store.fetch(work.chunk_file(rung, chunk.index), file)
            # The exact length: a file's own is rounded, and every later chunk would inherit the error.
            lines += [f"file {file.name}", f"duration {float(chunk.frames / work.frame_rate):.6f}"]
        (folder / "chunks.ffconcat").write_text("\n".join(lines) + "\n", encoding="utf-8")
        ffmpeg(
            *("-f", "concat", "-i", folder / "chunks.ffconcat", "-map", "0:v:0", "-c", "copy", *NO_METADATA),
            *("-video_track_timescale", str(timescale(work)), "-movflags", "+faststart", joined),
        )
        track = picture_track(joined)
        check_timeline(track, work=work)
        # A chunk that is encoded with more bits may take a higher peak; where two chunks meet, each has its own.
        peaks = (work.plan.recipe(rung, chunk.index).peak_kbits for chunk in work.plan.chunks)
        check_peak(track, rung=rung, peak_kbits=max(peaks))
        return joined

    work.once(work.jobs.join(rung), target=work.rendition_file(rung), claims=claims, make=make)


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
