"""An S3 object that the media tools read by range: a film of 5 TB need not fit on any disk.

The tools know HTTP and not S3. A window answers them on the loopback, under a name that cannot be guessed, and reads
from S3 with the task's own credentials. A presigned address would end with the credentials that signed it, in the
middle of a long film, and one lost connection would look like a damaged file.
"""

from __future__ import annotations

import re
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self
from urllib.parse import quote

from encoder.errors import StorageError, ToolFailedError
from encoder.storage import ObjectStore
from lambdas.common.errors import MarqueeError
from lambdas.common.media import ObjectRef

_RANGE = re.compile(r"^bytes=(?P<first>\d+)-(?P<last>\d*)$")
_CLOSING_S = 0.02
# A block takes a second at the most where all is well; from here on a tool's time-out may be S3's fault.
_STALLED_S = 10.0


class Window:
    """One version of an object behind a loopback address, while the context lasts.

    Parameters
    ----------
    name
        How the object is called at the end of the address; the tools take a file's ending for a hint.

    Raises
    ------
    ObjectMissingError, RefusedError, StorageError
        If the object cannot be looked up; and at the end of the context, whatever else went wrong in it, if S3 failed
        a reader, or a tool failed and S3 had kept it waiting. What the tools said of the file then is no fact about it.
    """

    def __init__(self, store: ObjectStore, ref: ObjectRef, *, name: str = "film") -> None:
        self._store = store
        head = store.head(ref)
        self.ref = head.ref
        """The object, with the version that is read."""
        self.size_bytes = head.size_bytes
        self._failure: MarqueeError | None = None
        self._waits = _Waits()
        self._path = f"/{secrets.token_urlsafe(24)}/{quote(name, safe='')}"
        self._server = _Server(self)

    @property
    def url(self) -> str:
        """Where the tools find it."""
        return f"http://127.0.0.1:{self._server.server_port}{self._path}"

    def __enter__(self) -> Self:
        """Begin to answer."""
        threading.Thread(target=self._server.serve_forever, args=(_CLOSING_S,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop answering; raise what S3 failed with."""
        self._server.shutdown()
        self._server.server_close()
        if self._failure:
            raise self._failure from error
        if isinstance(error, ToolFailedError):
            self.vouch()

    def vouch(self) -> None:
        """Say that what a tool complains of is the file's own fault.

        Raises
        ------
        ObjectMissingError, RefusedError, StorageError
            If it may be S3's, which failed, or kept a reader waiting.
        """
        if self._failure:
            raise self._failure
        if (longest := self._waits.longest_s) > _STALLED_S:
            raise StorageError(f"read {self.ref.uri}: S3 kept a reader waiting for {longest:.0f} s")

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        """Answer one GET: the range that it asks for, or everything."""
        if request.path != self._path:
            request.send_error(HTTPStatus.NOT_FOUND)
            return
        asked = _RANGE.match(request.headers.get("Range", "bytes=0-"))
        first = int(asked["first"]) if asked else self.size_bytes
        if not asked or first >= self.size_bytes:
            request.send_response(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)
            request.send_header("Content-Range", f"bytes */{self.size_bytes}")
            request.send_header("Content-Length", "0")
            request.end_headers()
            return
        end = min(int(asked["last"]) + 1, self.size_bytes) if asked["last"] else self.size_bytes
        request.send_response(HTTPStatus.PARTIAL_CONTENT)
        # ffmpeg asks for this, and without the answer takes the connection for one that stays.
        request.send_header("Connection", "close")
        request.send_header("Accept-Ranges", "bytes")
        request.send_header("Content-Range", f"bytes {first}-{end - 1}/{self.size_bytes}")
        request.send_header("Content-Length", str(max(0, end - first)))
        request.end_headers()
        try:
            blocks = self._store.blocks(self.ref, start=first, end=end)
            while block := self._next(blocks):
                request.wfile.write(block)
        except ConnectionError:
            pass  # The tool has read enough, or reads on elsewhere.

    def _next(self, blocks: Iterator[bytes]) -> bytes:
        """Return the next block, or nothing at the end; keep what it fails with."""
        with self._waits.one():
            try:
                return next(blocks, b"")
            except MarqueeError as error:
                self._failure = self._failure or error
            except Exception as error:  # noqa: BLE001 - whatever it is, it is not the film's fault
                self._failure = self._failure or StorageError(f"read {self.ref.uri}: {error!r}")
        return b""


class _Waits:
    """How long S3 keeps readers waiting for a block."""

    def __init__(self) -> None:
        self._past_s = 0.0
        self._begun: dict[int, float] = {}

    @contextmanager
    def one(self) -> Iterator[None]:
        reader = threading.get_ident()
        self._begun[reader] = time.monotonic()
        try:
            yield
        finally:
            self._past_s = max(self._past_s, time.monotonic() - self._begun.pop(reader))

    @property
    def longest_s(self) -> float:
        """The longest wait, those that go on included."""
        now = time.monotonic()
        return max(self._past_s, *(now - begun for begun in [*self._begun.values()]), 0.0)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, window: Window) -> None:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # Head and body are two writes: the second would wait for the first one's acknowledgement, 40 ms.
            disable_nagle_algorithm = True

            def do_GET(self) -> None:
                window.answer(self)

            def log_message(self, *_: object) -> None:
                """Say nothing: the address is a secret, and the tools say what is wrong."""

        super().__init__(("127.0.0.1", 0), Handler)
