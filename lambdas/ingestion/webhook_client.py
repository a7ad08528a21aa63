"""One POST to an address that a studio chose: to the public internet only, over TLS, to where its name was checked.

The address is foreign input, and the caller stands inside the cloud. So the name is resolved once, every address of
it has to be public, and the connection goes to the address that was checked: a name that answers differently the
second time gains nothing. Redirections are not followed.
"""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from ipaddress import IPv4Address
from threading import Timer
from time import monotonic
from typing import Any, NamedTuple
from urllib.parse import SplitResult, urlsplit

from lambdas.common.errors import PermanentError, TransientError

_PORT = 443
_TIMEOUT_S = 5.0
_DEADLINE_S = 8.0
"""For all of it, from the name to the answer: a byte at a time never runs into a time-out of one read."""
_LONGEST_URL = 2000


class WebhookUrlError(PermanentError):
    """An address is none that may be called."""


class UnreachableWebhookError(TransientError):
    """Nobody answered, or not in time."""


class Answer(NamedTuple):
    """What the other side said."""

    status: int
    retry_after_s: int | None


def checked_url(url: str, *, loopback: bool = False) -> SplitResult:
    """Return the parts of an address that may be called, as far as can be told without resolving its name.

    Raises
    ------
    WebhookUrlError
        If it is no absolute ``https`` URL on the usual port, or has a user in it.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise WebhookUrlError("it is no URL") from error
    if loopback and parts.scheme == "http" and parts.hostname:
        return parts
    if parts.scheme != "https" or not parts.hostname:
        raise WebhookUrlError("it has to begin with https:// and a host's name")
    if len(url) > _LONGEST_URL or not url.isascii() or any(c.isspace() or not c.isprintable() for c in url):
        raise WebhookUrlError(f"it has to be at most {_LONGEST_URL} ASCII characters, without spaces")
    if parts.username is not None or parts.password is not None:
        raise WebhookUrlError("it must not have a user in it")
    if port not in {None, _PORT} and not loopback:
        raise WebhookUrlError(f"it has to be on port {_PORT}")
    return parts


def post(url: str, message: Mapping[str, Any], *, loopback: bool) -> Answer:
    """Post a JSON message, and return the answer's status; its body is nobody's business.

    Parameters
    ----------
    loopback
        Whether this machine itself may be called, and without TLS.

    Raises
    ------
    WebhookUrlError
        If the address may not be called.
    UnreachableWebhookError
        If its name is not known, nobody answers there in time, or what answers does not speak HTTP over TLS.
    """
    parts = checked_url(url, loopback=loopback)
    deadline = _Deadline(_DEADLINE_S)
    try:
        with closing(_connection(parts, deadline=deadline, loopback=loopback)) as connection:
            return _exchange(connection, parts, message, deadline=deadline)
    except (OSError, HTTPException) as error:
        raise UnreachableWebhookError(f"{parts.hostname} did not answer: {type(error).__name__}") from error


class _Deadline:
    """When a call has to be over."""

    def __init__(self, seconds: float) -> None:
        self._ends = monotonic() + seconds

    def left_s(self) -> float:
        """Return the seconds that are left.

        Raises
        ------
        TimeoutError
            If none are.
        """
        left = self._ends - monotonic()
        if left <= 0:
            raise TimeoutError
        return left

    @contextmanager
    def enforced(self, connection: HTTPConnection) -> Iterator[None]:
        """Hang up when it has come. A socket that `connection` has got only afterwards needs a look at `left_s`."""
        overdue = Timer(self.left_s(), _hang_up, args=(connection,))
        overdue.start()
        try:
            yield
        finally:
            overdue.cancel()


def _exchange(
    connection: HTTPConnection, parts: SplitResult, message: Mapping[str, Any], *, deadline: _Deadline
) -> Answer:
    with deadline.enforced(connection):
        connection.connect()
        deadline.left_s()
        connection.request(
            "POST",
            f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}",
            body=json.dumps(message, ensure_ascii=False).encode(),
            headers={"Content-Type": "application/json; charset=utf-8", "User-Agent": "Marquee-Webhook/1"},
        )
        answer = connection.getresponse()
        deadline.left_s()  # half an answer reads like a whole one once the connection is gone
        return Answer(answer.status, _seconds(answer.getheader("Retry-After")))


def _connection(parts: SplitResult, *, deadline: _Deadline, loopback: bool) -> HTTPConnection:
    host, port = str(parts.hostname), parts.port or (_PORT if parts.scheme == "https" else 80)
    address = _address(host, port=port, deadline=deadline, loopback=loopback)
    if parts.scheme == "https":
        return _Pinned(host, port, address=address, deadline=deadline)
    return HTTPConnection(address, port, timeout=min(_TIMEOUT_S, deadline.left_s()))


class _Pinned(HTTPSConnection):
    """A TLS connection to one address, whose certificate has to be that of the name."""

    def __init__(self, host: str, port: int, *, address: str, deadline: _Deadline) -> None:
        self._context_of_ours = ssl.create_default_context()
        super().__init__(host, port, timeout=_TIMEOUT_S, context=self._context_of_ours)
        self._address, self._deadline = address, deadline

    def connect(self) -> None:
        # Nobody can hang up on a connection that is still being made: it may take what time is left, and no more.
        patience = min(_TIMEOUT_S, self._deadline.left_s())
        plain = socket.create_connection((self._address, self.port), timeout=patience)
        # Wrapping takes the plain socket away: what hangs up during the handshake has to know the one that makes it.
        secured = self._context_of_ours.wrap_socket(plain, server_hostname=self.host, do_handshake_on_connect=False)
        self.sock = secured
        self._deadline.left_s()
        secured.do_handshake()


def _address(host: str, *, port: int, deadline: _Deadline, loopback: bool) -> str:
    """Return an address of `host`, all of whose addresses may be called. IPv4: a function has no other way out."""
    # The system's resolver takes no time-out; a thread that is left behind ends when the resolver gives up.
    resolver = ThreadPoolExecutor(1)
    try:
        asked = resolver.submit(socket.getaddrinfo, host, port, family=socket.AF_INET, type=socket.SOCK_STREAM)
        found = asked.result(timeout=deadline.left_s())
    except (OSError, UnicodeError) as error:
        raise UnreachableWebhookError(f"the name {host} is not known: {type(error).__name__}") from error
    finally:
        resolver.shutdown(wait=False)
    addresses = [IPv4Address(entry[4][0]) for entry in found]
    for address in addresses:
        public = address.is_global and not address.is_multicast
        if not public and not (loopback and address.is_loopback):
            raise WebhookUrlError(f"{host} is not on the public internet")
    return str(addresses[0])


def _hang_up(connection: HTTPConnection) -> None:
    if (open_socket := connection.sock) is not None:
        # Of the plain socket, below TLS: closing alone would not wake who waits for it.
        with suppress(OSError):
            socket.socket.shutdown(open_socket, socket.SHUT_RDWR)


def _seconds(header: str | None) -> int | None:
    return int(header) if header and header.isdecimal() else None
