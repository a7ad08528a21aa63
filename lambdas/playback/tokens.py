"""Edge tokens: what a viewer's player shows to the edge for every segment.

The other half, which checks them, is ``edge/viewer-request.js``.
"""

from __future__ import annotations

import jwt

from lambdas.playback.models import EdgeKey, Session

AUDIENCE = "edge"
MEDIA_PATH = "/media/"


def mint(*, session: Session, key: EdgeKey) -> str:
    """Return the token that opens the session's version, and no other path, until the session ends.

    It is a function of the session and the key, so that every manifest of a session carries the same one.
    """
    claims = {
        "sid": session.session_id,
        "pth": f"/{session.title_id}/{session.version_id}/",
        "iat": session.created_at,
        "exp": session.expires_at,
        "aud": AUDIENCE,
    }
    return jwt.encode(claims, key.key, algorithm="HS256", headers={"kid": key.kid})


def media_base(token: str) -> str:
    """Return the path under which the edge serves what `token` opens, with a slash at its end."""
    return f"{MEDIA_PATH}{token}/"
