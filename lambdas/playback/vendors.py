"""Licences of Widevine, PlayReady and FairPlay: a vendor with the contracts makes them, and this is the way to it.

A player's challenge is passed on with what the session may have, signed; the vendor's answer is passed back. The vendor
has the keys from our key service, where it asks for them by SPEKE like any packager.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import socket
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Annotated, Protocol
from urllib.parse import urlsplit, urlunsplit

from pydantic import Field

from lambdas.common.errors import ForbiddenError, NotOfferedError, TransientError
from lambdas.common.media import Record
from lambdas.playback.licences import LicenceTerms
from lambdas.playback.models import Session

MAX_CHALLENGE_BYTES = 64 * 1024
FAILURES_TO_OPEN = 5
COOL_DOWN_S = 30.0

_PATIENCE_S = 2.0
"""How long a vendor may take for its whole answer."""
_MAX_LICENCE_BYTES = 256 * 1024
_CLIENT_ERROR, _SERVER_ERROR, _TOO_MANY = 400, 500, 429


class System(StrEnum):
    """DRM systems whose licences a vendor makes, as routes spell them."""

    WIDEVINE = "widevine"
    PLAYREADY = "playready"
    FAIRPLAY = "fairplay"


class VendorSettings(Record):
    """One vendor: where its licences are made, and what our requests to it are signed with."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,32}$")]
    url: Annotated[str, Field(pattern=r"^https://|^http://127\.0\.0\.1:")]
    systems: tuple[System, ...]
    key_id: Annotated[str, Field(min_length=1, max_length=64)]
    key: Annotated[str, Field(min_length=32, repr=False, description="its UTF-8 bytes are the HMAC key")]


class VendorsSettings(Record):
    """What the secret of the vendors holds, the preferred one first."""

    vendors: Annotated[tuple[VendorSettings, ...], Field(max_length=4)] = ()
    fairplay_certificate: str | None = Field(default=None, description="Apple's application certificate: DER, base64")


@dataclass(frozen=True, kw_only=True)
class Challenge:
    """What a player's DRM asks, and what the session may have."""

    system: System
    body: bytes
    session: Session
    key_ids: tuple[str, ...]
    """KIDs, hexadecimal: the licence holds none but these."""
    terms: LicenceTerms


class LicenceVendor(Protocol):
    """Makes licences."""

    def offers(self, system: System) -> bool:
        """Say whether it makes licences of this system."""

    def licence(self, challenge: Challenge) -> bytes:
        """Return the licence, as the DRM of the player reads it.

        Raises
        ------
        VendorAwayError
            If the vendor does not answer, or has trouble of its own: another may be asked.
        ForbiddenError
            If the vendor refuses: another would, too.
        """


class VendorAwayError(TransientError):
    """A vendor did not answer in time, or answered that it cannot."""


