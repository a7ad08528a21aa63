"""The ClearKey licence service: content keys for the holder of a session (W3C EME, 9.1)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import NamedTuple

from lambdas.common.content_keys import ContentKey
from lambdas.common.errors import NotFoundError, OfflineRefusedError
from lambdas.common.media import Tier
from lambdas.playback.answers import JsonWebKey, License
from lambdas.playback.entitlement import NotEntitledError
from lambdas.playback.models import LicenceType, LicenseRequest, Session, base64url, kid_of

LICENCE_S = 3600
"""How long a licence is good: as long as a viewer who was excluded could have a film that is loaded already."""
RENEW_BEFORE_S = 300
"""How long before its end a player asks again."""

_TEMPORARY = "temporary"
_TIERS = list(Tier)
Unwrap = Callable[[ContentKey], bytes]


class LicenceTerms(NamedTuple):
    """What holds for a licence, whoever makes it. Times are seconds since the epoch."""

    persistent: bool
    """Whether the device keeps it, and plays without the service."""
    expires_at: int
    renew_at: int | None
    """When a player asks for the next; none: it is the last that the session has, or kept."""


def terms(session: Session, *, asked: LicenceType, now: datetime) -> LicenceTerms:
    """Return what holds for a licence of the type that is asked for.

    Only one that is kept outlives its session, and none outlives the title's rights.

    Raises
    ------
    OfflineRefusedError
        If one is asked for that is kept, and the plan has none, or the title's rights have ended.
    NotEntitledError
        If the title's rights have ended.
    """
    rights_ended = session.rights_until is not None and session.rights_until <= now.timestamp()
    if asked != _TEMPORARY:
        if not session.offline_s:
            message = "the plan has no licences to keep: ask for one of the type `temporary`, while online"
            raise OfflineRefusedError(message)
        if rights_ended:
            raise OfflineRefusedError("the title's rights have ended: none of its licences is kept any more")
        ends = int(now.timestamp()) + session.offline_s
        return LicenceTerms(persistent=True, expires_at=min(ends, session.rights_until or ends), renew_at=None)
    if rights_ended:
        raise NotEntitledError("no-longer", "the title's rights have ended while it was watched: it plays no further")
    ends = int(now.timestamp()) + LICENCE_S
    last = min(session.expires_at, session.rights_until or session.expires_at)
    if ends < last:
        return LicenceTerms(persistent=False, expires_at=ends, renew_at=ends - RENEW_BEFORE_S)
    return LicenceTerms(persistent=False, expires_at=last, renew_at=None)


def grant(
    *,
    request: LicenseRequest,
    session: Session,
    key_ids: Collection[str],
    keys: Sequence[ContentKey],
    unwrap: Unwrap,
    now: datetime,
) -> License:
    """Return the licence: the keys that were asked for, in clear. Nothing of it may be logged.

    ``expires_at`` and ``renew_at`` (seconds since the epoch) stand beside what EME defines, for the player; ClearKey
    itself knows no end of a key. The last licence of a session, by its own end or by that of the title's rights, has
    no ``renew_at``.

    Parameters
    ----------
    key_ids
        Of the keys that the session's version was packaged with.
    keys
        The title's content keys of all periods, wrapped.
    unwrap
        Opens one of them.

    Raises
    ------
    OfflineRefusedError
        If a persistent licence is asked for, and the plan has none.
    NotEntitledError
        If the title's rights have ended.
    NotFoundError
        If a key is asked for that is not one of this version's, or opens more than the session may have. No key is
        unwrapped then.
    """
    agreed = terms(session, asked=request.type, now=now)
    of_session = {key.key_id: key for key in keys if key.key_id in key_ids and _within(key.tier, session.tier)}
    asked = tuple(dict.fromkeys(request.kids))
    unknown = [kid for kid in asked if kid not in of_session]
    if unknown:
        message = f"the session has no key {', '.join(unknown)}: ask only for the key ids of its manifest"
        raise NotFoundError(message)
    given = (JsonWebKey(kid=kid_of(kid), k=base64url(unwrap(of_session[kid]))) for kid in asked)
    return License(keys=tuple(given), type=request.type, expires_at=agreed.expires_at, renew_at=agreed.renew_at)


def _within(tier: Tier, best: Tier | None) -> bool:
    """Whether a session whose best tier is `best` may have a key of `tier`; none: it has those of its version."""
    return best is None or _TIERS.index(tier) <= _TIERS.index(best)
