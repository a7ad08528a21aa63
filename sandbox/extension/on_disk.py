"""S3: what is no small object lies on the disk, and is sent from there."""

import mmap
import resource
import tempfile
from collections.abc import Awaitable, Callable
from typing import Any, Final

from ministack.core.responses import StreamingResponse
from ministack.services import s3

from sandbox.extension.pinned import Emulated, patch

IN_MEMORY_BYTES: Final = 1 << 16
"""The most that an object has which is kept in memory."""
_BLOCK: Final = 1 << 20
_MOST_FILES: Final = 1 << 16

Answer = tuple[int, dict[str, Any], Any]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class OnDisk(mmap.mmap):
    """An object's bytes in a file: sliced and measured as `bytes` are, and shared by its replicas as `bytes` are."""

    def __deepcopy__(self, _memo: object) -> "OnDisk":
        return self


def apply() -> None:
    """Install the corrections."""
    _allow_files()
    _put_on_disk()
    _send_in_blocks()


def on_disk(body: bytes) -> bytes | OnDisk:
    """Return `body`, mapped from a file that has no name and lives as long as it, if it is large.

    Raises
    ------
    OSError
        If the disk is full, or no more files can be open.
    """
    if len(body) <= IN_MEMORY_BYTES:
        return body
    with tempfile.TemporaryFile() as file:
        file.write(body)
        file.flush()
        return OnDisk(file.fileno(), 0, access=mmap.ACCESS_READ)


def _allow_files() -> None:
    """Each object on the disk is an open file, of which a process may often have no more than a thousand."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, _MOST_FILES)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def _put_on_disk() -> None:
    def put(bucket: str, key: str, body: bytes, headers: dict[str, str]) -> Answer:
        answer: Answer = stock(bucket, key, on_disk(body), headers)
        return answer

    def data_of(*arguments: Emulated, **options: Emulated) -> bytes | None:
        data: bytes | OnDisk | None = stock_data(*arguments, **options)
        return data[:] if isinstance(data, OnDisk) else data

    stock = patch(s3, "_put_object", put, why="Stock keeps every object in memory")
    stock_data = patch(s3, "_get_object_data", data_of, why="Other services read bytes: templates, functions' code")


def _send_in_blocks() -> None:
    def get(bucket: str, key: str, headers: dict[str, str], query: Emulated) -> Answer:
        status, answered, body = stock(bucket, key, headers, query)
        if not isinstance(body, OnDisk):
            return status, answered, body

        async def run(send: Send, _receive: object) -> None:
            for start in range(0, len(body), _BLOCK):
                more = start + _BLOCK < len(body)
                await send({"type": "http.response.body", "body": body[start : start + _BLOCK], "more_body": more})

        return status, {**answered, "Content-Length": str(len(body))}, StreamingResponse(run)

    stock = patch(s3, "_get_object", get, why="Stock sends an object in one piece, from memory")
