"""The entry points of playback's functions: they parse, ask a use case, and answer."""

from __future__ import annotations

from functools import partial
from http import HTTPStatus

from aws_lambda_powertools.utilities.typing import LambdaContext

from lambdas.common.bus import received
from lambdas.common.clock import now
from lambdas.common.errors import ForbiddenError
from lambdas.common.events import TitlePublished, TitleRolledBack
from lambdas.common.handling import Payload, entry_point, logger
from lambdas.common.parsing import parse
from lambdas.common.problem import Answer, json_answer, parse_body, parse_query, problem_documents, viewer_of
from lambdas.common.rate_limiting import rate_limited
from lambdas.playback import keys, licences, manifests, revocations, sessions, store
from lambdas.playback import progress as progress_reports
from lambdas.playback.account_security import admit, refusal
from lambdas.playback.environment import (
    KeyServiceEnvironment,
    LicenseEnvironment,
    ManifestEnvironment,
    PlayableEnvironment,
    ProgressEnvironment,
    SessionEnvironment,
)
from lambdas.playback.models import (
    Device,
    EdgeKey,
    KeyRequest,
    LicenseQuery,
    LicenseRequest,
    ManifestQuery,
    Playable,
    ProgressReport,
    Session,
    SessionRequest,
)
from lambdas.playback.signals import read
from lambdas.playback.tokens import mint


@entry_point
def issue_keys(event: Payload, _context: LambdaContext) -> Payload:
    """Return the title's content keys, wrapped; a task of the encoding state machine.

    Parameters
    ----------
    event
        ``{"title_id": …}``; with ``opened_for``, a version, the title gets new keys for it.

    Returns
    -------
    dict
        ``{"keys": […]}``, one `ContentKey` a tier, of the latest period or that of the version.
    """
    environment = KeyServiceEnvironment.load()
    request = parse(KeyRequest, event)
    title_id = request.title_id
    table = store.ContentKeyTable(environment.content_keys_table)
    issued = keys.issue(
        title_id=title_id,
        existing=table.of_title(title_id),
        opened_for=request.opened_for,
        new_wrapped_key=partial(store.new_wrapped_key, wrapping_key_id=environment.wrapping_key_id),
        keep=partial(table.keep, title_id=title_id),
    )
    logger.info("keys issued", extra={"title_id": title_id, "key_ids": [key.key_id for key in issued]})
    return {"keys": [key.model_dump(mode="json") for key in issued]}


@entry_point
def on_title_published(event: Payload, _context: LambdaContext) -> None:
    """Note what can be played from now on; the bus delivers it, perhaps twice, perhaps late.

    A rollback is a publication of an earlier version: here it makes no difference.
    """
    environment = PlayableEnvironment.load()
    rolled_back = event.get("detail-type") == TitleRolledBack.detail_type()
    published = received(TitleRolledBack if rolled_back else TitlePublished, event)
    playable = Playable(
        title_id=published.title.title_id,
        name=published.title.name,
        version_id=published.version_id,
        duration_s=published.duration_s,
        manifests=published.manifests,
        thumbnails=published.thumbnails,
        renditions=published.renditions,
        key_ids=published.key_ids,
        revision=published.revision,
    )
    kept = store.PlayableTable(environment.playable_table).put_if_newer(playable)
    extra = {"title_id": playable.title_id, "version_id": playable.version_id}
    logger.info("title playable" if kept else "an older publication was passed over", extra=extra)


@entry_point
@rate_limited
@problem_documents
def create_session(event: Payload, _context: LambdaContext) -> Answer:
    """``POST /api/playback/sessions``: everything that a player needs to start, in one round trip."""
    environment = SessionEnvironment.load()
    viewer_id = _viewer_id(event)
    request = parse_body(event, SessionRequest)
    revocations.check(store.revoked(environment.revocations_table), device_model=request.device.name)
    playable = store.PlayableTable(environment.playable_table).get(request.title_id)
    progress_table = store.ProgressTable(environment.progress_table)
    seen = progress_table.get(viewer_id=viewer_id, title_id=playable.title_id)
    session = sessions.create(
        viewer_id=viewer_id,
        playable=playable,
        device=request.device.name,
        now=now(),
        ttl_s=environment.session_ttl_s,
    )
    key = store.edge_key(environment.edge_secret_arn)
    _admit(event, device=request.device, key=key, security_table=environment.security_table)
    store.SessionTable(environment.sessions_table).put(session)
    return json_answer(sessions.answer(session=session, progress=seen, key=key), status=HTTPStatus.CREATED)


