"""The device authorization grant (RFC 8628): a television shows a code, and a viewer lets it in from another screen.

Cognito has no such grant. Here are its rules, of codes and of time; `device_grant_store` keeps the grants and gets the
tokens.
"""

from __future__ import annotations

import hashlib
import secrets
from enum import StrEnum
from hmac import compare_digest
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, WithJsonSchema

from lambdas.common.errors import MarqueeError
from lambdas.common.media import Record

GRANT_TYPE = "urn:ietf:params:oauth:grant-type:device_code"
LIFETIME_S = 600
INTERVAL_S = 5
"""The least time between two polls."""
MAX_ATTEMPTS = 10
"""Codes that a viewer may enter, right or wrong, in `ATTEMPTS_WINDOW_S`."""
ATTEMPTS_WINDOW_S = 600

ALPHABET = "BCDFGHJKLMNPQRSTVWXZ"
"""RFC 8628, 6.1: no vowels, so no words; no digits, so nothing that looks like a letter."""
_CODE_CHARS = 8
_GROUP = _CODE_CHARS // 2
_SECRET_BYTES = 32
_TYPED = rf"^[ -]*([{ALPHABET}{ALPHABET.lower()}][ -]*){{{_CODE_CHARS}}}$"
"""A user code, however it was typed."""
_SEPARATOR = "."
_ID_CHARS = 64


class OAuthError(MarqueeError):
    """A refusal in the words of RFC 6749 and RFC 8628, whose clients look at `code`."""

    def __init__(self, code: str, description: str) -> None:
        super().__init__(description)
        self.code = code


class Status(StrEnum):
    """What has become of a grant."""

    PENDING = "pending"
    APPROVED = "approved"
    DENIED = "denied"
    REDEEMED = "redeemed"


class DeviceGrant(Record):
    """What a television has asked for, by the hash of its user code. Neither code is kept."""

    code_id: str
    secret_hash: str
    device: str
    status: Status = Status.PENDING
    username: str | None = Field(default=None, description="of the viewer who has let the device in")
    polled_at: int = Field(default=0, description="seconds since the epoch")
    expires_at: int = Field(description="seconds since the epoch; also the table's TTL attribute")


class DeviceCode(NamedTuple):
    """A device code, taken apart: which grant it is of, and what only the device knows."""

    code_id: str
    secret: str

    @property
    def secret_hash(self) -> str:
        """What the grant keeps of the secret."""
        return _hash(self.secret)

    def __str__(self) -> str:
        return f"{self.code_id}{_SEPARATOR}{self.secret}"

    @classmethod
    def read(cls, text: str) -> DeviceCode:
        """Take a device code apart.

        Raises
        ------
        OAuthError
            If it is none.
        """
        code_id, separator, secret = text.partition(_SEPARATOR)
        if not separator or len(code_id) != _ID_CHARS or not secret:
            raise _unknown()
        return cls(code_id=code_id, secret=secret)


class Issued(NamedTuple):
    """A new grant, and the two codes that open it."""

    grant: DeviceGrant
    user_code: str
    device_code: DeviceCode


class _Form(BaseModel):
    # No field is there twice (RFC 6749, 3.2), not even one that nobody knows.
    model_config = ConfigDict(
        frozen=True, extra="ignore", json_schema_extra={"additionalProperties": {"type": "string"}}
    )


class CodeForm(_Form):
    """What a device asks for codes with."""

    client_id: Annotated[str, Field(min_length=1, max_length=128)]
    device_name: Annotated[
        str, StringConstraints(strip_whitespace=True, min_length=1, max_length=60, pattern=r"^[\w .,'()&+-]+$")
    ] = "A television"


class TokenForm(_Form):
    """What a device asks for tokens with: the code that it was given, or its refresh token."""

    grant_type: str
    client_id: Annotated[str, Field(min_length=1, max_length=128)]
    device_code: Annotated[str, Field(max_length=256)] = ""
    refresh_token: Annotated[str, Field(max_length=8192)] = ""


class CodeResponse(Record):
    """What a device is to show, and how often it may ask (RFC 8628, 3.2)."""

    device_code: str
    user_code: str
    verification_uri: str
    verification_uri_complete: str
    expires_in: int = Field(default=LIFETIME_S, description="seconds")
    interval: int = Field(default=INTERVAL_S, description="seconds")


class TokenResponse(Record):
    """Tokens of a device's own (RFC 6749, 5.1)."""

    access_token: str
    id_token: str
    refresh_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - its type, not the token
    expires_in: int = Field(description="seconds")


