"""How a file is cut into the parts of a multipart upload. The server plans with it, and the uploading client cuts."""

from __future__ import annotations

from typing import NamedTuple

MIB = 1024**2
MAX_PARTS = 10_000
MIN_PART_BYTES = 5 * MIB
MAX_PART_BYTES = 5 * 1024 * MIB
"""S3's limits; the last part alone may be smaller.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html"""


class Span(NamedTuple):
    """Where a part lies in its file, in bytes."""

    offset: int
    size_bytes: int


class PartPlan(NamedTuple):
    """How a file of `size_bytes` is cut: every part has `part_bytes`, the last one what remains."""

    size_bytes: int
    part_bytes: int

    @property
    def parts(self) -> int:
        """How many parts there are; they are numbered from 1."""
        return -(-self.size_bytes // self.part_bytes)

    def span(self, number: int) -> Span:
        """Return where part `number` lies.

        Raises
        ------
        ValueError
            If there is no such part.
        """
        if not 1 <= number <= self.parts:
            message = f"there is no part {number} of {self.parts}"
            raise ValueError(message)
        offset = (number - 1) * self.part_bytes
        return Span(offset=offset, size_bytes=min(self.part_bytes, self.size_bytes - offset))


def plan_parts(size_bytes: int, *, least_bytes: int) -> PartPlan:
    """Return how to cut a file, always the same for the same size.

    Parameters
    ----------
    size_bytes
        The file's size; at least one byte.
    least_bytes
        The size of the parts, as long as `MAX_PARTS` of them are enough; larger files get larger parts, in whole MiB.

    Raises
    ------
    ValueError
        If the file is empty, or larger than `MAX_PARTS` of `MAX_PART_BYTES`.
    """
    if not 1 <= size_bytes <= MAX_PARTS * MAX_PART_BYTES:
        message = f"a file of {size_bytes} bytes cannot be sent in parts"
        raise ValueError(message)
    needed = -(-size_bytes // MAX_PARTS)
    in_whole_mib = -(-needed // MIB) * MIB
    return PartPlan(size_bytes=size_bytes, part_bytes=max(in_whole_mib, least_bytes, MIN_PART_BYTES))
