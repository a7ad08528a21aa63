"""A sample that favours nothing, and that anybody can draw again: the versions whose salted digest is smallest."""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Iterable
from datetime import datetime

from lambdas.storage.inventory import Row


def sample(rows: Iterable[Row], *, size: int, seed: str, before: datetime) -> tuple[Row, ...]:
    """Return `size` of the versions that are older than `before`, or all if there are fewer, by key and version.

    Every version has the same chance, whatever its size, age or place in the list, and the same seed draws the same
    sample from any order of `rows`; at most `size` rows are in memory.
    """
    eligible = (row for row in rows if not row.delete_marker and row.modified_at < before)
    drawn = heapq.nsmallest(size, eligible, key=lambda row: _lot(row, seed=seed))
    return tuple(sorted(drawn))


def _lot(row: Row, *, seed: str) -> bytes:
    return hashlib.sha256(f"{seed}\x00{row.key}\x00{row.version_id}".encode()).digest()
