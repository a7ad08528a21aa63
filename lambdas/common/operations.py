"""What the HTTP APIs offer: one record an operation, from which their description is generated.

No function imports the records; they name the very models that the handlers parse with and answer by.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from lambdas.common.media import Record

JSON = "application/json"
PROBLEM = "application/problem+json"
FORM = "application/x-www-form-urlencoded"
READ = (HTTPStatus.FORBIDDEN, HTTPStatus.UNPROCESSABLE_ENTITY)
"""What any question may be refused with, beside what the gateway refuses."""
WRITTEN = (HTTPStatus.BAD_REQUEST, *READ)
"""The same of an operation with a body."""


class FieldProblem(Record):
    """What is wrong with one field."""

    field: str = Field(description="dotted, for example `files.0.sha256`; empty: the whole")
    message: str


class Problem(BaseModel):
    """A problem document (RFC 9457); some have members of their own, such as `reason`."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(description="`urn:marquee:problem:…`")
    title: str
    status: int
    instance: str = Field(description="`urn:marquee:request:…`, by which the log is searched")
    detail: str | None = None
    errors: tuple[FieldProblem, ...] = Field(default=(), description="of invalid input: one a field")


class OAuthRefusal(Record):
    """What a token endpoint refuses with (RFC 6749, 5.2)."""

    error: str = Field(description="for example `authorization_pending`")
    error_description: str


class GatewayMessage(BaseModel):
    """What API Gateway answers to what never reaches a function."""

    message: str | None


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One route of an API.

    Parameters
    ----------
    method, path
        As the gateway matches them; parameters of the path stand in braces.
    handler
        The function that answers, as its stack names it.
    tag
        Under which heading it is described.
    body, query
        What its handler parses.
    headers
        What else a request may say, by the header's name; none of it has to be there.
    choices
        What a parameter of the path may be, where that is known.
    challenge
        Whether its body is bytes that a DRM system makes.
    status
        Of what it answers when all is well.
    answer
        The model of its JSON; none: it has no body, or `media` says what it has.
    media
        The types of what is not JSON.
    refusals
        Every status of a problem document that it may answer; 500 and 503 are any operation's.
    is_open
        Whether it needs no token.
    is_oauth
        Whether it speaks as RFC 6749 has it: the body is a form, and errors are `OAuthRefusal`.
    """

    method: Literal["DELETE", "GET", "POST", "PUT"]
    path: str
    handler: str
    tag: str
    summary: str
    body: type[BaseModel] | None = None
    query: type[BaseModel] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    choices: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    challenge: bool = False
    status: HTTPStatus = HTTPStatus.OK
    answer: type[BaseModel] | None = None
    media: tuple[str, ...] = ()
    refusals: tuple[HTTPStatus, ...] = READ
    is_open: bool = False
    is_oauth: bool = False
