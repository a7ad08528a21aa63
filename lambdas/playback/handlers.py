"""The entry points of sessions and what belongs to one: they parse, ask a use case, and answer."""

from __future__ import annotations

import random
import time
from collections.abc import Iterable
from functools import lru_cache, partial
from http import HTTPStatus

from aws_lambda_powertools.utilities.typing import LambdaContext

from lambdas.common.clock import now
from lambdas.common.handling import Payload, entry_point, logger
from lambdas.common.identity import Viewer, signed_in
from lambdas.common.problem import Answer, json_answer, parse_body, parse_query, problem_documents
from lambdas.common.rate_limiting import rate_limited
from lambdas.playback import (
    content_key_store,
    leases,
    licences,
    manifests,
    preference,
    revocation_store,
    revocations,
    selection,
    series,
    session_ids,
    sessions,
    store,
)
from lambdas.playback import progress as progress_reports
from lambdas.playback.account_security import AccountSecurity, admit, refusal
from lambdas.playback.accounts import account_of
from lambdas.playback.answers import BegunTitles, Reported
from lambdas.playback.environment import (
    EndEnvironment,
    HeartbeatEnvironment,
    LicenseEnvironment,
    ManifestEnvironment,
    ProgressEnvironment,
    SessionEnvironment,
)
from lambdas.playback.models import (
    Languages,
    LicenseQuery,
    LicenseRequest,
    ManifestQuery,
    Progress,
    ProgressQuery,
    ProgressReport,
    SessionRequest,
)
from lambdas.playback.running import running
from lambdas.playback.secret_store import edge_key, session_key
from lambdas.playback.signals import Signals, read

_MANIFESTS = 64
"""How many a function remembers: 100 kB each at most, so far."""


@entry_point
@rate_limited
@problem_documents
def create_session(event: Payload, _context: LambdaContext) -> Answer:
    """``POST /api/playback/sessions``: everything that a player needs to start, in one round trip.

    One read and one transaction, as long as no other device of the account is as fast.
    """
    environment = SessionEnvironment.load()
    viewer = signed_in(event)
    viewer_id = viewer.viewer_id
    request = parse_body(event, SessionRequest)
    revoked = revocation_store.revoked(environment.revocations_table)
    revocations.check(revoked, device_model=request.device.name)
    repetition = event.get("headers", {}).get(session_ids.IDEMPOTENCY_KEY.lower())
    key = edge_key(environment.edge_secret_arn)
    terms = sessions.Terms(
        plans=environment.all_plans,
        ttl_s=environment.session_ttl_s,
        lease_s=environment.lease_s,
        heartbeat_s=environment.heartbeat_s,
    )
    found = store.beginning(
        viewer_id=viewer_id,
        watcher=progress_reports.watcher(viewer_id, request.profile_id),
        title_id=request.title_id,
        accounts=environment.accounts_table,
        leases=environment.leases_table,
        playable=environment.playable_table,
        progress=environment.progress_table,
        security=environment.security_table,
    )
    signals = read(event.get("headers", {}), device=request.device, key=key)
    admission = _Admission(signals, viewer=viewer, security_table=environment.security_table)
    admission.judge(found.security)
    account = account_of(viewer_id, kept=found.account, plans=terms.plans)
    session = sessions.create(
        session_id=session_ids.session_id_of(
            viewer_id=viewer_id,
            idempotency_key=repetition,
            key=session_key(environment.session_secret_arn),
        ),
        account=account,
        playable=found.playable,
        request=request,
        terms=terms,
        now=now(),
        revoked_keys=revocations.keys_of(revoked),
    )
    revocations.check(revoked, session_id=session.session_id)
    table = store.LeaseTable(environment.leases_table)

    def read_again() -> leases.Held | None:
        held, security = store.leases_and_security(
            viewer_id=viewer_id, leases=environment.leases_table, security=environment.security_table
        )
        admission.judge(security)
        return held

    outcome = sessions.open_session(
        session,
        lease=sessions.lease_of(session, device=request.device, terms=terms),
        held=found.held,
        streams=terms.plans.named(account.plan).streams,
        write=lambda claim: table.open(
            session, claim=claim, noted=admission.noted, sessions_table=environment.sessions_table
        ),
        read=read_again,
        pause=_pause,
    )
    if outcome is leases.Outcome.EXISTS:
        opened, held = store.session_and_leases(
            session_id=session.session_id,
            viewer_id=viewer_id,
            sessions=environment.sessions_table,
            leases=environment.leases_table,
        )
        session = sessions.repeated(opened, request=request, held=held, viewer_id=viewer_id, now=now())
    answer = sessions.answer(
        session=session,
        progress=found.progress,
        key=key,
        heartbeat_s=terms.heartbeat_s,
        pathways=environment.all_pathways,
        vendors=environment.vendor_licences,
    )
    return json_answer(answer, status=HTTPStatus.CREATED)


