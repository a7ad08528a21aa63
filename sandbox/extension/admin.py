"""What the extension tells about itself: ``GET /_marquee/status``."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any, Final

from ministack import app

from sandbox.extension.declared_only import DeclaredOnly
from sandbox.extension.pinned import PINNED_VERSION, Emulated, applied, patch

STATUS_PATH: Final = "/_marquee/status"

Asgi = Callable[[dict[str, Any], Any, Any], Awaitable[None]]


def apply(declared: DeclaredOnly) -> None:
    """Put the status page in front of the emulator."""

    async def with_status(scope: dict[str, Any], receive: Emulated, send: Emulated) -> None:
        if scope["type"] != "http" or scope["path"] != STATUS_PATH:
            await stock(scope, receive, send)
            return
        body = json.dumps(
            {
                "emulator": f"ministack {PINNED_VERSION}",
                "declaredOnly": list(declared.resources.values()),
                "patches": [asdict(entry) for entry in applied],
            }
        ).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    stock: Asgi = patch(app, "app", with_status, why="Shows what was changed, and what is declared but does not run")
