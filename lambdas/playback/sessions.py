"""Sessions: how a viewer gets one, and who may use it."""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import Any

from lambdas.common.errors import ExpiredError, NotFoundError
from lambdas.playback.models import EdgeKey, Playable, Progress, Session
from lambdas.playback.tokens import media_base, mint

PROGRESS_INTERVAL_S = 30
_SESSION_ID_BYTES = 24


def create(*, viewer_id: str, playable: Playable, device: str | None, now: datetime, ttl_s: int) -> Session:
    """Return a new session of `viewer_id`, `ttl_s` seconds long, on the title's current version."""
    created_at = int(now.timestamp())
    return Session(
        session_id=secrets.token_urlsafe(_SESSION_ID_BYTES),
        viewer_id=viewer_id,
        title_id=playable.title_id,
        version_id=playable.version_id,
        manifests=playable.manifests,
        thumbnails=playable.thumbnails,
        key_ids=playable.key_ids,
        device=device,
        created_at=created_at,
        expires_at=created_at + ttl_s,
    )


def answer(*, session: Session, progress: Progress | None, key: EdgeKey) -> dict[str, Any]:
    """Return everything that a player needs to start, in one answer."""
    token = mint(session=session, key=key)
    base = media_base(token)
    manifest = f"/api/playback/sessions/{session.session_id}/manifest?format="
    return {
        "session_id": session.session_id,
        "title_id": session.title_id,
        "version_id": session.version_id,
        "manifests": {"dash": f"{manifest}dash", "hls": f"{manifest}hls"},
        "license_url": f"/api/playback/license?session_id={session.session_id}",
        "thumbnails": f"{base}{session.thumbnails}" if session.thumbnails else None,
        "edge": {"token": token, "base": base},
        "resume_position_s": progress.resume_position_s if progress else 0.0,
        "progress_interval_s": PROGRESS_INTERVAL_S,
        "expires_at": session.expires_at,
    }


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
