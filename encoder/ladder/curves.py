"""What a size gives at every CRF: known where it was tried, expected in between. Pure.

A curve is a prior, shifted to go through what was tried: by the difference at a single trial, by a monotone cubic
(PCHIP) of the differences between several. Two sizes of one film differ far less in shape than a curve is bent, so the
next larger size's curve is the prior; that of the first is a rule of thumb.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log2
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

from lambdas.common.ladder import Probe
from lambdas.common.media import Tier

Numbers = NDArray[np.float64]

# VMAF falls by the square of the CRF, from 100 at its best to this much less at its worst.
_WORST_LOSS = 40.0
# Bits at one CRF grow more slowly than pixels do.
_BITS_BY_PIXELS = 0.8


class Size(NamedTuple):
    """A size that rungs may have."""

    rung: str
    """The fixed rung that brings it."""
    width: int
    height: int
    tier: Tier

    @property
    def pixels(self) -> int:
        """Pixels of a frame."""
        return self.width * self.height


@dataclass(frozen=True, kw_only=True)
class Scale:
    """The CRFs of a codec that may be tried."""

    crfs: Numbers
    """Growing: bit rate and quality fall."""
    octave: float
    """By how much more CRF takes about half the bits."""


@dataclass(frozen=True, kw_only=True)
class Curve:
    """What is expected of a size at each CRF of a scale; where it was tried, what came out."""

    size: Size
    octaves: Numbers
    """log2 of kbit/s."""
    vmaf: Numbers
    doubt: Numbers
    """How far the nearest trial is, in octaves of bit rate; 0: this is one."""

    def vmaf_at(self, octaves: Numbers) -> Numbers:
        """Return the VMAF at bit rates (log2 of kbit/s); minus infinity where no CRF gives so few bits."""
        # What is measured may rise a little where it should fall, and an interpolation goes by order.
        falling = np.minimum.accumulate(self.octaves)
        at: Numbers = np.interp(octaves, falling[::-1], self.vmaf[::-1], left=-np.inf)
        return at


def curves_of(sizes: Sequence[Size], trials: Mapping[Size, Mapping[float, Probe]], *, scale: Scale) -> list[Curve]:
    """Return a curve for each of `sizes`, which stand in the order of their pixels, most first.

    Parameters
    ----------
    trials
        By size and CRF.
    """
    span = (scale.crfs - scale.crfs[0]) / (scale.crfs[-1] - scale.crfs[0])
    octaves, vmaf = -scale.crfs / scale.octave, 100 - _WORST_LOSS * span**2
    curves: list[Curve] = []
    for size in sizes:
        if curves:
            larger = curves[-1]
            octaves = larger.octaves + _BITS_BY_PIXELS * log2(size.pixels / larger.size.pixels)
            vmaf = larger.vmaf
        tried = trials.get(size, {})
        rates = {crf: log2(probe.kbps) for crf, probe in tried.items()}
        marks = {crf: probe.vmaf for crf, probe in tried.items()}
        distance = np.min([np.abs(scale.crfs - crf) for crf in tried] or [np.full_like(scale.crfs, np.inf)], axis=0)
        curves.append(
            Curve(
                size=size,
                octaves=_through(octaves, rates, scale=scale),
                vmaf=np.minimum(_through(vmaf, marks, scale=scale), 100.0),
                doubt=distance / scale.octave,
            )
        )
    return curves


def _through(prior: Numbers, tried: Mapping[float, float], *, scale: Scale) -> Numbers:
    """Return `prior`, shifted to go through what was tried; beyond the last trials, as a line through them says."""
    if not tried:
        return prior
    crfs = np.array(sorted(tried))
    shifts = np.array([tried[crf] for crf in crfs]) - np.interp(crfs, scale.crfs, prior)
    if len(crfs) == 1:
        return np.asarray(prior + shifts[0])
    slopes = np.diff(shifts) / np.diff(crfs)
    before, behind = np.minimum(scale.crfs - crfs[0], 0), np.maximum(scale.crfs - crfs[-1], 0)
    between = PchipInterpolator(crfs, shifts)(np.clip(scale.crfs, crfs[0], crfs[-1]))
    shifted: Numbers = prior + between + slopes[0] * before + slopes[-1] * behind
    return shifted
