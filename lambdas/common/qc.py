"""What quality control says of a delivery: it crosses contexts in events, and people read it."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from lambdas.common.media import Record


class Verdict(StrEnum):
    """What becomes of a delivery by one check, from good to bad."""

    PASS = "pass"  # noqa: S105 - a verdict
    REVIEW = "review"
    FAIL = "fail"


class TimeSpan(Record):
    """A run of frames, the last one included."""

    start_s: float
    end_s: float = Field(description="of the end of the last frame")
    first_frame: int
    last_frame: int
    timecode: str = Field(description="of the first frame, HH:MM:SS:FF, non-drop, from 00:00:00:00")
    still: str | None = Field(default=None, description="the key of a picture of it, in the mezzanine bucket")


class QcCheck(Record):
    """One check: what was measured, what was allowed, and what follows."""

    check: str = Field(description="for example ``black`` or ``loudness``")
    verdict: Verdict
    measured: float | None = Field(description="none, where there was nothing to measure")
    unit: str
    threshold: str = Field(description="as a person reads it, for example ``-27 LKFS ± 2``")
    message: str
    at: Annotated[tuple[TimeSpan, ...], Field(max_length=20)] = ()


def worst(checks: tuple[QcCheck, ...]) -> Verdict:
    """Return the worst verdict of `checks`; of none, a pass."""
    order = list(Verdict)
    return max((check.verdict for check in checks), key=order.index, default=Verdict.PASS)
