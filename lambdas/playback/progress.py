"""Progress: what a player reports, checked against the title and the clock, and what there is to continue."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta

from lambdas.common.errors import FieldError, InvalidInputError
from lambdas.playback.answers import BegunTitle
from lambdas.playback.models import Playable, Progress, ProgressReport
from lambdas.playback.series import is_special

COMPLETED_SHARE = 0.98
CONTINUED = 20
"""How many titles are offered to go on with."""
SERIES = 5
"""Of how many series, those that were watched last, the next episode is looked for."""
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
        series=playable.series,
        episode=playable.episode,
    )


def merged(one: Progress, other: Progress) -> Progress:
    """Return which of two reports of one title holds: the newer; of two at the same moment, the further.

    The order is total, so replicas that took different reports agree as soon as they have told each other, in whatever
    order and however often.
    """
    return max(one, other, key=_order)


def _order(progress: Progress) -> tuple[int, float, float, str, str]:
    # The last ones only so that no two different records are equal: they differ between versions.
    varying = (progress.duration_s or 0.0, progress.series or "", progress.episode or "")
    return progress.recorded_at_ms, progress.position_s, *varying


def seen_last(known: Iterable[Progress]) -> tuple[Progress, ...]:
    """Return the episodes after which the next one may be offered, the latest first.

    They were seen to their end, and nothing else of their series was watched since; of `SERIES` series at most. The
    specials of a series count as a series of their own: who watches one in between goes on where the seasons were left.
    """
    latest: dict[tuple[str, bool], Progress] = {}
    for one in sorted(known, key=_order):
        if one.series and one.episode:
            latest[one.series, is_special(one.episode)] = one
    seen = sorted((one for one in latest.values() if one.completed), key=_order, reverse=True)
    return tuple(seen[:SERIES])


def continued(known: Collection[Progress], *, following: Mapping[str, str | None]) -> tuple[BegunTitle, ...]:
    """Return what a viewer may go on with, the latest first.

    That is what was begun and not seen to its end, and what was seen to its end and has a next episode that was not
    begun: `following` says which, by title.
    """
    unfinished = {one.title_id for one in known if not one.completed}
    nexts = {title_id: after for title_id, after in following.items() if after and after not in unfinished}
    begun = sorted((one for one in known if not one.completed or one.title_id in nexts), key=_order, reverse=True)
    return tuple(
        BegunTitle(
            title_id=one.title_id,
            position_s=one.position_s,
            duration_s=one.duration_s,
            recorded_at_ms=one.recorded_at_ms,
            next_title_id=nexts.get(one.title_id),
        )
        for one in begun[:CONTINUED]
    )
