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


class Rectangle(Record):
    """A part of the picture, in samples."""

    left: int
    top: int
    width: int
    height: int


class Complexity(Record):
    """How hard a film's picture is to encode.

    But for `motion`, of two frames in a row twice a second, at the film's own size, without the bars. A pair that a cut
    divides is left out.
    """

    measured_frames: int
    active: Rectangle = Field(description="the picture without its bars")
    spatial_mean: float = Field(
        description="spatial information, ITU-T P.910: the standard deviation of a frame's Sobel gradients, in 8-bit "
        "luma that is spread from video range to 0-255; over time, the mean"
    )
    spatial_max: float
    temporal_mean: float = Field(
        description="temporal information, ITU-T P.910: the standard deviation of the difference of two frames in a "
        "row, in the same luma; over time, the mean"
    )
    temporal_max: float
    overall: float = Field(
        description="log10(1 + mean of spatial x temporal information), after the criticality of Fenimore, Libert and "
        "Wolf (SMPTE, 1998), which is of root mean squares and has no 1: by that, 0 is a film that stands still"
    )
    motion_percent: float = Field(
        description="of the range: the mean absolute difference of two frames in a row at 320x180, of all but cuts"
    )
    grain: float | None = Field(
        description="the standard deviation, in 8-bit luma, of the noise that differs from frame to frame, by "
        "Immerkaer's mask (CVIU, 1996) in the smoothest quarter of the picture; over time, the median; none: hardly "
        "anything is neither black nor white"
    )
    dark_percent: float = Field(
        description="of the picture, over time, what is darker than luma 60 (of 16 to 235): some 2 cd/m² by BT.1886 on "
        "a display of 100 cd/m², and by PQ"
    )


def worst(checks: tuple[QcCheck, ...]) -> Verdict:
    """Return the worst verdict of `checks`; of none, a pass."""
    order = list(Verdict)
    return max((check.verdict for check in checks), key=order.index, default=Verdict.PASS)
