"""HTTP, as far as an upload needs it: one pool of connections, and errors told apart by whether waiting helps."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

import urllib3

from uploader.checksums import BLOCK_BYTES
from uploader.errors import (
    ExpiredUrlError,
    GoneError,
    LaterError,
    RefusedError,
    SignedOutError,
    UnavailableError,
)

_TIMEOUT = urllib3.Timeout(connect=10, read=60)
_NOT_NOW = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS}
_AGENT = {"user-agent": "marquee-upload"}


def new_pool(*, connections: int) -> urllib3.PoolManager:
    """Return a pool for so many threads. It retries nothing by itself, because it does not know a part's URL."""
    return urllib3.PoolManager(
        maxsize=connections, block=True, retries=False, timeout=_TIMEOUT, blocksize=BLOCK_BYTES, headers=_AGENT
    )


@contextmanager
def understood(url: str) -> Iterator[None]:
    """Guard the reading of an answer.

    Raises
    ------
    RefusedError
        If the answer is another than Marquee gives: then somebody else answers at `url`.
    """
    try:
        yield
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise RefusedError(f"{url.partition('?')[0]} does not answer as Marquee does") from error


def ask(
    pool: urllib3.PoolManager,
    method: str,
    url: str,
    *,
    body: object = None,
    headers: Mapping[str, str] | None = None,
) -> Any:  # noqa: ANN401 - whatever JSON holds
    """Send a JSON request, and return the JSON of its answer.

    Raises
    ------
    UnavailableError
        If there was no answer, or one that may be another later.
    SignedOutError
        If the token is not good.
    GoneError
        If what was named is not there.
    RefusedError
        If it was refused, where the message is the problem document's; or if it is not Marquee that answers.
    """
    content = {"content-type": "application/json"} if body is not None else {}
    answer = _send(
        pool,
        method,
        url,
        body=json.dumps(body).encode() if body is not None else None,
        headers={**_AGENT, **content, **(headers or {})},
    )
    if answer.status < HTTPStatus.MULTIPLE_CHOICES:
        with understood(url):
            return json.loads(answer.data) if answer.data else None
    told = _detail(answer.data)
    if answer.status == HTTPStatus.UNAUTHORIZED:
        raise SignedOutError(f"{method} {_path(url)} needs another sign-in: {told}")
    if answer.status == HTTPStatus.NOT_FOUND:
        raise GoneError(f"{method} {_path(url)}: {told}")
    raise RefusedError(f"{method} {_path(url)} was refused ({answer.status}): {told}")


def put(pool: urllib3.PoolManager, url: str, *, body: Iterable[bytes], headers: Mapping[str, str]) -> None:
    """Send a part to its presigned URL.

    Raises
    ------
    ExpiredUrlError
        If the URL is too old.
    UnavailableError
        If there was no answer, or one that may be another later.
    GoneError
        If the upload is not open any longer.
    LaterError
        If the part arrived otherwise than it was read.
    RefusedError
        If S3 refused the part.
    """
    answer = _send(pool, "PUT", url, body=body, headers={**_AGENT, **headers})
    if answer.status < HTTPStatus.MULTIPLE_CHOICES:
        return
    told = answer.data.decode(errors="replace")
    if "expired" in told.lower() and answer.status in {HTTPStatus.FORBIDDEN, HTTPStatus.BAD_REQUEST}:
        raise ExpiredUrlError("the URL has expired")
    if "<Code>RequestTimeout</Code>" in told:
        raise UnavailableError("S3 waited in vain for the rest of a part")
    if answer.status == HTTPStatus.NOT_FOUND:
        raise GoneError("the upload is not open any longer: somebody completed or aborted it")
    if "<Code>BadDigest</Code>" in told:
        raise LaterError("a part did not arrive as it was read: the file changes, or is damaged on its way")
    raise RefusedError(f"S3 refused a part ({answer.status}): {told[:500]}")


def _send(
    pool: urllib3.PoolManager,
    method: str,
    url: str,
    *,
    body: bytes | Iterable[bytes] | None,
    headers: Mapping[str, str],
) -> urllib3.BaseHTTPResponse:
    try:
        answer = pool.request(method, url, body=body, headers=dict(headers), redirect=False)
    except urllib3.exceptions.HTTPError as error:
        raise UnavailableError(f"no answer from {urllib3.util.parse_url(url).netloc}: {error}") from error
    if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR or answer.status in _NOT_NOW:
        raise UnavailableError(f"{method} {_path(url)}: {answer.status}")
    return answer


def _path(url: str) -> str:
    """Return what may be told of a URL: its query may hold a signature."""
    return urllib3.util.parse_url(url).path or "/"


def _detail(body: bytes) -> str:
    try:
        document = json.loads(body)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        return body[:200].decode(errors="replace")
    return str(document.get("detail") or document.get("message") or document)
