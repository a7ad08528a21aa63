"""What AWS does to a farm by itself, at the touch of a key: spot machines taken away, and none to be had.

``POST /_marquee/reclaim`` and ``POST /_marquee/drought``, on loopback like all of the embedded cloud.
"""

import json
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import parse_qs

from ministack import app

from sandbox.extension.batch import control
from sandbox.extension.batch.scheduler import NotOnSpotError, Scheduler
from sandbox.extension.pinned import Emulated, patch

RECLAIM_PATH: Final = "/_marquee/reclaim"
DROUGHT_PATH: Final = "/_marquee/drought"
NOTICE_SECONDS: Final = 2.0
"""AWS's two minutes, sixty times shorter."""

Asgi = Callable[[dict[str, Any], Any, Any], Awaitable[None]]


def apply(scheduler: Scheduler) -> None:
    """Put the two paths in front of the emulator."""

    def reclaim(asked: dict[str, str]) -> object:
        return {
            "reclaimed": scheduler.reclaim(
                job_id=asked.get("job"),
                count=int(asked.get("count", 1)),
                notice_seconds=float(asked.get("notice", NOTICE_SECONDS)),
            )
        }

    def drought(asked: dict[str, str]) -> object:
        """Let a compute environment, by its ARN, be without machines until it is told ``over=true``."""
        (control.dry.discard if asked.get("over") == "true" else control.dry.add)(asked["environment"])
        scheduler.look_again()
        return {"dry": sorted(control.dry)}

    paths = {RECLAIM_PATH: reclaim, DROUGHT_PATH: drought}

    async def with_weather(scope: dict[str, Any], receive: Emulated, send: Emulated) -> None:
        if scope["type"] != "http" or scope["path"] not in paths or scope["method"] != "POST":
            await stock(scope, receive, send)
            return
        asked = {name: values[0] for name, values in parse_qs(scope["query_string"].decode()).items()}
        try:
            content, status = paths[scope["path"]](asked), HTTPStatus.OK
        except (KeyError, ValueError, NotOnSpotError) as error:
            content, status = {"error": str(error)}, HTTPStatus.BAD_REQUEST
        body = json.dumps(content).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": status.value, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    stock: Asgi = patch(app, "app", with_weather, why="Takes spot machines away on demand: no reclaim happens here")
