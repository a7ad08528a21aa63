"""The ClearKey licence service: content keys for the holder of a session (W3C EME, 9.1)."""

from __future__ import annotations

import base64
from collections.abc import Callable, Collection, Sequence
from typing import Any

from lambdas.common.errors import NotFoundError
from lambdas.encoding.models import ContentKey
from lambdas.playback.models import LicenseRequest

Unwrap = Callable[[ContentKey], bytes]


def grant(
    *, request: LicenseRequest, key_ids: Collection[str], keys: Sequence[ContentKey], unwrap: Unwrap
) -> dict[str, Any]:
    """Return the licence: the keys that were asked for, in clear. Nothing of it may be logged.

    Parameters
    ----------
    key_ids
        Of the keys that the session's version was packaged with.
    keys
        The title's content keys of all periods, wrapped.
    unwrap
        Opens one of them.

    Raises
    ------
    NotFoundError
        If a key is asked for that is not one of this version's. No key is unwrapped then.
    """
    of_version = {key.key_id: key for key in keys if key.key_id in key_ids}
    asked = tuple(dict.fromkeys(request.kids))
    unknown = [kid for kid in asked if kid not in of_version]
    if unknown:
        message = f"the session's version has no key {', '.join(unknown)}: ask only for the key ids of its manifest"
        raise NotFoundError(message)
    return {
        "keys": [
            {"kty": "oct", "kid": _base64url(bytes.fromhex(kid)), "k": _base64url(unwrap(of_version[kid]))}
            for kid in asked
        ],
        "type": request.type,
    }


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
