"""The entry points of the licences that DRM vendors make."""

from __future__ import annotations

import base64
import binascii
from functools import cache
from http import HTTPStatus

from aws_lambda_powertools.utilities.typing import LambdaContext

from lambdas.common.clock import now
from lambdas.common.errors import FieldError, ForbiddenError, InvalidInputError, MalformedBodyError, NotOfferedError
from lambdas.common.handling import Payload, entry_point, logger
from lambdas.common.problem import Answer, parse_query, problem_documents
from lambdas.playback import leases, revocations, sessions, store
from lambdas.playback.environment import VendorEnvironment
from lambdas.playback.models import LicenseQuery
from lambdas.playback.vendors import MAX_CHALLENGE_BYTES, Challenge, HttpVendor, System, Vendors


@entry_point
@problem_documents
def vendor_license(event: Payload, _context: LambdaContext) -> Answer:
    """``POST /api/playback/license/{system}``: a licence of Widevine, PlayReady or FairPlay, for the session's keys."""
    environment = VendorEnvironment.load()
    system, body = _system(event), _challenge(event)
    claims = event.get("requestContext", {}).get("authorizer", {}).get("jwt", {}).get("claims", {})
    if not claims.get("sub"):
        raise ForbiddenError("the request names no viewer: sign in, and send the ID token")
    viewer_id = str(claims["sub"])
    found, held = store.session_and_leases(
        session_id=parse_query(event, LicenseQuery).session_id,
        viewer_id=viewer_id,
        sessions=environment.sessions_table,
        leases=environment.leases_table,
    )
    session = sessions.check(session=found, viewer_id=viewer_id, now=now())
    key_ids = tuple(sorted(session.key_ids.values()))
    revocations.check(
        store.revoked(environment.revocations_table),
        session_id=session.session_id,
        device_model=session.device,
        key_ids=key_ids,
    )
    leases.check(session, held=held)
    challenge = Challenge(system=system, body=body, session=session, key_ids=key_ids)
    licence = _vendors(environment.vendors_secret_arn).licence(challenge)
    logger.info("licence passed on", extra={"session_id": session.session_id, "system": system})
    return _binary(licence, cache_control="private, no-store")


@entry_point
@problem_documents
def fairplay_certificate(_event: Payload, _context: LambdaContext) -> Answer:
    """``GET /api/playback/license/fairplay/certificate``: Apple's application certificate, which players ask first."""
    environment = VendorEnvironment.load()
    certificate = store.vendors_settings(environment.vendors_secret_arn).fairplay_certificate
    if certificate is None:
        raise NotOfferedError("no FairPlay certificate is configured: play with ClearKey")
    return _binary(base64.b64decode(certificate), cache_control="private, max-age=3600")


@cache
def _vendors(secret_arn: str) -> Vendors:
    """Return the vendors of this process, with what it has seen of them."""
    return Vendors([HttpVendor(settings) for settings in store.vendors_settings(secret_arn).vendors])


def _system(event: Payload) -> System:
    name = str((event.get("pathParameters") or {}).get("system", ""))
    try:
        return System(name)
    except ValueError as error:
        raise InvalidInputError(FieldError("system", f"one of {', '.join(System)}")) from error


def _challenge(event: Payload) -> bytes:
    text = str(event.get("body") or "")
    try:
        body = base64.b64decode(text, validate=True) if event.get("isBase64Encoded") else text.encode()
    except (binascii.Error, ValueError) as error:
        raise MalformedBodyError("not base64, although it is said to be") from error
    if not 0 < len(body) <= MAX_CHALLENGE_BYTES:
        raise InvalidInputError(
            FieldError("body", f"a challenge of the player's DRM, at most {MAX_CHALLENGE_BYTES} bytes")
        )
    return body


def _binary(content: bytes, *, cache_control: str) -> Answer:
    return {
        "statusCode": int(HTTPStatus.OK),
        "headers": {"content-type": "application/octet-stream", "cache-control": cache_control},
        "body": base64.b64encode(content).decode(),
        "isBase64Encoded": True,
    }
