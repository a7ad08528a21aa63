"""Leases: how many devices of an account play at the same time.

All leases of an account are one map, by session, in one item. A claim is one conditional write: the map must be smaller
than the limit, apart from the leases that the claim itself removes, each of which must still be what it was when it was
read. So two claims at the same instant cannot both take the last place, a renewal disturbs no claim, and a lease whose
time is over needs nobody to remove it. A session lives as long as the map names it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from types import MappingProxyType

from lambdas.common.errors import ConflictError, ExpiredError, TransientError
from lambdas.common.media import Record, Slug
from lambdas.playback.models import Session

Held = Mapping[str, "Lease"]
"""An account's leases, by session."""

ATTEMPTS = 8
_ENDED = "the session has ended, or another one has taken its place: create a new one"


class Lease(Record):
    """One device's place among those that an account may play on at the same time."""

    device_id: str | None = None
    device: str | None = None
    title_id: Slug
    since: int
    """Seconds since the epoch, like the next two."""
    held_until: int
    ends_at: int
    """When its session's time is over, renewed or not."""

    def live(self, now: int) -> bool:
        """Whether its device was heard of in time."""
        return self.held_until > now


class StreamLimitError(ConflictError):
    """As many devices play as the plan allows; the problem document says which (members `limit` and `playing`)."""

    def __init__(self, *, limit: int, playing: Iterable[Lease]) -> None:
        super().__init__(f"the plan allows {limit} at the same time: stop one of the devices that play")
        self.members = MappingProxyType(
            {
                "reason": "stream-limit",
                "limit": limit,
                "playing": [
                    lease.model_dump(include={"device", "title_id", "since", "held_until"})
                    for lease in sorted(playing, key=lambda lease: lease.since)
                ],
            }
        )


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A place that is asked for.

    Parameters
    ----------
    lapsed
        Sessions whose leases are over, and are removed.
    replaced
        Sessions of the same device, which are removed: a device plays one film at a time.
    limit
        How many leases there may be.
    new
        Whether the account has no item yet.
    """

    session_id: str
    lease: Lease
    lapsed: tuple[str, ...]
    replaced: tuple[str, ...]
    limit: int
    new: bool

    @property
    def below(self) -> int:
        """What the size of the map, as it is before, has to be below."""
        return self.limit + len(self.lapsed) + len(self.replaced)


class Outcome(Enum):
    """What became of a claim."""

    OPENED = auto()
    EXISTS = auto()
    """The session was opened before: the request is a repetition."""
    OVERTAKEN = auto()
    """The leases are not what they were when they were read."""


def claim(*, session_id: str, lease: Lease, held: Held | None, limit: int, now: int) -> Claim:
    """Return the claim of a place for `lease`.

    Parameters
    ----------
    held
        The account's leases as they were read at one moment; none, if it has no item yet.
    now
        Seconds since the epoch.

    Raises
    ------
    StreamLimitError
        If every place is taken.
    """
    others = {name: kept for name, kept in (held or {}).items() if name != session_id}
    lapsed = {name for name, kept in others.items() if not kept.live(now)}
    replaced = {
        name
        for name, kept in others.items()
        if name not in lapsed and lease.device_id is not None and kept.device_id == lease.device_id
    }
    playing = [kept for name, kept in others.items() if name not in lapsed | replaced]
    if len(playing) >= limit:
        raise StreamLimitError(limit=limit, playing=playing)
    return Claim(
        session_id=session_id,
        lease=lease,
        lapsed=tuple(sorted(lapsed)),
        replaced=tuple(sorted(replaced)),
        limit=limit,
        new=held is None,
    )


def take(
    *,
    held: Held | None,
    claim: Callable[[Held | None], Claim],
    write: Callable[[Claim], Outcome],
    read: Callable[[], Held | None],
    pause: Callable[[int], None],
) -> Outcome:
    """Claim a place until the claim is written, or refused because every place is taken.

    Parameters
    ----------
    held
        The leases as they were read first; only if somebody else was faster, `read` reads them again.
    claim
        Makes the claim of leases that were read.
    pause
        Waits before another attempt, given how many there were.

    Raises
    ------
    StreamLimitError
        If every place is taken.
    TransientError
        If others were faster too often: nobody is told that the places are taken who has not seen it.
    """
    for attempt in range(ATTEMPTS):
        if attempt:
            pause(attempt)
            held = read()
        outcome = write(claim(held))
        if outcome is not Outcome.OVERTAKEN:
            return outcome
    raise TransientError("the account's leases change faster than they can be read: try again")


def check(session: Session, *, held: Held | None) -> None:
    """Pass if the session has not ended.

    A lease whose time is over is still its session's, as long as nobody has taken its place.

    Raises
    ------
    ExpiredError
        If it has.
    """
    if session.leased and session.session_id not in (held or {}):
        raise ExpiredError(_ENDED)


def ended() -> ExpiredError:
    """Return the error of a session that has ended."""
    return ExpiredError(_ENDED)
