"""Entitlement: whether a viewer may see a title at all, and why not."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from types import MappingProxyType

from lambdas.common.errors import ForbiddenError
from lambdas.common.ladder import Codec
from lambdas.common.media import WORLD, RightsWindow, Tier
from lambdas.playback.accounts import Account, Profile
from lambdas.playback.models import Playable


class NotEntitledError(ForbiddenError):
    """The viewer may not see this title.

    Parameters
    ----------
    reason
        For machines: ``territory``, ``not-yet``, ``no-longer``, ``rating`` or ``device``.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.members = MappingProxyType({"reason": reason})


def check(*, playable: Playable, account: Account, profile: Profile | None, now: datetime) -> None:
    """Pass if the viewer may see the title now.

    A title that was published before rights came with it has no windows: nothing forbids it. One that is not rated
    is kept from every profile that has a limit, because nobody has said that it fits.

    Raises
    ------
    NotEntitledError
        If its rights do not cover the account's home now, or its rating is above the profile's limit.
    """
    if playable.rights:
        _check_rights(playable.rights, territory=account.territory, now=now)
    limit = profile.max_age if profile else None
    if limit is not None and (playable.min_age is None or playable.min_age > limit):
        rated = "not rated" if playable.min_age is None else f"rated {playable.min_age}"
        message = f"the title is {rated}, and the profile may see what is rated {limit} at most: choose another profile"
        raise NotEntitledError("rating", message)


def rights_until(playable: Playable, *, territory: str, now: datetime) -> datetime | None:
    """Return when the rights end by which a title is shown in a territory now; none, if they do not."""
    ends = [window.ends_at for window in _windows(playable.rights, territory=territory) if _covers(window, now)]
    return max((end for end in ends if end), default=None) if None not in ends else None


def check_playable(playable: Playable, *, tiers: Collection[Tier], codecs: Collection[Codec] | None) -> None:
    """Pass if the title has a picture that the device plays, among those of the tiers that it may have.

    Raises
    ------
    NotEntitledError
        If it has none.
    """
    if not playable.renditions:
        return
    if not any(one.tier in tiers and (codecs is None or one.codec in codecs) for one in playable.renditions):
        message = "the title has no picture that this device plays and the plan allows: try another device"
        raise NotEntitledError("device", message)


def _check_rights(rights: Sequence[RightsWindow], *, territory: str, now: datetime) -> None:
    there = _windows(rights, territory=territory)
    if any(_covers(window, now) for window in there):
        return
    if not there:
        raise NotEntitledError("territory", f"the title may not be shown in {territory}, where the account is at home")
    coming = [window.starts_at for window in there if window.starts_at > now]
    if coming:
        raise NotEntitledError("not-yet", f"the title may be shown in {territory} from {min(coming).isoformat()} on")
    raise NotEntitledError("no-longer", f"the title may not be shown in {territory} any more")


def _windows(rights: Sequence[RightsWindow], *, territory: str) -> list[RightsWindow]:
    return [window for window in rights if territory in window.territories or WORLD in window.territories]


def _covers(window: RightsWindow, now: datetime) -> bool:
    return window.starts_at <= now and (window.ends_at is None or now < window.ends_at)