class DeviceRequest(Record):
    """What waits for a viewer's decision."""

    device: str = Field(description="what the device calls itself")
    expires_at: int = Field(description="seconds since the epoch")


def normalised(user_code: str) -> str:
    """Return a user code as it is hashed, however it was typed.

    Raises
    ------
    ValueError
        If it is none.
    """
    code = user_code.upper().replace("-", "").replace(" ", "")
    if len(code) != _CODE_CHARS or not set(code) <= set(ALPHABET):
        raise ValueError(f"a code has {_CODE_CHARS} letters of {ALPHABET}")
    return code


UserCode = Annotated[
    str,
    Field(max_length=32),
    AfterValidator(normalised),
    WithJsonSchema({"type": "string", "maxLength": 32, "pattern": _TYPED}, mode="validation"),
]


class RequestQuery(BaseModel):
    """``GET /api/device/request``."""

    model_config = ConfigDict(frozen=True)

    user_code: UserCode


class Decision(BaseModel):
    """``POST /api/device/approve``: what the viewer says to the device."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    user_code: UserCode
    decision: Literal["allow", "deny"]

    @property
    def status(self) -> Status:
        """What becomes of the grant."""
        return Status.APPROVED if self.decision == "allow" else Status.DENIED


def issue(*, device: str, now: int) -> Issued:
    """Return a new grant and its codes.

    Parameters
    ----------
    device
        What the device calls itself; the viewer is shown it.
    now
        Seconds since the epoch.
    """
    user_code = "".join(secrets.choice(ALPHABET) for _ in range(_CODE_CHARS))
    device_code = DeviceCode(code_id=code_id(user_code), secret=secrets.token_urlsafe(_SECRET_BYTES))
    grant = DeviceGrant(
        code_id=device_code.code_id,
        secret_hash=device_code.secret_hash,
        device=device,
        expires_at=now + LIFETIME_S,
    )
    return Issued(grant=grant, user_code=user_code, device_code=device_code)


def answer(issued: Issued, *, page: str) -> CodeResponse:
    """Return what the device is told; `page` is the site's address, with a slash."""
    shown = f"{issued.user_code[:_GROUP]}-{issued.user_code[_GROUP:]}"
    return CodeResponse(
        device_code=str(issued.device_code),
        user_code=shown,
        verification_uri=f"{page}activate",
        verification_uri_complete=f"{page}activate?code={shown}",
    )


def code_id(user_code: str) -> str:
    """Return the key of a grant: the hash of its user code."""
    return _hash(f"user-code:{user_code}")


def username_of(grant: DeviceGrant) -> str:
    """Return whose tokens a device that has polled in time may have.

    Raises
    ------
    OAuthError
        If it may not, or not yet.
    """
    match grant.status:
        case Status.APPROVED if grant.username:
            return grant.username
        case Status.PENDING:
            raise OAuthError("authorization_pending", "nobody has let the device in yet")
        case Status.DENIED:
            raise OAuthError("access_denied", "the viewer has refused the device")
        case _:
            raise _unknown()


def refusal(grant: DeviceGrant | None, *, device_code: DeviceCode, now: int) -> OAuthError:
    """Return why a poll was not taken: the grant is unknown, over, or was asked for too soon."""
    if grant is None or not compare_digest(grant.secret_hash, device_code.secret_hash):
        return _unknown()
    if grant.expires_at <= now:
        return OAuthError("expired_token", "the code has ended: ask for another one")
    return OAuthError("slow_down", f"wait for {INTERVAL_S} seconds more between two polls")


def next_challenge(rounds: list[dict[str, Any]]) -> dict[str, Any]:
    """Return what Cognito does next in a sign-in by a device code: ask for it once, and believe the answer or not.

    Parameters
    ----------
    rounds
        ``request.session`` of the trigger DefineAuthChallenge.
    """
    proved = [found.get("challengeResult") is True for found in rounds]
    return {
        "issueTokens": proved == [True],
        "failAuthentication": bool(proved) and proved != [True],
        **({} if proved else {"challengeName": "CUSTOM_CHALLENGE"}),
    }


def attempts_key(viewer_id: str, *, now: int) -> tuple[str, int]:
    """Return the key under which a viewer's attempts are counted now, and when that window ends."""
    window = now // ATTEMPTS_WINDOW_S
    return f"attempts:{viewer_id}:{window}", (window + 1) * ATTEMPTS_WINDOW_S


def _unknown() -> OAuthError:
    return OAuthError("invalid_grant", "the code is not known, or was used already")


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
