"""The entry points of the device grant: the device's two, the viewer's two, and Cognito's triggers."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from typing import TypeVar
from urllib.parse import parse_qsl

from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel, ValidationError

from lambdas.common.clock import now
from lambdas.common.errors import ForbiddenError, MalformedBodyError, TransientError
from lambdas.common.handling import Payload, entry_point, logger
from lambdas.common.identity import signed_in
from lambdas.common.parsing import field_errors
from lambdas.common.problem import Answer, json_answer, parse_body, parse_query, problem_documents, raw_body
from lambdas.playback import device_grant
from lambdas.playback.account_security import vouch
from lambdas.playback.device_grant import (
    GRANT_TYPE,
    CodeForm,
    Decision,
    DeviceCode,
    DeviceRequest,
    OAuthError,
    RequestQuery,
    TokenForm,
)
from lambdas.playback.device_grant_environment import (
    ApproveEnvironment,
    DeviceCodeEnvironment,
    DeviceGrantsEnvironment,
    DeviceTokenEnvironment,
)
from lambdas.playback.device_grant_store import DeviceGrants, ViewerTokens, page_address
from lambdas.playback.store import SecurityTable

_FormT = TypeVar("_FormT", bound=BaseModel)
_Handler = Callable[[Payload, LambdaContext], Answer]
_TRIES = 3
_STATUS = {
    "invalid_client": HTTPStatus.UNAUTHORIZED,
    "temporarily_unavailable": HTTPStatus.SERVICE_UNAVAILABLE,
    "server_error": HTTPStatus.INTERNAL_SERVER_ERROR,
}


def _oauth_errors(handler: _Handler) -> _Handler:
    """Wrap a handler so that errors have the form that RFC 6749 (5.2) gives them, and no other: devices read it."""

    @wraps(handler)
    def wrapped(event: Payload, context: LambdaContext) -> Answer:
        try:
            return handler(event, context)
        except OAuthError as error:
            refused = error
        except TransientError:
            refused = OAuthError("temporarily_unavailable", "a dependency is busy: try again shortly")
        except Exception:  # noqa: BLE001 - it becomes 500, and the log has its traceback
            logger.exception("unexpected error")
            refused = OAuthError("server_error", "unexpected error")
        logger.info("refused", extra={"error": refused.code})
        body = {"error": refused.code, "error_description": str(refused)}
        return json_answer(body, status=_STATUS.get(refused.code, HTTPStatus.BAD_REQUEST))

    return wrapped


@entry_point
@_oauth_errors
def device_code(event: Payload, _context: LambdaContext) -> Answer:
    """``POST /api/device/code``: a device begins (RFC 8628, 3.1)."""
    environment = DeviceCodeEnvironment.load()
    form = _form(event, CodeForm, client_id=environment.device_client_id)
    grants, moment = DeviceGrants(environment.device_grants_table), _now_s()
    page = page_address(user_pool_id=environment.user_pool_id, client_id=environment.page_client_id)
    for _ in range(_TRIES):
        issued = device_grant.issue(device=form.device_name, now=moment)
        if grants.add(issued.grant, now=moment):
            logger.info("device code issued", extra={"device": form.device_name})
            return json_answer(device_grant.answer(issued, page=page))
    raise TransientError("no user code is free")


@entry_point
@_oauth_errors
def device_token(event: Payload, _context: LambdaContext) -> Answer:
    """``POST /api/device/token``: a device asks whether it was let in, or renews its tokens (RFC 8628, 3.4)."""
    environment = DeviceTokenEnvironment.load()
    form = _form(event, TokenForm, client_id=environment.device_client_id)
    tokens = ViewerTokens(client_id=environment.device_client_id)
    if form.grant_type == "refresh_token":
        return json_answer(tokens.for_refresh_token(form.refresh_token))
    if form.grant_type != GRANT_TYPE:
        raise OAuthError("unsupported_grant_type", f"give {GRANT_TYPE} or refresh_token")
    code = DeviceCode.read(form.device_code)
    grant = DeviceGrants(environment.device_grants_table).poll(code, now=_now_s())
    answered = tokens.for_code(code, username=device_grant.username_of(grant))
    logger.info("device signed in", extra={"device": grant.device})
    return json_answer(answered)


@entry_point
@problem_documents
def device_request(event: Payload, _context: LambdaContext) -> Answer:
    """``GET /api/device/request``: what waits under the code that a viewer has entered."""
    grants, moment = DeviceGrants(DeviceGrantsEnvironment.load().device_grants_table), _now_s()
    viewer = signed_in(event)
    query = parse_query(event, RequestQuery)
    grants.count_attempt(viewer.viewer_id, now=moment)
    grant = grants.find(query.user_code, now=moment)
    return json_answer(DeviceRequest(device=grant.device, expires_at=grant.expires_at))


@entry_point
@problem_documents
def approve_device(event: Payload, _context: LambdaContext) -> Answer:
    """``POST /api/device/approve``: the viewer lets the device in, or refuses it."""
    environment = ApproveEnvironment.load()
    grants, moment = DeviceGrants(environment.device_grants_table), _now_s()
    viewer = signed_in(event)
    decided = parse_body(event, Decision)
    # A television lets nobody in: whoever stole one would never be rid of.
    if viewer.client_id != environment.page_client_id:
        raise ForbiddenError("a device is let in on the page: sign in there")
    known = SecurityTable(environment.security_table).get(viewer.viewer_id)
    vouch(known, signed_in_at=viewer.signed_in_at)
    grants.count_attempt(viewer.viewer_id, now=moment)
    grant = grants.decide(decided.user_code, status=decided.status, username=viewer.username, now=moment)
    logger.info("device decided", extra={"viewer_id": viewer.viewer_id, "device": grant.device, "status": grant.status})
    return {"statusCode": int(HTTPStatus.NO_CONTENT)}


@entry_point
def challenge(event: Payload, _context: LambdaContext) -> Payload:
    """Cognito's three triggers of a custom sign-in: what is asked, and whether the answer is an approved device code.

    Whoever begins such a sign-in without our API gets no further: the one answer that is right is a device code that
    the viewer of that name has approved, and it is right once.
    """
    environment = DeviceGrantsEnvironment.load()
    request, response = event["request"], event["response"]
    match event["triggerSource"].partition("_")[0]:
        case "DefineAuthChallenge":
            response |= device_grant.next_challenge(request.get("session") or [])
        case "CreateAuthChallenge":
            response |= {"publicChallengeParameters": {"asks_for": "device_code"}, "privateChallengeParameters": {}}
        case "VerifyAuthChallengeResponse":
            grants = DeviceGrants(environment.device_grants_table)
            response["answerCorrect"] = _redeemed(
                request.get("challengeAnswer") or "", username=event["userName"], grants=grants
            )
    return event


def _redeemed(answer: str, *, username: str, grants: DeviceGrants) -> bool:
    try:
        code = DeviceCode.read(answer)
    except OAuthError:
        return False
    return grants.redeem(code, username=username, now=_now_s())


def _form(event: Payload, model: type[_FormT], *, client_id: str) -> _FormT:
    """Return a device's form.

    Raises
    ------
    OAuthError
        If it does not fit, says something twice, or another client sends it.
    """
    try:
        pairs = parse_qsl(raw_body(event).decode(), keep_blank_values=True, max_num_fields=20)
        values = dict(pairs)
        form = model.model_validate(values)
    except ValidationError as error:
        wrong = "; ".join(f"{field}: {message}" for field, message in field_errors(error))
        raise OAuthError("invalid_request", wrong) from error
    except (MalformedBodyError, ValueError) as error:
        raise OAuthError("invalid_request", "the body is no form in UTF-8") from error
    if len(values) != len(pairs):
        raise OAuthError("invalid_request", "a field is there twice")
    if values["client_id"] != client_id:
        raise OAuthError("invalid_client", "client_id: not that of the platform's televisions")
    return form


def _now_s() -> int:
    return int(now().timestamp())
