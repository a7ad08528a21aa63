"""What operators call of playback, with their own credentials."""

from __future__ import annotations

import time
from collections.abc import Iterable

from aws_lambda_powertools.utilities.typing import LambdaContext

from lambdas.common.clock import now
from lambdas.common.errors import NotFoundError
from lambdas.common.handling import Payload, entry_point, logger
from lambdas.common.parsing import parse
from lambdas.playback import revocation_store, revocations, store
from lambdas.playback.accounts import account_of, changed
from lambdas.playback.environment import AccountEnvironment, RevokeEnvironment
from lambdas.playback.models import AccountRequest, Session
from lambdas.playback.revocations import CACHED_S, Affected, Kind, Revocation, RevocationRequest

_UNDER_WAY_S = 3
"""How long a session may be on its way that was not refused."""


@entry_point
def revoke(event: Payload, _context: LambdaContext) -> Payload:
    """Revoke a device model, a certificate, a session or a key, and end the sessions that it concerns.

    Parameters
    ----------
    event
        A `RevocationRequest`.

    Returns
    -------
    dict
        ``revoked`` (kind and subject, as they are spelled in the table), ``audit`` (the trail's line), ``affected``:
        one `Affected` for each running session that was ended, and ``trail``: each `Revocation` of the subject so far.

    Raises
    ------
    NotFoundError
        If there is no such session, or its time is over.
    TransientError
        If the edge could not be told; licences and new sessions are refused by then. Revoke again.
    """
    environment = RevokeEnvironment.load()
    request = parse(RevocationRequest, event)
    subject = revocations.subject_of(request.kind, request.subject)
    moment = now()
    table = revocation_store.RevocationTable(environment.revocations_table)
    sessions = store.SessionTable(environment.sessions_table)
    found = sessions.get(subject) if request.kind is Kind.SESSION else None
    if request.kind is Kind.SESSION and (found is None or found.expires_at <= moment.timestamp()):
        raise NotFoundError(f"no session {subject!r} runs: nothing has to be ended")
    revocation = Revocation(
        kind=request.kind,
        subject=subject,
        by=request.by,
        reason=request.reason,
        incident=request.incident,
        revoked_at=int(moment.timestamp()),
    )
    ends = found.expires_at if found else None
    # First what decides about keys: whoever asks from now on is refused, however long it takes to find who plays.
    table.put(revocation, expires_at=ends)
    if found:
        affected = _ended(request.kind, subject, [found], environment=environment)
    elif request.kind is Kind.CERTIFICATE:
        # Certificates are packagers': no session has one.
        affected = ()
    else:
        affected = _ended(request.kind, subject, sessions.running(now=moment), environment=environment)
        # By what they have read before, processes go on to open sessions for so long. Those end as well.
        time.sleep(CACHED_S + _UNDER_WAY_S)
        known = {session.session_id for session in affected}
        since = (session for session in sessions.running(now=now()) if session.session_id not in known)
        affected += _ended(request.kind, subject, since, environment=environment)
    line = table.put(revocation.model_copy(update={"affected": len(affected)}), expires_at=ends)
    logger.info(
        "revoked", extra={"kind": request.kind, "subject": subject, "by": request.by, "affected": len(affected)}
    )
    return {
        "revoked": {"kind": request.kind.value, "subject": subject},
        "audit": line,
        "affected": [session.model_dump(mode="json") for session in affected],
        "trail": [entry.model_dump(mode="json") for entry in table.trail(request.kind, subject)],
    }


def _ended(
    kind: Kind, subject: str, playing: Iterable[Session], *, environment: RevokeEnvironment
) -> tuple[Affected, ...]:
    """End those of `playing` that a revocation concerns: their places are taken away, and the edge is told."""
    affected = revocations.affected_by(kind, subject, tuple(playing), now=now())
    leases = store.LeaseTable(environment.leases_table)
    for session in affected:
        leases.release(viewer_id=session.viewer_id, session_id=session.session_id)
    revocation_store.end_at_the_edge(affected, function_arn=environment.edge_function_arn)
    return affected


@entry_point
def account(event: Payload, _context: LambdaContext) -> Payload:
    """Show or change a viewer's account; an operator calls this.

    Parameters
    ----------
    event
        An `AccountRequest`: ``viewer_id``, ``by`` (an ARN), and ``change``: what there is to change.

    Returns
    -------
    dict
        The `Account` as it is from now on, and ``recorded``: whether it has a record.

    Raises
    ------
    InvalidInputError
        If there is no such plan.
    """
    environment = AccountEnvironment.load()
    request = parse(AccountRequest, event)
    table = store.AccountTable(environment.accounts_table)
    kept = table.get(request.viewer_id)
    before = account_of(request.viewer_id, kept=kept, plans=environment.all_plans)
    after = changed(before, change=request.change, plans=environment.all_plans)
    if request.change:
        table.put(after)
        logger.info("account changed", extra={"viewer_id": request.viewer_id, "by": request.by, "plan": after.plan})
    return {**after.model_dump(mode="json"), "recorded": bool(kept or request.change)}
