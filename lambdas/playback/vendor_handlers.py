"""The entry points of the licences that DRM vendors make."""

from __future__ import annotations

import base64
from functools import cache
from http import HTTPStatus

from aws_lambda_powertools.utilities.typing import LambdaContext

from lambdas.common.aws import client, transient_errors
from lambdas.common.clock import now
from lambdas.common.errors import FieldError, InvalidInputError, NotOfferedError
from lambdas.common.handling import Payload, entry_point, logger
from lambdas.common.identity import signed_in
from lambdas.common.problem import Answer, parse_query, problem_documents, raw_body
from lambdas.playback import licences, revocation_store, revocations
from lambdas.playback.environment import VendorEnvironment
from lambdas.playback.models import VendorLicenseQuery
from lambdas.playback.running import running
from lambdas.playback.vendors import MAX_CHALLENGE_BYTES, Challenge, HttpVendor, System, Vendors, VendorsSettings


@entry_point
@problem_documents
def vendor_license(event: Payload, _context: LambdaContext) -> Answer:
    """``POST /api/playback/license/{system}``: a licence of Widevine, PlayReady or FairPlay, for the session's keys."""
    environment = VendorEnvironment.load()
    system, body, query = _system(event), _challenge(event), parse_query(event, VendorLicenseQuery)
    at = now()
    session = running(environment, session_id=query.session_id, viewer_id=signed_in(event).viewer_id, now=at)
    terms = licences.terms(session, asked=query.type, now=at)
    key_ids = tuple(sorted(session.key_ids.values()))
    revocations.check(revocation_store.revoked(environment.revocations_table), key_ids=key_ids)
    challenge = Challenge(system=system, body=body, session=session, key_ids=key_ids, terms=terms)
    licence = _vendors(environment.vendors_secret_arn).licence(challenge)
    logger.info("licence passed on", extra={"session_id": session.session_id, "system": system, "type": query.type})
    return _binary(licence, cache_control="private, no-store")


@entry_point
@problem_documents
def fairplay_certificate(_event: Payload, _context: LambdaContext) -> Answer:
    """``GET /api/playback/license/fairplay/certificate``: Apple's application certificate, which players ask first."""
    environment = VendorEnvironment.load()
    certificate = _settings(environment.vendors_secret_arn).fairplay_certificate
    if certificate is None:
        raise NotOfferedError("no FairPlay certificate is configured: play with ClearKey")
    return _binary(base64.b64decode(certificate), cache_control="private, max-age=3600")


@cache
def _vendors(secret_arn: str) -> Vendors:
    """Return the vendors of this process, with what it has seen of them."""
    return Vendors([HttpVendor(settings) for settings in _settings(secret_arn).vendors])


@cache
@transient_errors()
def _settings(secret_arn: str) -> VendorsSettings:
    """Return which DRM vendors there are; asked for once a process. Without a secret there is none."""
    if not secret_arn:
        return VendorsSettings()
    answer = client("secretsmanager").get_secret_value(SecretId=secret_arn)
    return VendorsSettings.model_validate_json(answer["SecretString"])


def _system(event: Payload) -> System:
    name = str((event.get("pathParameters") or {}).get("system", ""))
    try:
        return System(name)
    except ValueError as error:
        raise InvalidInputError(FieldError("system", f"one of {', '.join(System)}")) from error


def _challenge(event: Payload) -> bytes:
    body = raw_body(event)
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
