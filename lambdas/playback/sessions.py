"""Sessions: how a viewer gets one, and who may use it."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime

from lambdas.common.errors import ExpiredError, FieldError, IdempotencyKeyReusedError, NotFoundError, RevokedError
from lambdas.common.media import Tier
from lambdas.playback import capability, entitlement, leases, selection
from lambdas.playback.accounts import Account, Plans
from lambdas.playback.answers import AllowedTier, EdgeAccess, ManifestAddresses, OpenedSession, PathwayAddress
from lambdas.playback.models import Device, EdgeKey, Playable, Progress, Session, SessionRequest, kid_of
from lambdas.playback.pathways import Pathways
from lambdas.playback.session_ids import IDEMPOTENCY_KEY
from lambdas.playback.tokens import media_base, mint

PROGRESS_INTERVAL_S = 30
_CLEARKEY = "org.w3.clearkey"
_OF_VENDORS = {
    "com.widevine.alpha": "widevine",
    "com.microsoft.playready": "playready",
    "com.apple.fps": "fairplay",
}
"""Key systems, as EME names them, whose licences vendors make; and what their routes call them."""


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What holds for every session.

    Parameters
    ----------
    ttl_s
        How long a session may last, in seconds.
    lease_s
        How long its place is kept for a device that is not heard of.
    heartbeat_s
        How often a device is to be heard of.
    """

    plans: Plans
    ttl_s: int
    lease_s: int
    heartbeat_s: int


def create(
    *,
    session_id: str,
    account: Account,
    playable: Playable,
    request: SessionRequest,
    terms: Terms,
    now: datetime,
    revoked_keys: Collection[str] = (),
) -> Session:
    """Return a new session of the account on the title's current version, if the viewer may see it.

    Parameters
    ----------
    revoked_keys
        The KIDs that are in no licence any more: the session gets no tier that needs one.

    Raises
    ------
    NotEntitledError
        If the viewer may not.
    RevokedError
        If no picture is left that could be opened.
    InvalidInputError
        If the account has no such profile.
    """
    entitlement.check(playable=playable, account=account, profile=account.profile(request.profile_id), now=now)
    tiers = {rendition.tier for rendition in playable.renditions}
    whole = {tier for tier in tiers if not _keys_of(playable, tier) & set(revoked_keys)}
    if tiers and not whole:
        raise RevokedError("the title's keys were withdrawn: it plays again when it was packaged with new ones")
    plan = terms.plans.named(account.plan)
    best = capability.allowed(device=request.device, plan_tier=plan.top_tier, title_tiers=whole)
    opened = capability.opened_by(best.tier)
    entitlement.check_playable(playable, tiers=opened, codecs=request.device.codecs)
    created_at = int(now.timestamp())
    rights_end = entitlement.rights_until(playable, territory=account.territory, now=now)
    return Session(
        session_id=session_id,
        viewer_id=account.viewer_id,
        title_id=playable.title_id,
        version_id=playable.version_id,
        manifests=playable.manifests,
        thumbnails=playable.thumbnails,
        key_ids={tier: key_id for tier, key_id in playable.key_ids.items() if tier in opened},
        tier=best.tier,
        reasons=best.reasons if whole == tiers else (*best.reasons, "revoked"),
        most_pixels=selection.most_pixels(playable.renditions, tiers=opened),
        codecs=request.device.codecs,
        hdr=request.device.hdr,
        languages=request.languages,
        device=request.device.name,
        offline_s=plan.offline_s,
        rights_until=int(rights_end.timestamp()) if rights_end else None,
        leased=True,
        created_at=created_at,
        expires_at=created_at + terms.ttl_s,
    )


def _keys_of(playable: Playable, tier: Tier) -> set[str]:
    opened = capability.opened_by(tier)
    return {key_id for of, key_id in playable.key_ids.items() if of in opened}


def lease_of(session: Session, *, device: Device, terms: Terms) -> leases.Lease:
    """Return the lease by which a new session lives."""
    return leases.Lease(
        device_id=device.id,
        device=device.name,
        title_id=session.title_id,
        since=session.created_at,
        held_until=session.created_at + terms.lease_s,
        ends_at=session.expires_at,
    )


