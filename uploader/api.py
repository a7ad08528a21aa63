"""The upload API, as its client sees it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from threading import Lock
from typing import Any, NamedTuple, TypeVar
from urllib.parse import quote, urlencode

import urllib3

from lambdas.ingestion.parts import PartPlan
from uploader.checksums import Checksum
from uploader.errors import GoneError, RefusedError, SignedOutError
from uploader.http import ask, understood
from uploader.patience import Patience
from uploader.session import StudioSession

T = TypeVar("T")


class File(NamedTuple):
    """A file as the API names it."""

    delivery_id: str
    name: str


class Stored(NamedTuple):
    """A file that the server has as a whole; `arrived_at` is S3's time of it."""

    size_bytes: int
    checksum: str | None
    object_version: str | None
    arrived_at: datetime | None


class Found(NamedTuple):
    """What the server knows of a file."""

    plan: PartPlan
    upload_ids: tuple[str, ...]
    stored: Stored | None = None


class Held(NamedTuple):
    """A part that the server has."""

    size_bytes: int
    checksum: str | None


class Target(NamedTuple):
    """Where a part is to be sent, and with which headers."""

    url: str
    headers: dict[str, str]


class UploadApi:
    """Every call is tried again for as long as patience lasts."""

    def __init__(self, session: StudioSession, *, pool: urllib3.PoolManager, patience: Patience) -> None:
        self._session, self._pool, self._patience = session, pool, patience
        # One request at a time keeps one instance of the signing function warm, where many would start many.
        self._signing = Lock()

    def find(self, file: File, *, size_bytes: int) -> Found:
        """Return what is known of a file of that size."""
        answer = self._call("GET", "", query={**file._asdict(), "size_bytes": size_bytes})
        with understood(self._url):
            return Found(
                plan=PartPlan(size_bytes=size_bytes, part_bytes=answer["part_bytes"]),
                upload_ids=tuple(upload["upload_id"] for upload in answer["uploads"]),
                stored=_stored(answer["stored"]) if answer["stored"] else None,
            )

    def create(self, file: File, *, size_bytes: int) -> str:
        """Begin an upload, and return its id."""
        answer = self._call("POST", "", body={**file._asdict(), "size_bytes": size_bytes})
        with understood(self._url):
            return str(answer["upload_id"])

    def held(self, file: File, *, upload_id: str) -> dict[int, Held]:
        """Return every part that has arrived, by number."""
        held: dict[int, Held] = {}
        after: int | None = 0
        while after is not None:
            answer = self._call("GET", f"/{quote(upload_id, safe='')}/parts", query={**file._asdict(), "after": after})
            with understood(self._url):
                held |= {part["number"]: Held(part["size_bytes"], part["checksum"]) for part in answer["parts"]}
                after = answer["next_after"]
        return held

    def presign(self, file: File, parts: dict[int, Checksum], *, upload_id: str) -> dict[int, Target]:
        """Return where to send `parts`, by number."""
        asked = [
            {"number": number, "size_bytes": part.size_bytes, "checksum": part.text} for number, part in parts.items()
        ]
        body = {**file._asdict(), "parts": asked}
        with self._signing:
            answer = self._call("POST", f"/{quote(upload_id, safe='')}/parts", body=body)
        with understood(self._url):
            targets = {part["number"]: Target(part["url"], part["headers"]) for part in answer["parts"]}
            return {number: targets[number] for number in parts}

    def complete(self, file: File, parts: Sequence[Checksum], *, upload_id: str, whole: Checksum) -> str | None:
        """Let the server make the file of its parts, and return its version.

        The server checks it against the checksum of the whole.
        """
        body = {
            **file._asdict(),
            "size_bytes": whole.size_bytes,
            "parts": len(parts),
            "checksum": whole.text,
        }
        answer = self._call("POST", f"/{quote(upload_id, safe='')}/complete", body=body)
        with understood(self._url):
            version = answer.get("object_version")
            return str(version) if version else None

    @property
    def _url(self) -> str:
        return f"{self._session.site}/api/ingest/uploads"

    def _call(self, method: str, path: str, *, query: dict[str, Any] | None = None, body: object = None) -> Any:  # noqa: ANN401 - whatever JSON holds
        url = f"{self._url}{path}{'?' + urlencode(query) if query else ''}"

        def call(token: str) -> Any:  # noqa: ANN401 - the same
            return ask(self._pool, method, url, body=body, headers={"authorization": f"Bearer {token}"})

        try:
            return self._patience.call(lambda: self._signed_in(call))
        except GoneError as error:
            if path:
                raise
            raise RefusedError(f"{self._url} does not answer as Marquee does: {error}") from error

    def _signed_in(self, call: Callable[[str], T]) -> T:
        token = self._session.token()
        try:
            return call(token)
        except SignedOutError:
            return call(self._session.token(refused=token))


def _stored(told: dict[str, Any]) -> Stored:
    arrived_at = told.get("arrived_at")
    return Stored(
        size_bytes=told["size_bytes"],
        checksum=told["checksum"],
        object_version=told.get("object_version"),
        arrived_at=datetime.fromisoformat(arrived_at) if arrived_at else None,
    )
