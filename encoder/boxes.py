"""Boxes of ISO base media files (ISO/IEC 14496-12): taken apart, and put together again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType

from encoder.errors import PackagingError

_HEADER = 8
FULL_BOX = 4
"""Bytes of version and flags, with which many boxes begin."""
_VISUAL, _AUDIO = 78, 28
FIELDS: Mapping[str, int] = MappingProxyType(
    {"stsd": FULL_BOX + 4, "encv": _VISUAL, "av01": _VISUAL, "enca": _AUDIO, "ec-3": _AUDIO}
)
"""How many bytes of a box stand before those that it holds; of any other none."""


def boxes(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield the boxes that follow each other in `data`, up to one that is damaged."""
    start = 0
    while start + _HEADER <= len(data):
        size = int.from_bytes(data[start : start + 4], "big")
        if not _HEADER <= size <= len(data) - start:
            return
        yield data[start + 4 : start + _HEADER].decode("latin-1"), data[start + _HEADER : start + size]
        start += size


def within(data: bytes, path: Sequence[str]) -> Iterator[bytes]:
    """Yield what every box at `path` holds, for example ``("moov", "trak")``."""
    name, *deeper = path
    for inner, body in boxes(data):
        if inner == name:
            yield from within(body[FIELDS.get(name, 0) :], deeper) if deeper else (body,)


def box(name: str, body: bytes) -> bytes:
    """Return a box."""
    return (_HEADER + len(body)).to_bytes(4, "big") + name.encode("latin-1") + body


def rewritten(data: bytes, path: Sequence[str], change: Callable[[bytes], bytes]) -> bytes:
    """Return `data` with what the one box at `path` holds changed; the boxes around it take the size that follows.

    Raises
    ------
    PackagingError
        If there is no such box, or more than one, or what is around it is damaged.
    """
    name, *deeper = path
    parts, found, size = [], 0, 0
    for inner, body in boxes(data):
        made, size = body, size + _HEADER + len(body)
        if inner == name:
            found += 1
            before = FIELDS.get(name, 0)
            made = body[:before] + rewritten(body[before:], deeper, change) if deeper else change(body)
        parts.append(box(inner, made))
    if found != 1 or size != len(data):
        raise PackagingError(f"{found} boxes {name!r} in {size} of {len(data)} bytes, where one was looked for")
    return b"".join(parts)