class HttpVendor:
    r"""A vendor that is asked over HTTPS.

    ``POST`` of the challenge, with the entitlement (JSON in base64url) and a signature over time, body and entitlement:
    HMAC-SHA256 of ``⟨path⟩\n⟨time⟩\n⟨SHA-256 of the body⟩\n⟨entitlement⟩``. 200 has the licence.
    """

    def __init__(self, settings: VendorSettings, *, now: Callable[[], float] = time.time) -> None:
        self._settings, self._now = settings, now

    def offers(self, system: System) -> bool:
        """Say whether it makes licences of this system."""
        return system in self._settings.systems

    def licence(self, challenge: Challenge) -> bytes:
        """Return the licence; see `LicenceVendor`."""
        try:
            status, licence = self._ask(challenge)
        except (OSError, HTTPException) as error:
            message = f"the vendor {self._settings.name} does not answer: {type(error).__name__}"
            raise VendorAwayError(message) from error
        if _CLIENT_ERROR <= status < _SERVER_ERROR and status != _TOO_MANY:
            raise ForbiddenError("the DRM vendor refuses this device a licence: update it, or use another")
        if status != HTTPStatus.OK:
            raise VendorAwayError(f"the vendor {self._settings.name} answered {status}")
        if not 0 < len(licence) <= _MAX_LICENCE_BYTES:
            raise VendorAwayError(f"the vendor {self._settings.name} answered with {len(licence)} bytes")
        return licence

    def _ask(self, challenge: Challenge) -> tuple[int, bytes]:
        """Return the status and the body of the vendor's answer.

        A socket's own time-out begins anew with each byte, so that an answer in drips would have no end. After
        `_PATIENCE_S` in all, the line is cut. No redirection is followed: what was signed for one address goes to no
        other.

        Raises
        ------
        OSError, HTTPException
            If there is no whole answer in time.
        """
        url, until = urlsplit(self._settings.url), time.monotonic() + _PATIENCE_S
        kind = HTTPSConnection if url.scheme == "https" else HTTPConnection
        with closing(kind(url.hostname or "", url.port, timeout=_PATIENCE_S)) as connection:
            connection.connect()
            cut = threading.Timer(until - time.monotonic(), _cut, [connection.sock])
            cut.daemon = True
            cut.start()
            try:
                address = urlunsplit(("", "", url.path or "/", url.query, ""))
                connection.request("POST", address, body=challenge.body, headers=self._headers(challenge))
                answer = connection.getresponse()
                body = answer.read(_MAX_LICENCE_BYTES + 1)
            finally:
                cut.cancel()
            if time.monotonic() >= until:
                raise TimeoutError
            return answer.status, body

    def _headers(self, challenge: Challenge) -> dict[str, str]:
        session, at = challenge.session, str(int(self._now()))
        said = {
            "system": challenge.system,
            "session_id": session.session_id,
            "content_id": session.title_id,
            "key_ids": challenge.key_ids,
            "expires_at": challenge.terms.expires_at,
            "renew_at": challenge.terms.renew_at,
            "persistent": challenge.terms.persistent,
        }
        entitlement = base64.urlsafe_b64encode(json.dumps(said, sort_keys=True).encode()).decode()
        digest = hashlib.sha256(challenge.body).hexdigest()
        signed = f"{urlsplit(self._settings.url).path}\n{at}\n{digest}\n{entitlement}"
        signature = hmac.digest(self._settings.key.encode(), signed.encode(), "sha256").hex()
        return {
            "content-type": "application/octet-stream",
            "x-marquee-key-id": self._settings.key_id,
            "x-marquee-time": at,
            "x-marquee-entitlement": entitlement,
            "x-marquee-signature": signature,
        }


def _cut(line: socket.socket) -> None:
    with suppress(OSError):
        line.shutdown(socket.SHUT_RDWR)


class Breaker:
    """Keeps a vendor that fails from being waited for: open after `FAILURES_TO_OPEN` failures in a row, for a time.

    After `COOL_DOWN_S` one request tries again; if it fails, the time begins anew. Each process knows what it has seen
    itself: with many, a vendor that is away is asked a few times more.
    """

    def __init__(self) -> None:
        self._failures = 0
        self._tries_again_at = 0.0

    def admits(self, now: float) -> bool:
        """Say whether a request may be made at `now`, in seconds of any clock."""
        if self._failures < FAILURES_TO_OPEN:
            return True
        if now < self._tries_again_at:
            return False
        self._tries_again_at = now + COOL_DOWN_S
        return True

    def note(self, *, good: bool, now: float) -> None:
        """Remember how a request ended."""
        self._failures = 0 if good else self._failures + 1
        if self._failures >= FAILURES_TO_OPEN:
            self._tries_again_at = now + COOL_DOWN_S


class Vendors:
    """Vendors in order: the next is asked where one is away."""

    def __init__(self, vendors: Sequence[LicenceVendor], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._vendors = [(vendor, Breaker()) for vendor in vendors]
        self._clock = clock

    def licence(self, challenge: Challenge) -> bytes:
        """Return the licence of the first vendor that answers.

        Raises
        ------
        NotOfferedError
            If no vendor makes licences of this system.
        VendorAwayError
            If none of them answers.
        ForbiddenError
            If the one that answered refuses.
        """
        able = [(vendor, breaker) for vendor, breaker in self._vendors if vendor.offers(challenge.system)]
        if not able:
            raise NotOfferedError(f"no vendor of {challenge.system} licences is configured: play with ClearKey")
        for vendor, breaker in able:
            if not breaker.admits(self._clock()):
                continue
            try:
                licence = vendor.licence(challenge)
            except VendorAwayError:
                breaker.note(good=False, now=self._clock())
                continue
            except ForbiddenError:
                breaker.note(good=True, now=self._clock())
                raise
            breaker.note(good=True, now=self._clock())
            return licence
        raise VendorAwayError(f"none of {len(able)} vendors answers")
