"""The upper convex hull of trials in (log bit rate, VMAF), and what is read off it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from math import log2

from lambdas.common.ladder import Probe


def upper_hull(probes: Iterable[Probe]) -> tuple[Probe, ...]:
    """Return the vertices of the upper convex hull, bit rates rising, as far as VMAF rises with them.

    By Andrew's monotone chain: a vertex is left out that lies on or below the line between its neighbours.
    """
    hull: list[Probe] = []
    for probe in sorted(probes, key=lambda probe: (probe.kbps, -probe.vmaf)):
        if hull and probe.vmaf <= hull[-1].vmaf:
            continue
        while len(hull) > 1 and _turn(hull[-2], hull[-1], probe) >= 0:
            hull.pop()
        hull.append(probe)
    return tuple(hull)


def rate_on(hull: Sequence[Probe], *, vmaf: float) -> float | None:
    """Return the bit rate, in kbit/s, that `vmaf` takes on a hull; none beyond its ends."""
    for low, high in pairwise(hull):
        if low.vmaf <= vmaf <= high.vmaf:
            part = (vmaf - low.vmaf) / (high.vmaf - low.vmaf)
            return float(low.kbps * (high.kbps / low.kbps) ** part)
    return None


def _turn(first: Probe, second: Probe, third: Probe) -> float:
    """Return a positive number if the way from `first` by `second` to `third` turns to the left, 0 if it does not."""
    x, y = log2(second.kbps / first.kbps), second.vmaf - first.vmaf
    return x * (third.vmaf - first.vmaf) - y * log2(third.kbps / first.kbps)
