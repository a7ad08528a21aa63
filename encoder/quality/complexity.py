"""How hard the picture is to encode: spatial and temporal information, motion, grain, darkness."""

from __future__ import annotations

import math
import sys
from array import array
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from operator import mul, sub
from pathlib import Path
from statistics import fmean, median
from typing import NamedTuple

from encoder.quality.decode import DETAIL_COLUMNS, DETAIL_LINES, DETAIL_PEAK, SOBEL_DIVISOR, DetailFiles
from encoder.quality.picture import Frame
from lambdas.common.qc import Complexity
from lambdas.ingestion.analysis import Aspect, Shot

_LUMA = 255 / DETAIL_PEAK
# P.910 is in luma from 0 to 255, and films have 16 to 235 of it.
_SPREAD = _LUMA * 255 / 219
_DARK = 60
# Where the picture is black or white, grain is cut off.
_BLACK, _WHITE = 27, 230
_SMOOTHEST, _ENOUGH = 0.25, 0.1
# Immerkaer's estimate. The positive half has half of the mean absolute value, because the mask's sum is 0; and two
# frames' grain, which is not the same, adds up by squares.
_GRAIN = _LUMA * 2 * math.sqrt(math.pi / 2) / 6 / math.sqrt(2)


class Window(NamedTuple):
    """The part of the grid whose cells lie in the active picture altogether."""

    columns: range
    lines: range

    @classmethod
    def of(cls, aspect: Aspect) -> Window:
        """Return the window of a picture with these bars; the whole grid, if nothing would be left of it."""
        active = aspect.active
        columns = _inside(active.left, active.width, of=aspect.width, cells=DETAIL_COLUMNS)
        lines = _inside(active.top, active.height, of=aspect.height, cells=DETAIL_LINES)
        return cls(columns, lines) if columns and lines else cls(range(DETAIL_COLUMNS), range(DETAIL_LINES))


class Sample(NamedTuple):
    """What was measured of one frame, and of the step to the next."""

    frame: int
    spatial: float
    temporal: float
    grain: float | None
    dark: float
    """Share of the picture."""


def read_samples(files: DetailFiles, *, window: Window) -> list[Sample]:
    """Return what was measured, in the order of frames; a last frame that no other follows is left out."""
    luma = _grids(files.luma, window)
    # Of one file, two grids at a time.
    measured = zip(luma, luma, _grids(files.edges, window), _grids(files.noise, window), strict=False)
    return [
        Sample(
            frame=number * files.stride,
            spatial=SOBEL_DIVISOR * _SPREAD * _deviation(edges),
            temporal=_SPREAD * _deviation(list(map(sub, following, frame))),
            grain=_grain(frame, noise),
            dark=sum(value * _LUMA < _DARK for value in frame) / len(frame),
        )
        for number, (frame, following, edges, noise) in enumerate(measured)
    ]


def within_shots(samples: Sequence[Sample], shots: Sequence[Shot]) -> list[Sample]:
    """Return the samples whose two frames belong to one shot."""
    begins = {shot.first_frame for shot in shots}
    return [sample for sample in samples if sample.frame + 1 not in begins]


def film_complexity(
    samples: Sequence[Sample], *, frames: Sequence[Frame], shots: Sequence[Shot], aspect: Aspect
) -> Complexity | None:
    """Return what the film comes to, or none if nothing was measured.

    Parameters
    ----------
    samples
        Those `within_shots`.
    """
    if not samples:
        return None
    begins = {0, *(shot.first_frame for shot in shots)}
    active = aspect.active
    # Bars do not move: what does is so much more of the picture without them.
    share = active.width * active.height / (aspect.width * aspect.height)
    changes = [frame.change for number, frame in enumerate(frames) if number not in begins]
    grains = [sample.grain for sample in samples if sample.grain is not None]
    return Complexity(
        measured_frames=len(samples),
        active=active,
        spatial_mean=round(fmean(sample.spatial for sample in samples), 3),
        spatial_max=round(max(sample.spatial for sample in samples), 3),
        temporal_mean=round(fmean(sample.temporal for sample in samples), 3),
        temporal_max=round(max(sample.temporal for sample in samples), 3),
        overall=round(overall(samples), 3),
        motion_percent=round(fmean(changes) / share, 4) if changes and share else 0.0,
        grain=round(median(grains), 3) if grains else None,
        dark_percent=round(100 * fmean(sample.dark for sample in samples), 3),
    )


def with_complexity(shots: Sequence[Shot], samples: Sequence[Sample]) -> tuple[Shot, ...]:
    """Return `shots`, each with the complexity of its own samples, if it has any."""
    begins = [shot.first_frame for shot in shots]
    own: list[list[Sample]] = [[] for _ in shots]
    for sample in samples:
        own[bisect_right(begins, sample.frame) - 1].append(sample)
    return tuple(
        shot.model_copy(update={"complexity": round(overall(found), 3) if found else None})
        for shot, found in zip(shots, own, strict=True)
    )


def overall(samples: Sequence[Sample]) -> float:
    """Return one number for one or more samples, as `Complexity.overall` says it."""
    return math.log10(1 + fmean(sample.spatial * sample.temporal for sample in samples))


def _inside(first: int, length: int, *, of: int, cells: int) -> range:
    return range(-(-first * cells // of), (first + length) * cells // of)


def _grids(path: Path, window: Window) -> Iterator[array[int]]:
    size = 2 * DETAIL_COLUMNS * DETAIL_LINES
    left, right = window.columns.start, window.columns.stop
    with path.open("rb") as file:
        while len(raw := file.read(size)) == size:
            whole = array("H")
            whole.frombytes(raw)
            if sys.byteorder == "big":
                whole.byteswap()
            kept = array("H")
            for line in window.lines:
                kept += whole[line * DETAIL_COLUMNS + left : line * DETAIL_COLUMNS + right]
            yield kept


def _deviation(values: Sequence[int]) -> float:
    """Return the standard deviation; of whole numbers, the sums are exact."""
    count, total = len(values), sum(values)
    return math.sqrt(count * sum(map(mul, values, values)) - total * total) / count


def _grain(luma: Sequence[int], noise: Sequence[int]) -> float | None:
    told = sorted(cell for value, cell in zip(luma, noise, strict=True) if _BLACK < value * _LUMA < _WHITE)
    if len(told) < _ENOUGH * len(luma):
        return None
    return _GRAIN * told[int(_SMOOTHEST * len(told))]