@entry_point
@problem_documents
def heartbeat(event: Payload, _context: LambdaContext) -> Answer:
    """``POST /api/playback/sessions/{session_id}/heartbeat``: the device still plays. One write."""
    environment = HeartbeatEnvironment.load()
    session_id, at = event["pathParameters"]["session_id"], int(now().timestamp())
    revocations.check(revocation_store.revoked(environment.revocations_table), session_id=session_id)
    renewed = store.LeaseTable(environment.leases_table).renew(
        viewer_id=signed_in(event).viewer_id,
        session_id=session_id,
        now=at,
        held_until=at + environment.lease_s,
    )
    if not renewed:
        raise leases.ended()
    return {"statusCode": int(HTTPStatus.NO_CONTENT)}


@entry_point
@problem_documents
def end_session(event: Payload, _context: LambdaContext) -> Answer:
    """``DELETE /api/playback/sessions/{session_id}``: its place is free at once. Ending it again is no error."""
    environment = EndEnvironment.load()
    store.LeaseTable(environment.leases_table).release(
        viewer_id=signed_in(event).viewer_id, session_id=event["pathParameters"]["session_id"]
    )
    return {"statusCode": int(HTTPStatus.NO_CONTENT)}


@entry_point
@rate_limited
@problem_documents
def get_manifest(event: Payload, _context: LambdaContext) -> Answer:
    """``GET /api/playback/sessions/{session_id}/manifest``: what the device may play, under its edge token."""
    environment = ManifestEnvironment.load()
    kind = parse_query(event, ManifestQuery).format
    session = running(
        environment,
        session_id=event["pathParameters"]["session_id"],
        viewer_id=signed_in(event).viewer_id,
        now=now(),
    )
    # A film that was withdrawn is not gone on with.
    store.PlayableTable(environment.playable_table).get(session.title_id)
    key = manifests.key_of(session.manifests, kind)
    text = manifests.personal(
        text=_preferred_for(
            environment.media_bucket, key, kind, selection.Selection.of(session), languages=session.languages
        ),
        kind=kind,
        key=key,
        bases=environment.all_pathways.bases(session, key=edge_key(environment.edge_secret_arn)),
    )
    return {
        "statusCode": int(HTTPStatus.OK),
        "headers": {"content-type": manifests.CONTENT_TYPES[kind], "cache-control": "private, no-store"},
        "body": text,
    }


@entry_point
@rate_limited
@problem_documents
def license(event: Payload, _context: LambdaContext) -> Answer:  # noqa: A001 - named as its route is
    """``POST /api/playback/license``: a ClearKey licence for the keys of the session's version."""
    environment = LicenseEnvironment.load()
    request = parse_body(event, LicenseRequest)
    session = running(
        environment,
        session_id=parse_query(event, LicenseQuery).session_id,
        viewer_id=signed_in(event).viewer_id,
        now=now(),
    )
    playable = store.PlayableTable(environment.playable_table).get(session.title_id)
    revocations.check(revocation_store.revoked(environment.revocations_table), key_ids=request.kids)
    table = content_key_store.ContentKeyTable(environment.content_keys_table)
    licence = licences.grant(
        request=request,
        session=session,
        key_ids=frozenset((session.key_ids or playable.key_ids).values()),
        keys=table.of_title(session.title_id),
        unwrap=partial(content_key_store.unwrap, title_id=session.title_id),
        now=now(),
    )
    # The number only: what the licence holds belongs in no log.
    extra = {"session_id": session.session_id, "keys": len(licence.keys), "type": licence.type}
    logger.info("licence granted", extra=extra)
    return json_answer(licence)


