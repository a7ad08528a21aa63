"""Answers of the HTTP API (payload format 2.0), and RFC 9457 problem documents for its errors."""

from __future__ import annotations

import base64
import binascii
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
    InvalidInputError,
    MarqueeError,
    NotFoundError,
    TransientError,
)
from lambdas.common.handling import logger
from lambdas.common.parsing import parse
from lambdas.common.strict_json import MalformedJsonError, loads

Answer = dict[str, Any]
HttpHandler = Callable[[dict[str, Any], Any], Answer]
ModelT = TypeVar("ModelT", bound=BaseModel)


class _Problem(NamedTuple):
    status: HTTPStatus
    title: str


_UNEXPECTED = _Problem(HTTPStatus.INTERNAL_SERVER_ERROR, "Unexpected error")
_PROBLEMS: dict[type[Exception], _Problem] = {
    MalformedJsonError: _Problem(HTTPStatus.BAD_REQUEST, "Malformed body"),
    ForbiddenError: _Problem(HTTPStatus.FORBIDDEN, "Forbidden"),
    NotFoundError: _Problem(HTTPStatus.NOT_FOUND, "Not found"),
    ConflictError: _Problem(HTTPStatus.CONFLICT, "Conflict"),
    ExpiredError: _Problem(HTTPStatus.GONE, "Expired"),
    InvalidInputError: _Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "Invalid input"),
    TransientError: _Problem(HTTPStatus.SERVICE_UNAVAILABLE, "Try again"),
}


def json_answer(
    body: object, *, status: HTTPStatus = HTTPStatus.OK, headers: Mapping[str, str] | None = None
) -> Answer:
    """Return an answer with a JSON body; not to be stored, unless `headers` say otherwise."""
    return {
        "statusCode": int(status),
        "headers": {
            "content-type": "application/json",
            "cache-control": "private, no-store",
            **(headers or {}),
        },
        "body": json.dumps(body, ensure_ascii=False),
    }


def parse_body(event: Mapping[str, Any], model: type[ModelT]) -> ModelT:
    """Return a request's JSON body as `model`.

    Raises
    ------
    MalformedJsonError
        If the body is absent, or not JSON in UTF-8.
    InvalidInputError
        If it is JSON but does not fit `model`.
    """
    body = event.get("body") or ""
    try:
        raw = base64.b64decode(body, validate=True) if event.get("isBase64Encoded") else body
    except binascii.Error as error:
        raise MalformedJsonError("not base64, although it is said to be") from error
    return parse(model, loads(raw))


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
