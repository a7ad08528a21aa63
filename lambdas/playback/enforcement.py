"""Enforcement by stages: a suspicion that grows is met with a notice, then with a question, then with a block.

A state machine with time. Suspicion is points that halve in `HALF_LIFE_S`; a stage is entered from the one before it,
never past it, and only after some time there. Whoever behaves climbs down the same stairs, one by one.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

from lambdas.common.media import Record

DAY_S = 86_400
HALF_LIFE_S = 14 * DAY_S


class Stage(StrEnum):
    """How an account is treated."""

    CLEAR = "clear"
    NOTICE = "notice"
    """It plays, and is told why it is looked at."""
    CHALLENGE = "challenge"
    """It plays again once somebody has signed in anew, with the password and the second factor if there is one."""
    BLOCK = "block"
    """It does not play until the suspicion has faded, or support has decided."""


class _Step(NamedTuple):
    enters_at: float
    after_s: int
    """How long the stage before must have lasted."""


STAGES = tuple(Stage)
_STEPS = {
    Stage.NOTICE: _Step(enters_at=10, after_s=0),
    Stage.CHALLENGE: _Step(enters_at=20, after_s=7 * DAY_S),
    Stage.BLOCK: _Step(enters_at=40, after_s=3 * DAY_S),
}
_LEAVES_AT = 0.5
"""Of what a stage is entered at: so an account does not go to and fro."""
_SHORTEST_S = DAY_S


class Standing(Record):
    """Where an account stands. Times are seconds since the epoch."""

    stage: Stage = Stage.CLEAR
    since: int = 0
    points: float = 0.0
    at: int = 0
    reasons: tuple[str, ...] = ()
    """Why the stage is what it is, as codes; at every stage but `CLEAR` there is one."""


def step(
    standing: Standing, *, points: float = 0.0, reasons: Iterable[str] = (), now: int, verified: bool = False
) -> Standing:
    """Return where an account stands after one more look at it; at most one stage from where it stood.

    Parameters
    ----------
    points, reasons
        What the look found: points come with reasons.
    now
        Seconds since the epoch; a time before the last look is taken as that.
    verified
        Whether somebody has answered the challenge since it was put. It is half of an excuse: whoever shares the
        password passes it too.
    """
    now = max(now, standing.at)
    faded = standing.points * 0.5 ** ((now - standing.at) / HALF_LIFE_S) + points
    if verified and standing.stage is Stage.CHALLENGE:
        faded /= 2
        return _moved(standing, to=Stage.NOTICE, points=faded, reasons=tuple(reasons), now=now)
    place = STAGES.index(standing.stage)
    above = STAGES[place + 1] if place + 1 < len(STAGES) else None
    lasted = now - standing.since
    if above and reasons and faded >= _STEPS[above].enters_at and lasted >= _STEPS[above].after_s:
        return _moved(standing, to=above, points=faded, reasons=tuple(reasons), now=now)
    leaving = place and faded < _LEAVES_AT * _STEPS[standing.stage].enters_at
    if leaving and lasted >= _SHORTEST_S:
        return _moved(standing, to=STAGES[place - 1], points=faded, reasons=tuple(reasons), now=now)
    return standing.model_copy(
        update={"points": faded, "at": now, "reasons": _known(standing, tuple(reasons)) if place else ()}
    )


def _moved(standing: Standing, *, to: Stage, points: float, reasons: tuple[str, ...], now: int) -> Standing:
    kept = () if to is Stage.CLEAR else _known(standing, reasons)
    return Standing(stage=to, since=now, points=points, at=now, reasons=kept)


def _known(standing: Standing, reasons: tuple[str, ...]) -> tuple[str, ...]:
    """Return the newest reasons; without any, those that there were."""
    return reasons or standing.reasons
