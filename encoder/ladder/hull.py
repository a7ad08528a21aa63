"""The upper convex hull of trials in (log bit rate, VMAF), and what is read off it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from math import log2

from lambdas.common.ladder import Probe

Point = tuple[float, float]
"""log2 of a bit rate, and VMAF."""


def upper_hull_of(points: Iterable[Point]) -> list[Point]:
    """Return the vertices of the upper convex hull, bit rates rising, as far as VMAF rises with them.

    By Andrew's monotone chain: a vertex is left out that lies on or below the line between its neighbours.
    """
    hull: list[Point] = []
    for point in sorted(points, key=lambda point: (point[0], -point[1])):
        if hull and point[1] <= hull[-1][1]:
            continue
        while len(hull) > 1 and _turn(hull[-2], hull[-1], point) >= 0:
            hull.pop()
        hull.append(point)
    return hull


def upper_hull(probes: Iterable[Probe]) -> tuple[Probe, ...]:
    """Return the trials that are vertices of their hull, bit rates rising."""
    by_point = {(log2(probe.kbps), probe.vmaf): probe for probe in probes}
    return tuple(by_point[point] for point in upper_hull_of(by_point))


def rate_on(hull: Sequence[Probe], *, vmaf: float) -> float | None:
    """Return the bit rate, in kbit/s, that `vmaf` takes on a hull; none beyond its ends."""
    for low, high in pairwise(hull):
        if low.vmaf <= vmaf <= high.vmaf:
            part = (vmaf - low.vmaf) / (high.vmaf - low.vmaf)
            return float(low.kbps * (high.kbps / low.kbps) ** part)
    return None


def _turn(first: Point, second: Point, third: Point) -> float:
    """Return a positive number if the way from `first` by `second` to `third` turns to the left, 0 if it does not."""
    x, y = second[0] - first[0], second[1] - first[1]
    return x * (third[1] - first[1]) - y * (third[0] - first[0])
