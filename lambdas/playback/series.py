"""Series: where an episode stands in its studio's series, and which one a viewer is offered after it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from lambdas.common.media import SeriesPlace
from lambdas.playback.accounts import Account
from lambdas.playback.entitlement import NotEntitledError, check
from lambdas.playback.models import Playable

INDEX = "episodes"
"""Of the playable titles, those of a series by their place (``series``, ``episode``)."""
FOLLOWING = 10
"""How many episodes are looked at for one that the viewer may see."""


def series_key(place: SeriesPlace | None, *, studio: str) -> str | None:
    """Return the partition of a series in the index: two studios may use the same id for two series."""
    return f"{studio}/{place.series_id}" if place else None


def episode_key(place: SeriesPlace | None, *, title_id: str) -> str | None:
    """Return what sorts the episodes of a series; of two titles that claim one number, the ids decide."""
    return f"{place.season:04d}/{place.episode:04d}/{title_id}" if place else None


def behind(episode: str) -> str:
    """Return what sorts behind all titles that claim one number: a second cut of an episode is not what follows it."""
    return f"{episode.rpartition('/')[0]}/~"


def offered(
    following: Iterable[Playable], *, after: str, account: Account, profile_id: str | None, now: datetime
) -> str | None:
    """Return the first title that whoever watches may see now.

    It is never the title that was seen, `after`: that may have got another number since. A profile that an operator
    has taken away may see none.
    """
    profile = next((one for one in account.profiles if one.profile_id == profile_id), None)
    if profile is None and profile_id is not None:
        return None
    for playable in following:
        if playable.title_id == after:
            continue
        try:
            check(playable=playable, account=account, profile=profile, now=now)
        except NotEntitledError:
            continue
        return playable.title_id
    return None
