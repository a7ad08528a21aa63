"""Answers of the HTTP API (payload format 2.0), and RFC 9457 problem documents for its errors."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from functools import wraps
from http import HTTPStatus
from typing import Any, NamedTuple, TypeVar

from pydantic import BaseModel

from lambdas.common.errors import (
    ConflictError,
    ExpiredError,
    ForbiddenError,
    IdempotencyKeyReusedError,
    InvalidInputError,
    MalformedBodyError,
    MarqueeError,
    NotFoundError,
    NotOfferedError,
    OfflineRefusedError,
    RevokedError,
    TooManyRequestsError,
    TransientError,
)
from lambdas.common.handling import logger
from lambdas.common.parsing import parse
from lambdas.common.strict_json import loads

Answer = dict[str, Any]
HttpHandler = Callable[[dict[str, Any], Any], Answer]
ModelT = TypeVar("ModelT", bound=BaseModel)


class _Problem(NamedTuple):
    status: HTTPStatus
    title: str


_UNEXPECTED = _Problem(HTTPStatus.INTERNAL_SERVER_ERROR, "Unexpected error")
_PROBLEMS: dict[type[Exception], _Problem] = {
    MalformedBodyError: _Problem(HTTPStatus.BAD_REQUEST, "Malformed body"),
    # Before the error that they are kinds of.
    OfflineRefusedError: _Problem(HTTPStatus.FORBIDDEN, "Offline refused"),
    IdempotencyKeyReusedError: _Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "Idempotency key reused"),
    RevokedError: _Problem(HTTPStatus.FORBIDDEN, "Revoked"),
    ForbiddenError: _Problem(HTTPStatus.FORBIDDEN, "Forbidden"),
    NotFoundError: _Problem(HTTPStatus.NOT_FOUND, "Not found"),
    ConflictError: _Problem(HTTPStatus.CONFLICT, "Conflict"),
    ExpiredError: _Problem(HTTPStatus.GONE, "Expired"),
    InvalidInputError: _Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "Invalid input"),
    TooManyRequestsError: _Problem(HTTPStatus.TOO_MANY_REQUESTS, "Too many requests"),
    NotOfferedError: _Problem(HTTPStatus.NOT_FOUND, "Not offered"),
    TransientError: _Problem(HTTPStatus.SERVICE_UNAVAILABLE, "Try again"),
}


def json_answer(
    body: object, *, status: HTTPStatus = HTTPStatus.OK, headers: Mapping[str, str] | None = None
) -> Answer:
    """Return an answer with a JSON body, a model's or any other; not to be stored, unless `headers` say otherwise."""
    told = body.model_dump(mode="json") if isinstance(body, BaseModel) else body
    return {
        "statusCode": int(status),
        "headers": {
            "content-type": "application/json",
            "cache-control": "private, no-store",
            **(headers or {}),
        },
        "body": json.dumps(told, ensure_ascii=False),
    }


def parse_body(event: Mapping[str, Any], model: type[ModelT]) -> ModelT:
    """Return a request's JSON body as `model`.

    Raises
    ------
    MalformedBodyError
        If the body is absent, or not JSON in UTF-8.
    InvalidInputError
        If it is JSON but does not fit `model`.
    """
    return parse(model, loads(raw_body(event)))


def raw_body(event: Mapping[str, Any]) -> bytes:
    """Return a request's body; of one without a body, nothing.

    Raises
    ------
    MalformedBodyError
        If it is not base64, although API Gateway says so, or not UTF-8.
    """
    text = str(event.get("body") or "")
    try:
        return base64.b64decode(text, validate=True) if event.get("isBase64Encoded") else text.encode()
    except ValueError as error:
        raise MalformedBodyError("not base64, although it is said to be; or not UTF-8") from error


def parse_query(event: Mapping[str, Any], model: type[ModelT]) -> ModelT:
    """Return a request's query parameters as `model`.

    Raises
    ------
    InvalidInputError
        If they do not fit `model`.
    """
    return parse(model, event.get("queryStringParameters") or {})


def problem_documents(handler: HttpHandler) -> HttpHandler:
    """Wrap an HTTP API handler so that every error becomes a problem document.

    Errors of ours become the status that fits them; anything else is logged with its traceback and becomes
    500 without a detail, because what broke inside is nobody's business outside.
    """

    @wraps(handler)
    def wrapped(event: dict[str, Any], context: Any) -> Answer:  # noqa: ANN401 - Lambda's own object
        try:
            return handler(event, context)
        except Exception as error:  # noqa: BLE001 - it becomes 500, and the log has its traceback
            problem = _problem_of(error)
            if problem is _UNEXPECTED:
                logger.exception("unexpected error")
            else:
                logger.info("refused", extra={"status": int(problem.status), "error": type(error).__name__})
            return _document(event, problem=problem, error=error)

    return wrapped


def _problem_of(error: Exception) -> _Problem:
    known = (problem for kind, problem in _PROBLEMS.items() if isinstance(error, kind))
    return next(known, _UNEXPECTED)


def _document(event: Mapping[str, Any], *, problem: _Problem, error: Exception) -> Answer:
    request_id = event.get("requestContext", {}).get("requestId", "unknown")
    document: dict[str, Any] = {
        "type": f"urn:marquee:problem:{problem.title.lower().replace(' ', '-')}",
        "title": problem.title,
        "status": int(problem.status),
        "instance": f"urn:marquee:request:{request_id}",
    }
    headers = {"content-type": "application/problem+json"}
    if isinstance(error, TransientError):
        document["detail"] = "a dependency is busy: try again shortly"
        headers["retry-after"] = "1"
    elif problem is not _UNEXPECTED:
        document["detail"] = str(error)
    if isinstance(error, MarqueeError):
        document |= error.members
    if isinstance(error, InvalidInputError):
        document["errors"] = [entry._asdict() for entry in error.errors]
    return json_answer(document, status=problem.status, headers=headers)
