"""The ClearKey licence service: content keys for the holder of a session (W3C EME, 9.1)."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from typing import Any

from lambdas.common.errors import NotFoundError
from lambdas.encoding.models import ContentKey
from lambdas.playback.models import LicenseRequest, Playable

Unwrap = Callable[[ContentKey], bytes]


def grant(*, request: LicenseRequest, playable: Playable, keys: Sequence[ContentKey], unwrap: Unwrap) -> dict[str, Any]:
    """Return the licence: the keys that were asked for, in clear. Nothing of it may be logged.

    Parameters
    ----------
    keys
        The title's content keys, wrapped.
    unwrap
        Opens one of them.

    Raises
    ------
    NotFoundError
        If a key is asked for that is not one of this title's. No key is unwrapped then.
    """
    playing = set(playable.key_ids.values())
    of_title = {key.key_id: key for key in keys if key.key_id in playing}
    asked = tuple(dict.fromkeys(request.kids))
    unknown = [kid for kid in asked if kid not in of_title]
    if unknown:
        message = f"the title has no key {', '.join(unknown)}: ask only for the key ids of its manifest"
        raise NotFoundError(message)
    return {
        "keys": [
            {"kty": "oct", "kid": _base64url(bytes.fromhex(kid)), "k": _base64url(unwrap(of_title[kid]))}
            for kid in asked
        ],
        "type": request.type,
    }


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
