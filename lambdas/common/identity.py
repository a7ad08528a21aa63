"""Who asks: the viewer that a token names, which the API's authorizer has verified."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from lambdas.common.errors import ForbiddenError


class Viewer(NamedTuple):
    """A viewer, by what the token says. An ID token and an access token say some of it differently."""

    claims: Mapping[str, Any]

    @property
    def viewer_id(self) -> str:
        """The token's subject: it never changes."""
        return str(self.claims["sub"])

    @property
    def username(self) -> str:
        """What Cognito calls the viewer."""
        return str(self.claims.get("cognito:username") or self.claims["username"])

    @property
    def client_id(self) -> str:
        """The application that the viewer has signed in to."""
        return str(self.claims.get("aud") or self.claims.get("client_id"))

    @property
    def signed_in_at(self) -> int:
        """When a password was last given, in seconds since the epoch; 0: it is not told."""
        return int(self.claims.get("auth_time", 0))


def claims_of(event: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what the token of a request says; nothing, if there is none."""
    claims: Mapping[str, Any] = event.get("requestContext", {}).get("authorizer", {}).get("jwt", {}).get("claims", {})
    return claims


def viewer_of(event: Mapping[str, Any]) -> Viewer | None:
    """Return who asks; none, if the request names nobody."""
    claims = claims_of(event)
    return Viewer(claims) if claims.get("sub") else None


def signed_in(event: Mapping[str, Any]) -> Viewer:
    """Return who asks.

    Raises
    ------
    ForbiddenError
        If the request names nobody.
    """
    viewer = viewer_of(event)
    if viewer is None:
        raise ForbiddenError("the request names no viewer: sign in, and send the ID token")
    return viewer
