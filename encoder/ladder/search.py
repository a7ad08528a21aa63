"""The search for a title's ladder: as few trials as will do. Pure but for the trials.

Each size is tried twice, where it is expected to be of use; then the curves say which rungs to choose, and what has not
been tried of them is tried, as is a rival that may look better at a rung's bit rate, and the end of a size that gives
way to a smaller one. The search is over when every rung is a trial that none of these comes near to, or when the trials
are used up.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from math import log2
from typing import NamedTuple

import numpy as np

from encoder.codecs import CRF_RANGE
from encoder.ladder.curves import Curve, Scale, Size, curves_of
from encoder.ladder.rungs import Point, choose
from lambdas.common.ladder import Codec, Probe
from lambdas.encoding.models import CRF_PER_DOUBLING, SearchRules

_OF_GRID = 4
"""A search makes at most the fourth part of the grid's trials."""
# What is thought of a size half an octave of bit rate from its nearest trial may be wrong by 3 of VMAF; a quarter of an
# octave away it is taken for known.
_DOUBT, _KNOWN = 6.0, 0.25

Measure = Callable[[Size, float], Probe]
"""Tries a size at a CRF."""


class Found(NamedTuple):
    """What a search has found."""

    probes: tuple[Probe, ...]
    """In the order in which they were tried."""
    rungs: tuple[tuple[Size, Probe], ...]
    """The best first."""


def grid_of(codec: Codec) -> tuple[float, ...]:
    """Return the CRFs that an exhaustive search would try of each size: every whole one of the codec's range."""
    crfs = CRF_RANGE[codec]
    return tuple(float(crf) for crf in range(round(crfs.first), round(crfs.last) + 1))


def search(codec: Codec, sizes: Sequence[Size], *, aim: float, rules: SearchRules, measure: Measure) -> Found:
    """Find the ladder of a title in a codec.

    Parameters
    ----------
    sizes
        That rungs may have, in any order.
    aim
        The VMAF that the best rung should have.
    """
    crfs = CRF_RANGE[codec]
    scale = Scale(crfs=np.arange(crfs.first, crfs.last + crfs.step / 2, crfs.step), octave=CRF_PER_DOUBLING[codec])
    ordered = sorted(sizes, key=lambda size: size.pixels, reverse=True)
    most = len(grid_of(codec)) * len(sizes) // _OF_GRID
    trials = _Trials(ordered, scale=scale, measure=measure)
    _begin(trials, aim=aim, rules=rules)
    while True:
        curves = trials.curves()
        rungs = choose(curves, aim=aim, rules=rules)
        untried = ((rung.size, rung.step) for rung in rungs if not rung.tried)
        wanted = next(untried, None) or _rival(curves, rungs=rungs) or _end(curves, rungs=rungs)
        if wanted is None:
            break
        if len(trials.made) >= most:
            rungs = choose(curves, aim=aim, rules=rules, tried_only=True)
            break
        trials.make(*wanted)
    return Found(probes=tuple(trials.made), rungs=tuple((rung.size, trials.at(rung.size, rung.step)) for rung in rungs))


class _Trials:
    """The trials that were made."""

    def __init__(self, sizes: Sequence[Size], *, scale: Scale, measure: Measure) -> None:
        self.sizes, self.scale, self._measure = sizes, scale, measure
        self.made: list[Probe] = []
        self._by_size: dict[Size, dict[float, Probe]] = {size: {} for size in sizes}

    def make(self, size: Size, index: int) -> None:
        crf = float(self.scale.crfs[index])
        probe = self._by_size[size][crf] = self._measure(size, crf)
        self.made.append(probe)

    def at(self, size: Size, index: int) -> Probe:
        return self._by_size[size][float(self.scale.crfs[index])]

    def curves(self) -> list[Curve]:
        return curves_of(self.sizes, self._by_size, scale=self.scale)


def _begin(trials: _Trials, *, aim: float, rules: SearchRules) -> None:
    """Try each size twice: at the ends of its part, where the sizes share the bit rates from the best to the floor."""
    apart = round(trials.scale.octave / 2 / (trials.scale.crfs[1] - trials.scale.crfs[0]))
    last = len(trials.scale.crfs) - 1
    first = choose(trials.curves()[:1], aim=aim, rules=rules)[0]
    trials.make(first.size, first.step)
    for number, size in enumerate(trials.sizes):
        best = choose(trials.curves()[: number + 1], aim=aim, rules=rules)[0].octaves
        part = (best - min(log2(rules.floor_kbps), best - log2(rules.step))) / len(trials.sizes)
        if number > 0:
            trials.make(size, _nearest(trials.curves()[number], best - part * number))
        curve = trials.curves()[number]
        [upper] = np.flatnonzero(curve.doubt == 0)
        lower = max(_nearest(curve, best - part * (number + 1)), int(upper) + apart)
        trials.make(size, lower if lower <= last else int(upper) - apart)


def _nearest(curve: Curve, octaves: float) -> int:
    return int(np.abs(curve.octaves - octaves).argmin())


def _end(curves: Sequence[Curve], *, rungs: Sequence[Point]) -> tuple[Size, int] | None:
    """Return the coarsest CRF of a size whose rungs give way to a smaller one's, if it is not known; none if all are.

    The hull may go from there to the next rungs, and leave them below it.
    """
    by_size = {curve.size: curve for curve in curves}
    for rung, lower in pairwise(rungs):
        curve = by_size[rung.size]
        if rung.size != lower.size and curve.doubt[-1] > _KNOWN and curve.octaves[-1] > lower.octaves:
            return rung.size, len(curve.octaves) - 1
    return None


def _rival(curves: Sequence[Curve], *, rungs: Sequence[Point]) -> tuple[Size, int] | None:
    """Return the size and CRF that may look most better than a rung, for as many bits; none if none may."""
    most, rival = 0.0, None
    for number, rung in enumerate(rungs):
        for curve in curves:
            index = _nearest(curve, rung.octaves)
            doubt = float(curve.doubt[index])
            # The best rung is of the highest tier.
            meets = curve.size != rung.size and (number > 0 or curve.size.tier is rung.size.tier)
            ahead = float(curve.vmaf_at(np.array(rung.octaves))) + _DOUBT * doubt - rung.vmaf
            if meets and doubt > _KNOWN and ahead > most:
                most, rival = ahead, (curve.size, index)
    return rival
