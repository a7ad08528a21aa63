"""Progress: what a player reports, checked against the title and the clock, and what there is to continue."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from lambdas.common.errors import FieldError, InvalidInputError
from lambdas.playback.answers import BegunTitle
from lambdas.playback.models import Playable, Progress, ProgressReport

COMPLETED_SHARE = 0.98
CONTINUED = 20
"""How many titles are offered to go on with."""
# A player may report the end of its last audio frame, which lies a little behind that of the picture.
POSITION_TOLERANCE_S = 1.0
# A report from the future would win against every later one, so a player's clock may be only a little ahead.
CLOCK_TOLERANCE = timedelta(minutes=2)


def watcher(viewer_id: str, profile_id: str | None) -> str:
    """Return whose progress it is: each profile has its own, and so has who names none."""
    return viewer_id if profile_id is None else f"{viewer_id}#{profile_id}"


def accept(*, report: ProgressReport, viewer_id: str, playable: Playable, now: datetime) -> Progress:
    """Return what to record of a player's report.

    Its time is the player's, put right by how far the player's clock is off when it sends: so a report that waited for
    a network counts from when it was made, whatever the clock says.

    Raises
    ------
    InvalidInputError
        If the position lies behind the title's end, or the report comes from the future.
    """
    if report.position_s > playable.duration_s + POSITION_TOLERANCE_S:
        message = f"lies behind the title's end at {playable.duration_s:g} s"
        raise InvalidInputError(FieldError("position_s", message))
    try:
        recorded_at = report.recorded_at + (now - report.sent_at if report.sent_at else timedelta())
    except OverflowError as error:
        raise InvalidInputError(FieldError("recorded_at", "no time that can be: correct the device's clock")) from error
    if recorded_at > now + CLOCK_TOLERANCE:
        remedy = "it cannot be after `sent_at`" if report.sent_at else "correct the device's clock, or say `sent_at`"
        message = f"lies in the future (the server's time is {now.isoformat()}): {remedy}"
        raise InvalidInputError(FieldError("recorded_at", message))
    # Milliseconds are enough, and keep the number within what DynamoDB can store.
    position_s = round(min(report.position_s, playable.duration_s), 3)
    return Progress(
        viewer_id=watcher(viewer_id, report.profile_id),
        title_id=playable.title_id,
        position_s=position_s,
        duration_s=playable.duration_s,
        completed=position_s >= COMPLETED_SHARE * playable.duration_s,
        recorded_at_ms=round(recorded_at.timestamp() * 1000),
    )


def merged(one: Progress, other: Progress) -> Progress:
    """Return which of two reports of one title holds: the newer; of two at the same moment, the further.

    The order is total, so replicas that took different reports agree as soon as they have told each other, in whatever
    order and however often.
    """
    return max(one, other, key=_order)


def _order(progress: Progress) -> tuple[int, float, float]:
    # The last one only so that no two different records are equal: durations differ between versions.
    return progress.recorded_at_ms, progress.position_s, progress.duration_s or 0.0


def continued(known: Iterable[Progress]) -> tuple[BegunTitle, ...]:
    """Return what a viewer may go on with, the latest first: begun, and not seen to its end.

    What follows a title that was seen to its end is not offered: the catalog knows no series.
    """
    begun = sorted((one for one in known if not one.completed), key=_order, reverse=True)
    return tuple(
        BegunTitle(
            title_id=one.title_id,
            position_s=one.position_s,
            duration_s=one.duration_s,
            recorded_at_ms=one.recorded_at_ms,
        )
        for one in begun[:CONTINUED]
    )
