"""Whether an initialisation segment says that its samples are encrypted, with which key, and who has that key.

A decoder that has a key plays a track in the clear without a word, so decoding alone does not show encryption.
"""

from __future__ import annotations

import base64
import uuid
from enum import StrEnum
from typing import NamedTuple

from encoder.boxes import FIELDS, FULL_BOX, boxes, within

SAMPLE_ENTRIES = ("moov", "trak", "mdia", "minf", "stbl", "stsd")
"""Where the sample entries of an initialisation segment stand."""
_ENCRYPTED = ("encv", "enca")
# In `tenc` (ISO/IEC 23001-7): two bytes, then whether samples are protected, the size of their IV, and the key id.
_IS_PROTECTED = FULL_BOX + 2
_KEY_ID = slice(FULL_BOX + 4, FULL_BOX + 20)
# In `pssh` (ISO/IEC 23001-7, 8.1), behind version and flags.
_SYSTEM = slice(FULL_BOX, FULL_BOX + 16)
_WIDEVINE_KEY_ID = b"\x12\x10"
"""Before each of the key ids of Widevine's message: field 2, 16 bytes."""


CLEAR_KEY = "urn:uuid:e2719d58-a985-b3c9-781a-b030af78d30e"
"""DASH-IF's ``schemeIdUri`` of ClearKey. Its element is empty: the key id is the ``default_KID`` beside it."""


class System(StrEnum):
    """A protection system whose box stands in an initialisation segment (dashif.org/identifiers/content_protection)."""

    COMMON = "1077efec-c0b2-4d02-ace3-3c1e52e2fb4b"
    """W3C's, by which ClearKey is found in a box."""
    WIDEVINE = "edef8ba9-79d6-4ace-a3c8-27dcd51d21ed"
    PLAYREADY = "9a04f079-9840-4286-ab92-e65be0885f95"

    @property
    def scheme(self) -> str:
        """Its ``schemeIdUri`` in a DASH manifest."""
        return CLEAR_KEY if self is System.COMMON else f"urn:uuid:{self.value}"


KEY_FORMATS = frozenset(
    {
        "org.w3.clearkey",
        "com.apple.streamingkeydelivery",
        "com.microsoft.playready",
        System.WIDEVINE.scheme,
    }
)
"""In which an encrypted HLS playlist names its key: ClearKey (hls.js's name of it), FairPlay, PlayReady, Widevine.
``identity`` is not among them: it promises the bare key at an address, and hls.js then looks at no other."""


class SampleEntry(NamedTuple):
    """How the samples of a track are coded."""

    coding: str
    """For example ``avc1``; ``encv`` or ``enca`` if encrypted."""
    key_id: str | None
    """Hexadecimal; none if the samples are in the clear."""


def sample_entries(init: bytes) -> tuple[SampleEntry, ...]:
    """Return the sample entries of an initialisation segment; none of one that is damaged."""
    return tuple(
        SampleEntry(coding=coding, key_id=_key_id(coding, body))
        for table in within(init, SAMPLE_ENTRIES)
        for coding, body in boxes(table[FIELDS["stsd"] :])
    )


def announced(init: bytes, *, key_id: str) -> frozenset[System]:
    """Return the systems whose ``pssh`` box in an initialisation segment names the key `key_id` (hexadecimal)."""
    headers = [*within(init, ("moov", "pssh"))]
    return frozenset(
        system
        for system in System
        for box in headers
        if box[_SYSTEM] == uuid.UUID(system.value).bytes and _named(system, key_id) in box[_SYSTEM.stop :]
    )


def _named(system: System, key_id: str) -> bytes:
    """Return how a system's box names a key."""
    if system is System.WIDEVINE:
        return _WIDEVINE_KEY_ID + bytes.fromhex(key_id)
    if system is System.PLAYREADY:
        # A GUID, base64, in XML of UTF-16.
        return base64.b64encode(uuid.UUID(key_id).bytes_le).decode().encode("utf-16-le")
    return bytes.fromhex(key_id)


def _key_id(coding: str, entry: bytes) -> str | None:
    if coding not in _ENCRYPTED:
        return None
    nested = within(entry[FIELDS[coding] :], ("sinf", "schi", "tenc"))
    return next((box[_KEY_ID].hex() for box in nested if box[_IS_PROTECTED : _IS_PROTECTED + 1] == b"\x01"), None)
