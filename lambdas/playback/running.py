"""Which session a request is about, as the manifest and every licence ask first."""

from __future__ import annotations

from datetime import datetime

from lambdas.playback import leases, revocation_store, revocations, sessions, store
from lambdas.playback.environment import RunningEnvironment
from lambdas.playback.models import Session


def running(environment: RunningEnvironment, *, session_id: str, viewer_id: str, now: datetime) -> Session:
    """Return a session that its viewer may use: neither over, nor revoked, nor without its place.

    Raises
    ------
    NotFoundError
        If the viewer has no such session.
    ExpiredError
        If it is over.
    RevokedError
        If it, or its device's model, was excluded.
    """
    found, held = store.session_and_leases(
        session_id=session_id, viewer_id=viewer_id, sessions=environment.sessions_table, leases=environment.leases_table
    )
    session = sessions.check(session=found, viewer_id=viewer_id, now=now)
    # Before its lease: who was excluded is told so, and not to begin anew.
    revoked = revocation_store.revoked(environment.revocations_table)
    revocations.check(revoked, session_id=session.session_id, device_model=session.device)
    leases.check(session, held=held)
    return session
