"""Cognito's managed login: the endpoint that takes refresh tokens back (RFC 7009)."""

from typing import Any
from urllib.parse import parse_qs

from ministack import app
from ministack.services import cognito

from sandbox.extension.pinned import Emulated, patch

_PATH = "/oauth2/revoke"


def apply() -> None:
    """Answer the endpoint beside those that stock has."""
    stock = app._handle_cognito_body_request

    async def handle(method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any]) -> Emulated:
        if (method, path) != ("POST", _PATH):
            return await stock(method, path, headers, body, query)
        form = parse_qs(body.decode())
        cognito._revoke_token({"Token": form.get("token", [""])[0]})
        return 200, {}, b""

    patch(app, "_handle_cognito_body_request", handle, why="Stock has no /oauth2/revoke")
