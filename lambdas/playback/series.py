"""Series: where an episode stands in its studio's series, and which one a viewer is offered after it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from lambdas.common.media import SPECIALS, SeriesPlace
from lambdas.playback.accounts import Account
from lambdas.playback.entitlement import NotEntitledError, check
from lambdas.playback.models import Playable

INDEX = "episodes"
"""Of the playable titles, those of a series by their place (``series``, ``episode``)."""
FOLLOWING = 10
"""How many episodes are looked at for one that the viewer may see."""
_LAST = "~"
"""Sorts behind every number and every title's id."""


def series_key(place: SeriesPlace | None, *, studio: str) -> str | None:
    """Return the partition of a series in the index: two studios may use the same id for two series."""
    return f"{studio}/{place.series_id}" if place else None


def episode_key(place: SeriesPlace | None, *, title_id: str) -> str | None:
    """Return what sorts the episodes of a series; of two titles that claim one number, the ids decide."""
    return f"{_season(place.season)}{place.episode:04d}/{title_id}" if place else None


def behind(episode: str) -> str:
    """Return what sorts behind all titles that claim one number: a second cut of an episode is not what follows it."""
    return f"{episode.rpartition('/')[0]}/{_LAST}"


def end_of_line(episode: str) -> str:
    """Return what sorts behind all that is watched after an episode; after a special, that is specials only."""
    return f"{_season(SPECIALS)}{_LAST}" if is_special(episode) else _LAST


def is_special(episode: str) -> bool:
    """Whether a key of the index is that of a special."""
    return episode.startswith(_season(SPECIALS))


def _season(number: int) -> str:
    return f"{number:04d}/"


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
