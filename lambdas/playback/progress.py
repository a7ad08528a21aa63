"""Progress: what a player reports, checked against the title and the clock."""

from __future__ import annotations

from datetime import datetime, timedelta

from lambdas.common.errors import FieldError, InvalidInputError
from lambdas.playback.models import Playable, Progress, ProgressReport

COMPLETED_SHARE = 0.98
# A player may report the end of its last audio frame, which lies a little behind that of the picture.
POSITION_TOLERANCE_S = 1.0
# A report from the future would win against every later one, so a player's clock may be only a little ahead.
CLOCK_TOLERANCE = timedelta(minutes=2)


def accept(*, report: ProgressReport, viewer_id: str, playable: Playable, now: datetime) -> Progress:
    """Return what to record of a player's report.

    Raises
    ------
    InvalidInputError
        If the position lies behind the title's end, or the report comes from the future.
    """
    if report.position_s > playable.duration_s + POSITION_TOLERANCE_S:
        message = f"lies behind the title's end at {playable.duration_s:g} s"
        raise InvalidInputError(FieldError("position_s", message))
    if report.recorded_at > now + CLOCK_TOLERANCE:
        message = f"lies in the future (the server's time is {now.isoformat()}): correct the device's clock"
        raise InvalidInputError(FieldError("recorded_at", message))
    # Milliseconds are enough, and keep the number within what DynamoDB can store.
    position_s = round(min(report.position_s, playable.duration_s), 3)
    return Progress(
        viewer_id=viewer_id,
        title_id=playable.title_id,
        position_s=position_s,
        completed=position_s >= COMPLETED_SHARE * playable.duration_s,
        recorded_at_ms=round(report.recorded_at.timestamp() * 1000),
    )