@entry_point
@rate_limited
@problem_documents
def get_manifest(event: Payload, _context: LambdaContext) -> Answer:
    """``GET /api/playback/sessions/{session_id}/manifest``: the manifest, under the session's edge token."""
    environment = ManifestEnvironment.load()
    kind = parse_query(event, ManifestQuery).format
    session, _ = _opened(event, environment=environment, session_id=event["pathParameters"]["session_id"])
    key = manifests.key_of(session.manifests, kind)
    text = manifests.personal(
        text=store.manifest_text(bucket=environment.media_bucket, key=key),
        kind=kind,
        key=key,
        token=mint(session=session, key=store.edge_key(environment.edge_secret_arn)),
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
    session, playable = _opened(event, environment=environment, session_id=parse_query(event, LicenseQuery).session_id)
    revocations.check(
        store.revoked(environment.revocations_table),
        session_id=session.session_id,
        device_model=session.device,
        key_ids=request.kids,
    )
    table = store.ContentKeyTable(environment.content_keys_table)
    licence = licences.grant(
        request=request,
        session=session,
        key_ids=frozenset((session.key_ids or playable.key_ids).values()),
        keys=table.of_title(session.title_id),
        unwrap=partial(store.unwrap, title_id=session.title_id),
        now=now(),
    )
    # The number only: what the licence holds belongs in no log.
    logger.info("licence granted", extra={"session_id": session.session_id, "keys": len(licence["keys"])})
    return json_answer(licence)


@entry_point
@rate_limited
@problem_documents
def progress(event: Payload, _context: LambdaContext) -> Answer:
    """``POST /api/playback/progress``: remember how far the viewer came, unless a newer report is known."""
    environment = ProgressEnvironment.load()
    viewer_id = _viewer_id(event)
    report = parse_body(event, ProgressReport)
    playable = store.PlayableTable(environment.playable_table).get(report.title_id)
    reported = progress_reports.accept(report=report, viewer_id=viewer_id, playable=playable, now=now())
    # An older report than the known one is no error: it was true when it was sent.
    store.ProgressTable(environment.progress_table).put_if_newer(reported)
    return {"statusCode": int(HTTPStatus.NO_CONTENT)}


def _admit(event: Payload, *, device: Device, key: EdgeKey, security_table: str) -> None:
    """Note which device plays where, and refuse it where the account's use has become too unusual."""
    table, at = store.SecurityTable(security_table), int(now().timestamp())
    known = table.get(_viewer_id(event))
    claims = event["requestContext"]["authorizer"]["jwt"]["claims"]
    security = admit(
        known,
        signals=read(event.get("headers", {}), device=device, key=key),
        signed_in_at=int(claims.get("auth_time", at)),
        now=at,
    )
    # Of two sessions that begin at once, one is noted: the other would say the same.
    table.put_over(known, security)
    if refused := refusal(security):
        logger.info("account enforced", extra={"stage": security.standing.stage, "reasons": security.standing.reasons})
        raise refused


def _opened(
    event: Payload, *, environment: ManifestEnvironment | LicenseEnvironment, session_id: str
) -> tuple[Session, Playable]:
    """Return a session that the viewer may use, and its title, which must still be published."""
    found = store.SessionTable(environment.sessions_table).get(session_id)
    session = sessions.check(session=found, viewer_id=_viewer_id(event), now=now())
    return session, store.PlayableTable(environment.playable_table).get(session.title_id)


def _viewer_id(event: Payload) -> str:
    """Return who asks: the subject of the token that the API's authorizer has verified."""
    viewer_id = viewer_of(event)
    if viewer_id is None:
        raise ForbiddenError("the request names no viewer: sign in, and send the ID token")
    return viewer_id
