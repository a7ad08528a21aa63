"""Edge tokens: what a viewer's player shows to the edge for every segment.

The other half, which checks them, is ``edge/viewer-request.js``.
"""

from __future__ import annotations

import hashlib
import hmac
import json

from lambdas.playback.models import EdgeKey, Session, base64url

AUDIENCE = "edge"
MEDIA_PATH = "/media/"
_DERIVED_FOR = "marquee edge tokens of pathway "


def mint(*, session: Session, key: EdgeKey) -> str:
    """Return the token that opens the session's version, and no other path, until the session ends: a JWS (RFC 7515).

    It is a function of the session and the key, so that every manifest of a session carries the same one.
    """
    claims = {
        "sid": session.session_id,
        "pth": f"/{session.title_id}/{session.version_id}/",
        "iat": session.created_at,
        "exp": session.expires_at,
        "aud": AUDIENCE,
    }
    # By hand: a library of tokens brings its ciphers, and every cold start would wait for them.
    signed = f"{_part({'alg': 'HS256', 'typ': 'JWT', 'kid': key.kid})}.{_part(claims)}"
    return f"{signed}.{base64url(hmac.digest(key.key.encode(), signed.encode(), hashlib.sha256))}"


def pathway_key(key: EdgeKey, *, pathway_id: str) -> EdgeKey:
    """Return what the tokens of a further pathway are signed with: it opens that host, and tells no other key.

    HKDF with SHA-256 (RFC 5869), without salt, one block long; its id is that of the key which it was derived from.
    """
    extracted = hmac.digest(bytes(hashlib.sha256().digest_size), key.key.encode(), hashlib.sha256)
    derived = hmac.digest(extracted, f"{_DERIVED_FOR}{pathway_id}".encode() + b"\x01", hashlib.sha256)
    return EdgeKey(kid=key.kid, key=base64url(derived))


def media_base(token: str) -> str:
    """Return the path under which the edge serves what `token` opens, with a slash at its end."""
    return f"{MEDIA_PATH}{token}/"


def _part(values: dict[str, object]) -> str:
    return base64url(json.dumps(values, separators=(",", ":")).encode())
