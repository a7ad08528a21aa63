"""The entry point of the SPEKE key service. It stands apart because it alone needs XML and a library of ciphers."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, wraps
from http import HTTPStatus

from aws_lambda_powertools.utilities.typing import LambdaContext

from lambdas.common.clock import now
from lambdas.common.errors import FieldError, ForbiddenError, InvalidInputError
from lambdas.common.handling import Payload, entry_point, logger
from lambdas.common.problem import Answer, problem_documents, raw_body
from lambdas.playback import content_key_store, cpix, key_delivery, revocation_store, revocations, speke
from lambdas.playback.environment import SpekeEnvironment


def _introduced(handler: Callable[[Payload, LambdaContext], Answer]) -> Callable[[Payload, LambdaContext], Answer]:
    """Let every answer, refusals too, say the version and who speaks, as SPEKE v2.0 asks for."""

    @wraps(handler)
    def wrapped(event: Payload, context: LambdaContext) -> Answer:
        answer = handler(event, context)
        return {**answer, "headers": {**answer.get("headers", {}), **speke.HEADERS}}

    return wrapped


@entry_point
@_introduced
@problem_documents
def speke_keys(event: Payload, _context: LambdaContext) -> Answer:
    """``POST /speke/v2.0/keys``: a CPIX document with the content keys that it asks for, and their signalling.

    The API's IAM authoriser has verified who asks. Keys are encrypted for the certificates that the request brings; in
    the answer to a request without any they are in the clear, inside TLS.
    """
    environment = SpekeEnvironment.load()
    packager = _packager(event)
    speke.check_version(event.get("headers", {}))
    document = cpix.read(_body(event))
    delivery = _delivery(document, environment=environment)
    table, title_id = content_key_store.ContentKeyTable(environment.content_keys_table), document.content_id
    keys = speke.issue(
        title_id=title_id,
        asked=document.keys,
        existing=table.of_title(title_id),
        new_wrapped_key=partial(content_key_store.new_wrapped_key, wrapping_key_id=environment.wrapping_key_id),
        keep=partial(table.keep, title_id=title_id),
    )
    secret = delivery.secret if delivery else cpix.plain
    text = cpix.answer(document, {key.key_id: secret(content_key_store.unwrap(key, title_id=title_id)) for key in keys})
    logger.info(
        "keys issued to a packager",
        extra={
            "packager": packager,
            "title_id": title_id,
            "key_ids": [key.key_id for key in keys],
            "encrypted": delivery is not None,
        },
    )
    return {
        "statusCode": int(HTTPStatus.OK),
        "headers": {"content-type": speke.CONTENT_TYPE, "cache-control": "no-store"},
        "body": text.decode(),
    }


def _delivery(document: cpix.KeyDocument, *, environment: SpekeEnvironment) -> key_delivery.Delivery | None:
    """Return how the keys travel: encrypted for every recipient, or as they are where there is none."""
    if not document.certificates:
        return None
    revoked = revocation_store.revoked(environment.revocations_table)
    for certificate in document.certificates:
        revocations.check(revoked, certificate=key_delivery.fingerprint(certificate))
    recipients = [key_delivery.public_key(certificate, now=now()) for certificate in document.certificates]
    delivery = key_delivery.Delivery(recipients)
    delivery.introduce(document.root)
    return delivery


def _body(event: Payload) -> bytes:
    if len(event.get("body") or "") > cpix.MAX_BYTES * 4 // 3:
        raise _too_large()
    raw = raw_body(event)
    if len(raw) > cpix.MAX_BYTES:
        raise _too_large()
    return raw


def _too_large() -> InvalidInputError:
    return InvalidInputError(
        FieldError("body", f"at most {cpix.MAX_BYTES} bytes: ask for at most {cpix.MAX_KEYS} keys")
    )


def _packager(event: Payload) -> str:
    """Return the ARN of whoever signed the request, which the API's authoriser has verified."""
    arn = event.get("requestContext", {}).get("authorizer", {}).get("iam", {}).get("userArn")
    if not arn:
        raise ForbiddenError(
            "the request names no packager: sign it with the credentials of a role that may ask for keys"
        )
    return str(arn)
