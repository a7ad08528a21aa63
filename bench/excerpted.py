"""A clip on this machine, and what the search for a ladder needs of a plan."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from encoder.ladder.excerpts import Reel, cut
from encoder.plan import Work
from lambdas.common.media import ObjectRef
from lambdas.encoding.ladder import cut_to
from lambdas.encoding.models import EncodingPlan, Excerpt
from sandbox.film import FRAME_RATE
from stacks.settings import SANDBOX

_NOWHERE = ObjectRef(bucket="bench", key="none")


def work_on(*, height: int, frames: int, excerpts: Sequence[Excerpt]) -> Work:
    """Return a plan of a 16:9 film of `height` lines, with the sandbox's ladder and rules."""
    encoding, width = SANDBOX.encoding, height * 16 // 9
    fixed = cut_to(encoding.ladder, width=width, height=height)
    plan = EncodingPlan(
        studio="bench",
        delivery_id="bench",
        title_id="bench",
        version_id="bench",
        source=_NOWHERE,
        work_bucket=_NOWHERE.bucket,
        media_bucket=_NOWHERE.bucket,
        frame_rate=f"{FRAME_RATE}/1",
        frames=frames,
        width=width,
        height=height,
        segment_frames=encoding.segment_s * FRAME_RATE,
        segment_s=encoding.segment_s,
        chunks=(),
        video=fixed,
        fixed=fixed,
        excerpts=tuple(excerpts),
        search=encoding.search,
        keys=(),
    )
    return Work(plan)


def reel_of(film: Path, *, work: Work, folder: Path) -> Reel:
    """Cut the plan's excerpts out of a film of 8-bit rungs."""
    return cut(film, work.plan.excerpts, work=work, pixel_format="yuv420p", folder=folder)