@entry_point
@rate_limited
@problem_documents
def progress(event: Payload, _context: LambdaContext) -> Answer:
    """``POST /api/playback/progress``: remember how far the viewer came, unless a newer report is known.

    One read of the title and one write; at the end of an episode, what follows it is read after that.
    """
    environment = ProgressEnvironment.load()
    viewer_id = signed_in(event).viewer_id
    report = parse_body(event, ProgressReport)
    playable = store.PlayableTable(environment.playable_table).get(report.title_id)
    reported = progress_reports.accept(report=report, viewer_id=viewer_id, playable=playable, now=now())
    # An older report than the known one is no error: it was true when it was sent.
    store.ProgressTable(environment.progress_table).put_if_newer(reported)
    following = _following(
        [reported] if reported.completed else [],
        environment=environment,
        viewer_id=viewer_id,
        profile_id=report.profile_id,
    )
    return json_answer(Reported(next_title_id=following.get(reported.title_id)))


class _Admission:
    """Which device plays where, noted with the session that it opens, and refused if that has become too unusual."""

    def __init__(self, signals: Signals, *, viewer: Viewer, security_table: str) -> None:
        self._signals, self._signed_in_at = signals, viewer.signed_in_at
        self._at = int(now().timestamp())
        self._table = security_table
        self.noted: store.Noted

    def judge(self, known: AccountSecurity) -> None:
        """Note the device over what is `known`; a refusal is noted at once, because no session will be."""
        security = admit(known, signals=self._signals, signed_in_at=self._signed_in_at, now=self._at)
        self.noted = store.Noted(table=self._table, known=known, security=security)
        if refused := refusal(security):
            store.SecurityTable(self._table).put_over(known, security)
            standing = security.standing
            logger.info("account enforced", extra={"stage": standing.stage, "reasons": standing.reasons})
            raise refused


@entry_point
@rate_limited
@problem_documents
def continue_watching(event: Payload, _context: LambdaContext) -> Answer:
    """``GET /api/playback/progress``: what the viewer may go on with, the latest first.

    One read; and where the end of an episode was the last that was seen of a series, the account, and one a series.
    """
    environment = ProgressEnvironment.load()
    viewer_id, profile_id = signed_in(event).viewer_id, parse_query(event, ProgressQuery).profile_id
    known = store.ProgressTable(environment.progress_table).of(progress_reports.watcher(viewer_id, profile_id))
    following = _following(
        progress_reports.seen_last(known), environment=environment, viewer_id=viewer_id, profile_id=profile_id
    )
    return json_answer(BegunTitles(titles=progress_reports.continued(known, following=following)))


def _following(
    seen: Iterable[Progress], *, environment: ProgressEnvironment, viewer_id: str, profile_id: str | None
) -> dict[str, str | None]:
    """Return what whoever watches is offered after each of some titles, by title; of no series, nothing is read."""
    places = {one.title_id: (one.series, one.episode) for one in seen if one.series and one.episode}
    if not places:
        return {}
    kept = store.AccountTable(environment.accounts_table).get(viewer_id)
    account = account_of(viewer_id, kept=kept, plans=environment.all_plans)
    table = store.PlayableTable(environment.playable_table)
    offered = partial(series.offered, account=account, profile_id=profile_id, now=now())
    return {
        title_id: offered(table.following(series=of, episode=episode), after=title_id)
        for title_id, (of, episode) in places.items()
    }


@lru_cache(maxsize=_MANIFESTS)
def _manifest_for(bucket: str, key: str, kind: manifests.Format, chosen: selection.Selection) -> str:
    """Return a version's manifest for a class of devices, made once a process: neither ever changes."""
    return selection.left(store.manifest_text(bucket=bucket, key=key), kind=kind, selection=chosen)


@lru_cache(maxsize=_MANIFESTS)
def _preferred_for(
    bucket: str, key: str, kind: manifests.Format, chosen: selection.Selection, *, languages: Languages
) -> str:
    """Return that manifest with a viewer's languages first; most viewers of a place like the same ones."""
    return preference.preferred(_manifest_for(bucket, key, kind, chosen), kind=kind, languages=languages)


def _pause(attempts: int) -> None:
    """Wait before another attempt, longer each time and never as long as another device."""
    time.sleep(random.uniform(0, 0.01 * 2**attempts))  # noqa: S311 - not a secret
