"""What only happens as time goes by, at the touch of a key.

``POST /_marquee/inventory``, ``POST /_marquee/age`` (objects) and ``POST /_marquee/age-jobs``.
"""

import json
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import parse_qs

from ministack import app
from ministack.core.responses import request_scope

from sandbox.extension import aging, inventory
from sandbox.extension.batch import Scheduler
from sandbox.extension.pinned import Emulated, patch

INVENTORY_PATH: Final = "/_marquee/inventory"
AGE_PATH: Final = "/_marquee/age"
AGE_JOBS_PATH: Final = "/_marquee/age-jobs"
_ACCOUNT: Final = "000000000000"
_REGION: Final = "us-east-1"
_MINUTE_MS: Final = 60_000

Asgi = Callable[[dict[str, Any], Any, Any], Awaitable[None]]
Parameters = dict[str, str]


def apply(scheduler: Scheduler) -> None:
    """Put the paths in front of the emulator."""
    passing: dict[str, Callable[[Parameters], object]] = {
        INVENTORY_PATH: lambda _: inventory.write(),
        AGE_PATH: lambda asked: aging.age(asked["bucket"], days=int(asked["days"]), prefix=asked.get("prefix", "")),
        AGE_JOBS_PATH: lambda asked: _age_jobs(scheduler, name=asked["name"], minutes=int(asked["minutes"])),
    }

    async def with_calendar(scope: dict[str, Any], receive: Emulated, send: Emulated) -> None:
        if scope["type"] != "http" or scope["path"] not in passing or scope["method"] != "POST":
            await stock(scope, receive, send)
            return
        asked = {name: values[0] for name, values in parse_qs(scope["query_string"].decode()).items()}
        with request_scope(_ACCOUNT, _REGION):
            try:
                content = passing[scope["path"]](asked)
                status = HTTPStatus.OK
            except (KeyError, ValueError) as error:
                content, status = {"error": f"{type(error).__name__}: {error}"}, HTTPStatus.BAD_REQUEST
        body = json.dumps(content).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": status.value, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    stock: Asgi = patch(app, "app", with_calendar, why="Writes inventories, ages objects and jobs: no day passes here")


def _age_jobs(scheduler: Scheduler, *, name: str, minutes: int) -> list[str]:
    """Let every job of a name that has not ended have been submitted, and begun, so much earlier; return their ids."""
    aged = [job for job in scheduler.jobs() if job.name == name and job.stopped_at is None]
    for job in aged:
        job.created_at -= minutes * _MINUTE_MS
        if job.started_at is not None:
            job.started_at -= minutes * _MINUTE_MS
    return [job.job_id for job in aged]
