"""Task ``encode-audio``: encode the whole audio track."""

from __future__ import annotations

from pathlib import Path

from encoder.chunk import NO_METADATA
from encoder.claims import Claims
from encoder.errors import NotInPlanError
from encoder.plan import Work
from encoder.storage import ObjectStore
from encoder.tools import ffmpeg, untrusted
from encoder.window import Window

SAMPLE_RATE_HZ = 48_000


def encode_audio(*, plan: str, store: ObjectStore, claims: Claims) -> None:
    """Encode the source's first audio stream as the plan's recipe says, once.

    Raises
    ------
    NotInPlanError
        If the plan has no audio.
    ToolFailedError
        If ffmpeg cannot read the source, or the source has no audio.
    """
    work = Work.read(plan, store=store)
    recipe = work.plan.audio
    if recipe is None:
        raise NotInPlanError(f"the plan of version {work.plan.version_id} has no audio")

    def make(folder: Path) -> Path:
        encoded = folder / "audio.mp4"
        # Sound that ends before the picture is filled with silence, sound that runs on is cut: the tracks of
        # a presentation are equally long.
        sound = f"aresample={SAMPLE_RATE_HZ},apad,atrim=duration={work.duration_s:.6f}"
        with Window(store, work.plan.source) as source:
            ffmpeg(
                *(*untrusted(source.url), "-i", source.url, "-map", "0:a:0", "-af", sound, "-ac", str(recipe.channels)),
                *("-c:a", "aac", "-b:a", f"{recipe.bitrate_kbps}k", *NO_METADATA),
                *("-movflags", "+faststart", encoded),
            )
        return encoded

    work.once(work.jobs.audio, target=work.audio_file, claims=claims, make=make)
