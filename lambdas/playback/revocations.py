"""What was revoked: device models, packagers' certificates, sessions and keys. Whoever asks is refused from then on."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from lambdas.common.errors import FieldError, InvalidInputError, RevokedError
from lambdas.common.media import Record
from lambdas.playback.models import Request, Session

CACHED_S = 15
"""How long a process goes by what it has read of the revocations: half of what a heartbeat leaves of a minute."""

_HEXADECIMAL = frozenset("0123456789abcdef")
_CERTIFICATE_DIGITS, _KEY_ID_DIGITS = 64, 32


class Kind(StrEnum):
    """What can be revoked."""

    DEVICE_MODEL = "device-model"
    CERTIFICATE = "certificate"
    SESSION = "session"
    KEY = "key"


class RevocationRequest(Request):
    """Input of `revoke`."""

    kind: Kind
    subject: Annotated[str, Field(min_length=1, max_length=128, description="a model's name, a fingerprint, an id")]
    by: Annotated[str, Field(min_length=1, max_length=2048, description="the ARN of whoever revokes")]
    reason: Annotated[str, Field(min_length=1, max_length=500, pattern=r"\S")]
    incident: str | None = Field(default=None, max_length=100, description="whose playbook asks for it")


class Revocation(Record):
    """One thing that was revoked, and its line of the audit trail."""

    kind: Kind
    subject: str
    by: str
    reason: str
    incident: str | None = None
    revoked_at: int = Field(description="seconds since the epoch")
    affected: int = Field(default=0, description="running sessions that it ended")


class Affected(Record):
    """A running session that a revocation ended."""

    session_id: str
    viewer_id: str
    title_id: str
    device: str | None
    expires_at: int


Revoked = Collection[tuple[Kind, str]]
"""What is revoked now, by kind and subject as `subject_of` spells it."""


def subject_of(kind: Kind, subject: str) -> str:
    """Return how a subject is spelled in the table: models without regard to case, digits in lower case.

    Raises
    ------
    InvalidInputError
        If it cannot be one of its kind.
    """
    if kind is Kind.SESSION:
        return subject.strip()
    found = " ".join(subject.split()).casefold()
    if kind is Kind.DEVICE_MODEL:
        if not found or not found.isprintable():
            raise InvalidInputError(FieldError("subject", "the name of a device model, one printable line"))
        return found
    digits = found.replace("-", "").replace(":", "").removeprefix("0x")
    expected = _KEY_ID_DIGITS if kind is Kind.KEY else _CERTIFICATE_DIGITS
    if len(digits) != expected or not set(digits) <= _HEXADECIMAL:
        raise InvalidInputError(FieldError("subject", f"a {kind} is named by {expected} hexadecimal digits"))
    return digits


def check(
    revoked: Revoked,
    *,
    session_id: str | None = None,
    device_model: str | None = None,
    key_ids: Collection[str] = (),
    certificate: str | None = None,
) -> None:
    """Pass, or refuse what is revoked. Session creation, licences and heartbeats call it with what they know.

    Parameters
    ----------
    revoked
        See `lambdas.playback.revocation_store.revoked`.
    key_ids
        The KIDs that a licence would hold, hexadecimal.
    certificate
        The fingerprint of a certificate, hexadecimal.

    Raises
    ------
    RevokedError
        If one of them is revoked.
    """
    if device_model and (Kind.DEVICE_MODEL, " ".join(device_model.split()).casefold()) in revoked:
        raise RevokedError("films are not played on this model of device any more: use another one, or ask the support")
    if session_id and (Kind.SESSION, session_id) in revoked:
        raise RevokedError("this session was ended by the service: start a new one")
    if any((Kind.KEY, key_id) in revoked for key_id in key_ids):
        raise RevokedError("a key of this version was withdrawn: it plays again when it was packaged with new ones")
    if certificate and (Kind.CERTIFICATE, certificate) in revoked:
        raise RevokedError("the certificate was revoked: ask for keys with another one")


def keys_of(revoked: Revoked) -> frozenset[str]:
    """Return the KIDs that are revoked, hexadecimal."""
    return frozenset(subject for kind, subject in revoked if kind is Kind.KEY)


def affected_by(kind: Kind, subject: str, sessions: Sequence[Session], *, now: datetime) -> tuple[Affected, ...]:
    """Return which of `sessions` run and are ended by revoking `subject`, spelled as `subject_of` does."""
    return tuple(
        Affected(
            session_id=session.session_id,
            viewer_id=session.viewer_id,
            title_id=session.title_id,
            device=session.device,
            expires_at=session.expires_at,
        )
        for session in sessions
        if session.expires_at > now.timestamp() and _ends(kind, subject, session)
    )


def _ends(kind: Kind, subject: str, session: Session) -> bool:
    if kind is Kind.SESSION:
        return session.session_id == subject
    if kind is Kind.KEY:
        return subject in session.key_ids.values()
    return kind is Kind.DEVICE_MODEL and " ".join((session.device or "").split()).casefold() == subject
