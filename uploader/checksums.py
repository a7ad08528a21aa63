"""CRC64NVME, as S3 computes it: of a part of a file, and of the whole file out of those of its parts."""

from __future__ import annotations

import base64
import struct
from collections.abc import Iterable
from functools import reduce
from pathlib import Path
from typing import NamedTuple

from awscrt import checksums

from lambdas.ingestion.parts import Span

BLOCK_BYTES = 1024**2
"""What is held of a file at once, for each part that is read."""


class Checksum(NamedTuple):
    """The checksum of some bytes, and how many they are."""

    value: int
    size_bytes: int

    @property
    def text(self) -> str:
        """The checksum as S3 writes it."""
        return base64.b64encode(struct.pack(">Q", self.value)).decode()


def checksum_of(file: Path, span: Span) -> Checksum:
    """Read one part of `file`, block by block.

    Raises
    ------
    OSError
        If the file cannot be read, or ends before the part does.
    """
    value, remaining = 0, span.size_bytes
    with file.open("rb") as source:
        source.seek(span.offset)
        while remaining:
            block = source.read(min(BLOCK_BYTES, remaining))
            if not block:
                message = f"{file} became shorter while it was read"
                raise OSError(message)
            value = checksums.crc64nvme(block, value)
            remaining -= len(block)
    return Checksum(value=value, size_bytes=span.size_bytes)


def whole(parts: Iterable[Checksum]) -> Checksum:
    """Return the checksum of `parts`, one after the other, without reading them again."""
    return reduce(
        lambda left, right: Checksum(
            value=checksums.combine_crc64nvme(left.value, right.value, right.size_bytes),
            size_bytes=left.size_bytes + right.size_bytes,
        ),
        parts,
        Checksum(value=0, size_bytes=0),
    )
