"""Whether an initialisation segment says that its samples are encrypted, and with which key.

A decoder that has a key plays a track in the clear without a word, so decoding alone does not show encryption.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

_HEADER = 8
_SAMPLE_ENTRIES = ("moov", "trak", "mdia", "minf", "stbl", "stsd")
_FULL_BOX = 4
# Version and flags, then the number of entries.
_STSD_FIELDS = _FULL_BOX + 4
# What stands in a protected sample entry before its boxes (ISO/IEC 14496-12: VisualSampleEntry, AudioSampleEntry).
_ENTRY_FIELDS = {"encv": 78, "enca": 28}
# In `tenc` (ISO/IEC 23001-7): two bytes, then whether samples are protected, the size of their IV, and the key id.
_IS_PROTECTED = _FULL_BOX + 2
_KEY_ID = slice(_FULL_BOX + 4, _FULL_BOX + 20)


class SampleEntry(NamedTuple):
    """How the samples of a track are coded."""

    coding: str
    """For example ``avc1``; ``encv`` or ``enca`` if encrypted."""
    key_id: str | None
    """Hexadecimal; none if the samples are in the clear."""


def sample_entries(init: bytes) -> tuple[SampleEntry, ...]:
    """Return the sample entries of an initialisation segment; none of one that is damaged."""
    tables = [init]
    for name in _SAMPLE_ENTRIES:
        tables = [body for table in tables for found, body in _boxes(table) if found == name]
    return tuple(
        SampleEntry(coding=coding, key_id=_key_id(coding, body))
        for table in tables
        for coding, body in _boxes(table[_STSD_FIELDS:])
    )


def _key_id(coding: str, entry: bytes) -> str | None:
    if coding not in _ENTRY_FIELDS:
        return None
    boxes = [entry[_ENTRY_FIELDS[coding] :]]
    for name in ("sinf", "schi", "tenc"):
        boxes = [body for box in boxes for found, body in _boxes(box) if found == name]
    return next((box[_KEY_ID].hex() for box in boxes if box[_IS_PROTECTED : _IS_PROTECTED + 1] == b"\x01"), None)


def _boxes(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield the boxes that follow each other in `data`, up to one that is damaged."""
    start = 0
    while start + _HEADER <= len(data):
        size = int.from_bytes(data[start : start + 4], "big")
        if not _HEADER <= size <= len(data) - start:
            return
        yield data[start + 4 : start + _HEADER].decode("latin-1"), data[start + _HEADER : start + size]
        start += size
