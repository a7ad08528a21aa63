"""A clip's own ladder beside the fixed one, and beside one CRF at each size, which follows complexity alone.

Each clip is tried as a whole, as a film of one segment. At the target: what the best rung takes that reaches VMAF 95.5,
beside the peer's best rung, whatever VMAF that has. At equal VMAF: what the hull of the clip's trials takes for what a
rung of the peer gives; above the hull's best picture nothing is said.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.clips import FRAMES, HEIGHT, Clip, clips
from bench.excerpted import reel_of, work_on
from bench.row import Figure
from encoder.ladder.savings import savings_of
from encoder.ladder.trials import Trials
from encoder.search import report_on
from lambdas.common.ladder import FixedRung, SearchedRung
from lambdas.encoding.models import Excerpt

_CRF = 23
"""x264's own default."""


def figures() -> Iterator[Figure]:
    """Search the ladder of one clip of real footage, and of four that ffmpeg draws."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for clip in clips(folder):
            yield from _compared(clip, folder=folder)


def _compared(clip: Clip, *, folder: Path) -> Iterator[Figure]:
    whole = Excerpt(first_frame=clip.first_frame, frames=FRAMES, share=1)
    work = work_on(height=HEIGHT, frames=FRAMES, excerpts=[whole])
    reel = reel_of(clip.source, work=work, folder=folder)
    if work.plan.search is None:
        raise ValueError("the sandbox's settings have no rules to search by")
    [ladder] = report_on(reel, work=work, rules=work.plan.search, folder=folder).ladders
    trials = Trials(reel, work=work, folder=folder)
    by_crf = []
    for recipe in work.plan.fixed:
        outcome = trials.at_crf(recipe, _CRF)
        size = {"width": recipe.width, "height": recipe.height}
        by_crf.append(FixedRung(rung=recipe.rung, kbps=outcome.kbps, vmaf=outcome.vmaf, **size))
    for peer, rungs in (("fixed ladder", ladder.fixed), (f"CRF {_CRF} at each size", by_crf)):
        yield _at_target(clip.name, best=ladder.rungs[0], peer=peer, rungs=rungs)
        saved = savings_of(ladder.rungs, hull=ladder.hull, fixed=rungs, target=work.plan.vmaf_target)
        for equal in saved.equal_vmaf:
            what = f"{clip.name}: at equal VMAF {equal.vmaf:.1f}, {equal.rung}"
            yield Figure(what, equal.hull_kbps, peer, equal.fixed_kbps, "kbit/s")


def _at_target(clip: str, *, best: SearchedRung, peer: str, rungs: Sequence[FixedRung]) -> Figure:
    top = max(rungs, key=lambda rung: (rung.width * rung.height, rung.kbps))
    what = f"{clip}: at the target, VMAF {best.vmaf:.1f} beside {top.vmaf:.1f}"
    return Figure(what, best.kbps, peer, top.kbps, "kbit/s")
