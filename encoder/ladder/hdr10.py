"""The HDR10 rungs of a title: those of its SDR ladder, at qualities of their own. Pure but for the trials.

PQ's code values are spaced otherwise than SDR's, so that a CRF means another quality and other bits, for each film
others. What it means, the best rung is asked: it is tried until its picture, tone-mapped as SDR shows it, reaches what
the best SDR rung reaches. The others keep their distance from it, and each is tried once, so that what it gives is
known.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from encoder.codecs import CRF_RANGE
from encoder.ladder.curves import Size
from lambdas.common.ladder import Codec, Probe

_MOST_TRIALS = 5
"""Of the best rung."""
_TOO_GOOD = 0.5
"""Of VMAF: so much above what is aimed at, and no more, is near enough."""
# Where the trials begin, below the CRF of SDR, and what one CRF less brings, before two trials have said it.
_FINER = {Codec.H264: 6.0, Codec.H265: 6.0, Codec.AV1: 10.0}
_VMAF_OF_CRF = {Codec.H264: 0.7, Codec.H265: 0.7, Codec.AV1: 0.35}
_FIRST_CRF = 8.0
"""Lower than what is worth trying in SDR."""


class Rung(NamedTuple):
    """A rung in SDR, and its size in HDR10."""

    size: Size
    crf: float


Measure = Callable[[Size, float], Probe]


def mirrored(rungs: Sequence[Rung], *, codec: Codec, aim: float, measure: Measure) -> tuple[tuple[Size, Probe], ...]:
    """Return the HDR10 rungs of a codec, the best first; bit rate and VMAF fall from each to the next.

    Parameters
    ----------
    rungs
        The best first.
    aim
        The VMAF that the best rung should have, tone-mapped. If no CRF of the codec's reaches it in five trials, it is
        the best picture of those.
    measure
        Tries a size at a CRF.
    """
    if not rungs:
        return ()
    best = _best(rungs[0], codec=codec, aim=aim, measure=measure)
    found = [(rungs[0].size, best)]
    for rung in rungs[1:]:
        probe = measure(rung.size, _nearest(rung.crf + best.crf - rungs[0].crf, codec=codec))
        if probe.kbps < found[-1][1].kbps and probe.vmaf < found[-1][1].vmaf:
            found.append((rung.size, probe))
    return tuple(found)


def _best(rung: Rung, *, codec: Codec, aim: float, measure: Measure) -> Probe:
    """Return the trial of the highest CRF that reaches `aim`; if none does, that of the best picture."""
    crfs = CRF_RANGE[codec]
    tried: dict[float, Probe] = {}
    crf, slope = rung.crf - _FINER[codec], _VMAF_OF_CRF[codec]
    for _ in range(_MOST_TRIALS):
        crf = _nearest(crf, codec=codec)
        if crf in tried:
            break
        probe = tried[crf] = measure(rung.size, crf)
        if aim <= probe.vmaf <= aim + _TOO_GOOD:
            break
        # By the line through the two trials between which the aim lies, or that are nearest to it.
        near = sorted(tried.values(), key=lambda each: abs(each.vmaf - aim))[:2]
        if len(near) > 1 and near[0].vmaf != near[1].vmaf:
            slope = max(abs((near[0].vmaf - near[1].vmaf) / (near[0].crf - near[1].crf)), slope / 4)
        middle = aim + _TOO_GOOD / 2
        crf = near[0].crf + (near[0].vmaf - middle) / slope
        # What is asked for twice has a neighbour that nobody has asked.
        if _nearest(crf, codec=codec) in tried:
            crf += crfs.step if near[0].vmaf > middle else -crfs.step
    reached = [probe for probe in tried.values() if probe.vmaf >= aim]
    return max(reached, key=lambda probe: probe.crf) if reached else max(tried.values(), key=lambda probe: probe.vmaf)


def _nearest(crf: float, *, codec: Codec) -> float:
    crfs = CRF_RANGE[codec]
    return min(crfs.last, max(_FIRST_CRF, round(crf / crfs.step) * crfs.step))
