"""The excerpts that a title's ladder is searched on: a few seconds that stand for the film. Pure.

Where a film has few shots, every one of them is looked at, and counts as much as it lasts. Of many, the film is divided
into strata of the same length, of shots that are alike hard to encode where the analysis says of most how hard they
are, and that follow each other in time where it does not; the shot in the middle of a stratum stands for it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import pairwise
from statistics import median
from typing import NamedTuple

from lambdas.encoding.models import Excerpt, SearchRules
from lambdas.encoding.shots import Shot

_LONGEST_S = 30
"""A longer shot counts as several: a camera that is left running shows more than its middle."""


class _Run(NamedTuple):
    """A shot, or a piece of a long one."""

    first_frame: int
    frames: int
    complexity: float | None


def excerpts_of(shots: Sequence[Shot], *, frames: int, frame_rate: Fraction, rules: SearchRules) -> tuple[Excerpt, ...]:
    """Return the excerpts of a film, in the film's order; their shares sum to 1.

    An excerpt is the middle of its shot: a viewer looks there, and no fade does.

    Parameters
    ----------
    shots
        As the analysis has found them; without any, the excerpts are spread evenly in time.
    frames
        Of the film.
    frame_rate
        Frames a second.
    """
    longest = max(1, int(_LONGEST_S * frame_rate)) if shots else -(-frames // rules.excerpts)
    runs = [piece for shot in _shots(shots, frames=frames) for piece in _pieces(shot, longest=longest)]
    shares = _shares(runs, strata=rules.excerpts) if len(runs) > rules.excerpts else _lengths(runs, frames=frames)
    most = max(1, round(Fraction(rules.excerpt_s) * frame_rate))
    return tuple(
        Excerpt(
            first_frame=run.first_frame + (run.frames - min(run.frames, most)) // 2,
            frames=min(run.frames, most),
            share=float(share),
            shot_frames=run.frames if shots else None,
        )
        for run, share in sorted(shares.items())
    )


def _shots(shots: Sequence[Shot], *, frames: int) -> list[_Run]:
    hard = {shot.first_frame: shot.complexity for shot in shots if shot.first_frame < frames}
    begins = sorted({0, *hard})
    ends = [*begins[1:], frames]
    return [_Run(begin, end - begin, hard.get(begin)) for begin, end in zip(begins, ends, strict=True)]


def _pieces(shot: _Run, *, longest: int) -> list[_Run]:
    count = -(-shot.frames // longest)
    borders = [shot.first_frame + shot.frames * index // count for index in range(count + 1)]
    return [shot._replace(first_frame=begin, frames=end - begin) for begin, end in pairwise(borders)]


def _lengths(runs: Sequence[_Run], *, frames: int) -> dict[_Run, Fraction]:
    return {run: Fraction(run.frames, frames) for run in runs}


def _shares(runs: Sequence[_Run], *, strata: int) -> dict[_Run, Fraction]:
    """Return the runs that stand in the middle of the strata, and of how much of the film each is typical."""
    ordered = sorted(runs, key=_hardness(runs))
    total = sum(run.frames for run in ordered)
    taken: Counter[_Run] = Counter()
    passed, index = 0, 0
    for stratum in range(strata):
        middle = Fraction(total * (2 * stratum + 1), 2 * strata)
        while passed + ordered[index].frames <= middle:
            passed += ordered[index].frames
            index += 1
        taken[ordered[index]] += 1
    return {run: Fraction(count, strata) for run, count in taken.items()}


def _hardness(runs: Sequence[_Run]) -> Callable[[_Run], tuple[float, int]]:
    """Return what orders runs: how hard they are, if that is known of most, and their place in the film."""
    known = [run.complexity for run in runs if run.complexity is not None]
    if 2 * len(known) <= len(runs):
        return lambda run: (0.0, run.first_frame)
    # A shot of less than half a second cannot be measured: it counts as a middling one.
    middling = median(known)
    return lambda run: (middling if run.complexity is None else run.complexity, run.first_frame)
