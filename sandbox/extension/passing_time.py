"""What only happens as days go by, at the touch of a key: ``POST /_marquee/inventory``, ``POST /_marquee/age``."""

import json
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import parse_qs

from ministack import app
from ministack.core.responses import request_scope

from sandbox.extension import aging, inventory
from sandbox.extension.pinned import Emulated, patch

INVENTORY_PATH: Final = "/_marquee/inventory"
AGE_PATH: Final = "/_marquee/age"
_ACCOUNT: Final = "000000000000"
_REGION: Final = "us-east-1"

Asgi = Callable[[dict[str, Any], Any, Any], Awaitable[None]]


def apply() -> None:
    """Put the two paths in front of the emulator."""

    async def with_calendar(scope: dict[str, Any], receive: Emulated, send: Emulated) -> None:
        if scope["type"] != "http" or scope["path"] not in {INVENTORY_PATH, AGE_PATH} or scope["method"] != "POST":
            await stock(scope, receive, send)
            return
        asked = {name: values[0] for name, values in parse_qs(scope["query_string"].decode()).items()}
        with request_scope(_ACCOUNT, _REGION):
            try:
                content: object = (
                    inventory.write()
                    if scope["path"] == INVENTORY_PATH
                    else aging.age(asked["bucket"], days=int(asked["days"]), prefix=asked.get("prefix", ""))
                )
                status = HTTPStatus.OK
            except (KeyError, ValueError) as error:
                content, status = {"error": f"{type(error).__name__}: {error}"}, HTTPStatus.BAD_REQUEST
        body = json.dumps(content).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": status.value, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    stock: Asgi = patch(app, "app", with_calendar, why="Writes inventories and ages objects: no day passes here")