def open_session(
    session: Session,
    *,
    lease: leases.Lease,
    held: leases.Held | None,
    streams: int,
    write: Callable[[leases.Claim], leases.Outcome],
    read: Callable[[], leases.Held | None],
    pause: Callable[[int], None],
) -> leases.Outcome:
    """Keep a session and its lease, if the account's plan has a place for it; see `lambdas.playback.leases.take`.

    Raises
    ------
    StreamLimitError
        If every place is taken.
    TransientError
        If others were faster too often.
    """

    def claim(held: leases.Held | None) -> leases.Claim:
        return leases.claim(
            session_id=session.session_id, lease=lease, held=held, limit=streams, now=session.created_at
        )

    return leases.take(held=held, claim=claim, write=write, read=read, pause=pause)


def repeated(
    session: Session | None, *, request: SessionRequest, held: leases.Held | None, viewer_id: str, now: datetime
) -> Session:
    """Return the session that an earlier request with the same idempotency key has opened.

    Raises
    ------
    IdempotencyKeyReusedError
        If that request was for another title, or another device's.
    ExpiredError
        If the session has ended meanwhile.
    """
    session = check(session=session, viewer_id=viewer_id, now=now)
    if session.title_id != request.title_id:
        raise IdempotencyKeyReusedError(FieldError(IDEMPOTENCY_KEY, "was used for another title: use a new one"))
    leases.check(session, held=held)
    lease = (held or {}).get(session.session_id)
    if lease and not _same(lease, request.device):
        raise IdempotencyKeyReusedError(FieldError(IDEMPOTENCY_KEY, "was used by another device: use a new one"))
    return session


def _same(lease: leases.Lease, device: Device) -> bool:
    # Who gives no id is known by its name.
    if lease.device_id or device.id:
        return lease.device_id == device.id
    return lease.device == device.name


def answer(
    *,
    session: Session,
    progress: Progress | None,
    key: EdgeKey,
    heartbeat_s: int,
    pathways: Pathways,
    vendors: bool = False,
) -> OpenedSession:
    """Return everything that a player needs to start, in one answer.

    Parameters
    ----------
    vendors
        Whether licences of vendors are offered.
    """
    token = mint(session=session, key=key)
    base = media_base(token)
    url = f"/api/playback/sessions/{session.session_id}"
    licence, asked = "/api/playback/license", f"?session_id={session.session_id}"
    of_vendors = {system: f"{licence}/{name}{asked}" for system, name in _OF_VENDORS.items()} if vendors else {}
    return OpenedSession(
        session_id=session.session_id,
        title_id=session.title_id,
        version_id=session.version_id,
        url=url,
        manifests=ManifestAddresses(dash=f"{url}/manifest?format=dash", hls=f"{url}/manifest?format=hls"),
        license_url=f"{licence}{asked}",
        license_urls={_CLEARKEY: f"{licence}{asked}", **of_vendors},
        key_ids=tuple(kid_of(key_id) for key_id in session.key_ids.values()),
        thumbnails=f"{base}{session.thumbnails}" if session.thumbnails else None,
        edge=EdgeAccess(token=token, base=base),
        pathways=tuple(
            PathwayAddress(id=pathway, base=there) for pathway, there in pathways.bases(session, key=key).items()
        ),
        tier=AllowedTier(allowed=session.tier, reasons=session.reasons),
        resume_position_s=progress.resume_position_s if progress else 0.0,
        progress_interval_s=PROGRESS_INTERVAL_S,
        heartbeat_url=f"{url}/heartbeat",
        heartbeat_interval_s=heartbeat_s,
        telemetry_url="/api/playback/telemetry",
        expires_at=session.expires_at,
    )


def check(*, session: Session | None, viewer_id: str, now: datetime) -> Session:
    """Return `session` if `viewer_id` may use it.

    The table's TTL removes expired rows hours late, so the time is compared here.

    Raises
    ------
    NotFoundError
        If there is none, or it is another viewer's: the two look alike, so that nobody can find out which
        sessions exist.
    ExpiredError
        If its time is over.
    """
    if session is None or session.viewer_id != viewer_id:
        raise NotFoundError("there is no such session: create one")
    if session.expires_at <= now.timestamp():
        raise ExpiredError("the session has expired: create a new one")
    return session
