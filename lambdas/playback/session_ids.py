"""Session ids, which say whose session it is to whoever has their key, and costs nobody a read.

An id is 18 bytes that nobody can guess, and 18 of a signature over them and the viewer, both in base64url.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets

from lambdas.common.errors import FieldError, InvalidInputError, NotFoundError
from lambdas.playback.models import SessionKey

IDEMPOTENCY_KEY = "Idempotency-Key"
_MAX_IDEMPOTENCY_KEY = 255
_PART_BYTES, _PART_CHARACTERS = 18, 24


def session_id_of(*, viewer_id: str, idempotency_key: str | None, key: SessionKey) -> str:
    """Return the id of a new session: random, or what a repetition of the same request gets as well.

    Raises
    ------
    InvalidInputError
        If the idempotency key is empty, or longer than 255 characters.
    """
    if idempotency_key is None:
        return _signed(secrets.token_urlsafe(_PART_BYTES), viewer_id=viewer_id, key=key)
    if not 1 <= len(idempotency_key) <= _MAX_IDEMPOTENCY_KEY:
        raise InvalidInputError(FieldError(IDEMPOTENCY_KEY, f"has 1 to {_MAX_IDEMPOTENCY_KEY} characters"))
    # Keyed, so that nobody who knows a viewer and a key can tell the session's id.
    return _signed(_digest(key, "session", viewer_id, idempotency_key), viewer_id=viewer_id, key=key)


def check_owner(session_id: str, *, viewer_id: str, key: SessionKey) -> None:
    """Pass if `session_id` was given to `viewer_id`, whether or not the session has ended since.

    Raises
    ------
    NotFoundError
        If it was given to another viewer, or to nobody: the two look alike.
    """
    expected = _signed(session_id[:_PART_CHARACTERS], viewer_id=viewer_id, key=key)
    if not hmac.compare_digest(session_id.encode(), expected.encode()):
        raise NotFoundError("there is no such session of this viewer: name the one that is playing")


def _signed(unique: str, *, viewer_id: str, key: SessionKey) -> str:
    return unique + _digest(key, "owner", viewer_id, unique)


def _digest(key: SessionKey, *said: str) -> str:
    digest = hmac.digest(key.key.encode(), "\0".join(said).encode(), hashlib.sha256)
    return base64.urlsafe_b64encode(digest[:_PART_BYTES]).decode()
