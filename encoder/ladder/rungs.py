"""The choice of a ladder's rungs from the curves of its sizes. Pure.

The best rung takes the fewest bits that reach what is aimed at, at a size of the highest tier. Below it bit rates are
spaced evenly in their logarithm, down to the floor; each rung is on the upper hull of all sizes, near there.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, inf, log2
from typing import NamedTuple

import numpy as np

from encoder.ladder.curves import Curve, Numbers, Size
from encoder.ladder.hull import upper_hull_of
from lambdas.common.media import Tier
from lambdas.encoding.models import SearchRules

_LEAST_GAIN = 1.0
"""Of VMAF: nobody sees less."""
# A trial that was made is as good as one to be made that is nearer to where a rung should be by so many octaves of bit
# rate: a step of CRF, or a little more.
_TRIAL = 0.12
# How much farther from there it may rather be than waste bits: what is 3 % above the hull is as far as an octave off.
_WASTE = 40.0
# In octaves: what is not farther above the hull, 2.8 %, is worth keeping to the floor for.
_GOOD = 0.04


class Point(NamedTuple):
    """A size at a CRF, tried or expected."""

    size: Size
    step: int
    """The CRF, by its place in the scale."""
    octaves: float
    vmaf: float
    tried: bool

    @property
    def kbps(self) -> float:
        """The bit rate."""
        return float(2**self.octaves)


def choose(curves: Sequence[Curve], *, aim: float, rules: SearchRules, tried_only: bool = False) -> tuple[Point, ...]:
    """Return the rungs of a ladder, the best first; VMAF falls from each to the next.

    Parameters
    ----------
    curves
        Of every size.
    aim
        The VMAF of the best rung.
    tried_only
        A rung has to be where a trial is.
    """
    tiers = sorted({curve.size.tier for curve in curves}, key=list(Tier).index)
    every, *by_tier = (
        _Points(offered, tried_only=tried_only)
        for offered in (curves, *([curve for curve in curves if curve.size.tier is tier] for tier in tiers))
    )
    best = by_tier[-1].best(aim=aim)
    rungs = [best]
    for octaves in _spaced(best.octaves, rules=rules)[1:]:
        found = every.at(octaves, below=rungs[-1], floor=log2(rules.floor_kbps))
        rungs += [found] if found else []
    rungs = _worthwhile(rungs)
    for tier, points in zip(tiers, by_tier, strict=True):
        if all(rung.size.tier is not tier for rung in rungs):
            lowest = rungs[-1]
            octaves = lowest.octaves if len(rungs) > 1 else best.octaves - log2(rules.step)
            if len(rungs) == rules.most_rungs and sum(rung.size.tier is lowest.size.tier for rung in rungs) > 1:
                rungs.pop()
            rungs.append(points.at(octaves, below=rungs[-1]) or points.worst())
    return tuple(rungs)


def _spaced(best: float, *, rules: SearchRules) -> Numbers:
    """Return log2 of the rungs' bit rates, the best first."""
    floor = log2(rules.floor_kbps)
    # Where it comes out even, rounding must not add a rung.
    count = 1 + ceil((best - floor) / log2(rules.step) - 1e-6)
    return np.linspace(best, floor, min(rules.most_rungs, count)) if best > floor else np.array([best])


def _worthwhile(rungs: Sequence[Point]) -> list[Point]:
    """Return the rungs without those that gain too little over the next lower one of their tier."""
    kept: list[Point] = []
    for rung in reversed(rungs[1:]):
        lower = next((low for low in reversed(kept) if low.size.tier is rung.size.tier), None)
        if lower is None or rung.vmaf >= lower.vmaf + _LEAST_GAIN:
            kept.append(rung)
    return [rungs[0], *reversed(kept)]


class _Points:
    """Every CRF of some sizes, in one row."""

    def __init__(self, curves: Sequence[Curve], *, tried_only: bool) -> None:
        self._curves = curves
        self._octaves = np.concatenate([curve.octaves for curve in curves])
        self._vmaf = np.concatenate([curve.vmaf for curve in curves])
        self._tried = np.concatenate([curve.doubt for curve in curves]) == 0
        self._offered = self._tried if tried_only else np.full_like(self._tried, fill_value=True)
        hull = upper_hull_of(zip(self._octaves, self._vmaf, strict=True))
        # By how much more bits a point takes than the hull for the same.
        self._waste = np.maximum(0.0, self._octaves - np.interp(self._vmaf, *reversed(np.transpose(hull))))

    def best(self, *, aim: float) -> Point:
        """Return the fewest bits that reach `aim`; if none do, those of the best picture."""
        reached = self._offered & (self._vmaf >= min(aim, self._vmaf[self._offered].max()))
        return self._point(int(np.where(reached, self._octaves, np.inf).argmin()))

    def at(self, octaves: float, *, below: Point, floor: float = -inf) -> Point | None:
        """Return what looks best about a bit rate, of fewer bits and lower VMAF than `below`; none if nothing is.

        Bit rates are log2 of kbit/s. It is not below `floor` by more than a step of CRF, if anything good is above.
        """
        offered = self._offered & (self._vmaf < below.vmaf) & (self._octaves <= below.octaves)
        above = offered & (self._octaves >= floor - _TRIAL) & (self._waste <= _GOOD)
        offered = above if above.any() else offered
        cost = _WASTE * self._waste + np.abs(self._octaves - octaves) + _TRIAL * ~self._tried
        return self._point(int(np.where(offered, cost, np.inf).argmin())) if offered.any() else None

    def worst(self) -> Point:
        """Return the lowest VMAF."""
        return self._point(int(np.where(self._offered, self._vmaf, np.inf).argmin()))

    def _point(self, at: int) -> Point:
        number, step = divmod(at, len(self._curves[0].octaves))
        return Point(
            size=self._curves[number].size,
            step=step,
            octaves=float(self._octaves[at]),
            vmaf=float(self._vmaf[at]),
            tried=bool(self._tried[at]),
        )
