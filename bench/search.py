"""The search for a ladder beside the exhaustive grid: what it encodes, and how far its rungs are from the best.

The grid is every size at every whole CRF, tried on the same excerpts in the same way. A rung's error is what it takes
beyond the grid's best size at the same VMAF; between CRFs, by the logarithm of the bit rate. The best rung is held
against sizes of its own tier, as the rules are; so is the one rung of a tier that is there for its key.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

from bench.excerpted import reel_of, work_on
from bench.row import Figure
from encoder.ladder.excerpts import Reel
from encoder.ladder.search import grid_of
from encoder.ladder.trials import Trials
from encoder.plan import Work
from encoder.search import report_on
from lambdas.common.ladder import Probe, SearchedRung
from lambdas.encoding.excerpts import excerpts_of
from lambdas.encoding.models import VideoRecipe
from lambdas.encoding.shots import Shot
from sandbox.film import FRAME_RATE, render_sample

_SECONDS = 24
_HEIGHT = 720
# Half as many as the sandbox's: the grid takes 93 encodes of each.
_EXCERPTS = 3
_GRID = "every size at every whole CRF"


def figures() -> Iterator[Figure]:
    """Search the sample film's ladder, then try the whole grid."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        film = render_sample(folder / "film", seconds=_SECONDS, height=_HEIGHT, cache=False)
        frames = _SECONDS * FRAME_RATE
        rules = work_on(height=_HEIGHT, frames=frames, excerpts=()).plan.search
        if rules is None:
            raise ValueError("the sandbox's settings have no rules to search by")
        shots = [Shot(first_frame=scene.first_frame) for scene in film.scenes]
        fewer = rules.model_copy(update={"excerpts": _EXCERPTS})
        excerpts = excerpts_of(shots, frames=frames, frame_rate=Fraction(FRAME_RATE), rules=fewer)
        work = work_on(height=_HEIGHT, frames=frames, excerpts=excerpts)
        reel = reel_of(film.feature, work=work, folder=folder)
        started = time.monotonic()
        report = report_on(reel, work=work, rules=rules, folder=folder)
        ours_s = time.monotonic() - started
        started = time.monotonic()
        grid = _grid(reel, work=work, folder=folder)
        grid_s = time.monotonic() - started
    [ladder] = report.ladders
    yield Figure("search: encoded", report.search_frames, _GRID, report.grid_frames, "frames")
    # The fixed ladder's trials are in ours.
    yield Figure("search: time, the fixed ladder's trials included", ours_s, _GRID, grid_s, "s")
    for place, rung in enumerate(ladder.rungs):
        alone = sum(each.tier is rung.tier for each in ladder.rungs) == 1
        sizes = [recipe for recipe in grid if recipe.tier is rung.tier or not (place == 0 or alone)]
        least = min(kbps for recipe in sizes if (kbps := _kbps_at(rung, probes=grid[recipe])) is not None)
        what = f"search: rung {rung.rung}, CRF {rung.crf:g}, VMAF {rung.vmaf:.2f}"
        yield Figure(what, rung.kbps, "the grid's best at the same VMAF", least, "kbit/s")


def _grid(reel: Reel, *, work: Work, folder: Path) -> dict[VideoRecipe, list[Probe]]:
    trials = Trials(reel, work=work, folder=folder)
    grid: dict[VideoRecipe, list[Probe]] = {}
    for recipe in work.plan.fixed:
        for crf in grid_of(recipe.codec):
            outcome = trials.at_crf(recipe, crf)
            probe = Probe(width=recipe.width, height=recipe.height, crf=crf, **outcome._asdict())
            grid.setdefault(recipe, []).append(probe)
    return grid


def _kbps_at(rung: SearchedRung, *, probes: Sequence[Probe]) -> float | None:
    for better, worse in pairwise(probes):
        if worse.vmaf <= rung.vmaf <= better.vmaf and better.vmaf > worse.vmaf:
            part = (rung.vmaf - worse.vmaf) / (better.vmaf - worse.vmaf)
            return float(worse.kbps * (better.kbps / worse.kbps) ** part)
    return None
