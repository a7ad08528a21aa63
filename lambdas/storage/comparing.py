"""A bucket's inventory against its replica's: one pass over two sorted lists.

A replica keeps its source's version id, so that rows are matched by key and version. Entity tags are compared only
where neither side is encrypted with KMS: there they depend on the key, which differs from region to region. Delete
markers are not replicated and not compared.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from enum import StrEnum
from itertools import groupby

from pydantic import Field

from lambdas.common.media import Record
from lambdas.storage.inventory import Row

MOST_NAMED = 1000
"""Faults, and as many harmless differences, that a report names; the others are counted."""


class Kind(StrEnum):
    """How a bucket and its replica differ about one version of an object."""

    MISSING = "missing"
    """The replica has nothing under the key."""
    STALE = "stale"
    """The replica has other versions of the object, but not this one."""
    FAILED = "failed"
    """S3 says that it could not replicate it."""
    DIFFERENT = "different"
    """Both have it, with another size or content."""
    EXTRA = "extra"
    """The replica alone has it: deletions and expiries stay in their region, so this is no fault by itself."""
    EXPIRED = "expired"
    """The replica lacks what the source has lost since, or will: no fault."""


HARMLESS = frozenset({Kind.EXTRA, Kind.EXPIRED})
_UNCONFIRMED = frozenset({Kind.MISSING, Kind.STALE})


class Difference(Record):
    """One difference."""

    kind: Kind
    key: str
    version_id: str
    detail: str = ""


class Comparison(Record):
    """What a comparison found."""

    compared: int = Field(description="versions of the source that are old enough to be there")
    too_young: int = Field(description="versions that may still be on their way")
    counts: dict[Kind, int]
    differences: tuple[Difference, ...] = Field(description="the first faults, and the first harmless ones")

    @property
    def faults(self) -> int:
        """How many differences are somebody's fault."""
        return sum(count for kind, count in self.counts.items() if kind not in HARMLESS)


def compare(source: Iterable[Row], replica: Iterable[Row], *, before: datetime, gathers: bool = False) -> Comparison:
    """Compare two inventories, each in the order of key and version.

    Parameters
    ----------
    before
        Younger versions may be on their way, or missing from one inventory only: they are counted, and not compared.
    gathers
        As in `ReplicaPair`: what the replica alone has is not told, and what came and has gone since is no fault.
    """
    tally = _Tally(before, gathers=gathers)
    for key, ours, theirs in _by_key(source, replica):
        tally.take(key, ours, theirs)
    return tally.result()


def confirmed(found: Comparison, *, excuse: Callable[[Difference], str]) -> Comparison:
    """Take back those faults that are none, among what the replica seems to lack.

    Two inventories are not of one moment, and either side's lifecycle may have removed an object in between. Only the
    differences that are named are looked at, `MOST_NAMED` at most: whatever is beyond them stays a fault.

    Parameters
    ----------
    excuse
        Says why the replica may lack an object; nothing, if it must have it.
    """
    counts = Counter(found.counts)
    named = []
    for difference in found.differences:
        after = difference
        if difference.kind in _UNCONFIRMED and (why := excuse(difference)):
            after = difference.model_copy(update={"kind": Kind.EXPIRED, "detail": why})
            counts[difference.kind] -= 1
            counts[after.kind] += 1
        named.append(after)
    return found.model_copy(update={"counts": dict(+counts), "differences": tuple(named)})


def _by_key(source: Iterable[Row], replica: Iterable[Row]) -> Iterator[tuple[str, list[Row], list[Row]]]:
    """Yield each key with its versions on both sides, delete markers left out; only one key is held at a time."""
    ours, theirs = _grouped(source), _grouped(replica)
    left, right = next(ours, None), next(theirs, None)
    while left or right:
        key = min(side[0] for side in (left, right) if side)
        here = left[1] if left and left[0] == key else []
        there = right[1] if right and right[0] == key else []
        yield key, here, there
        left = next(ours, None) if here else left
        right = next(theirs, None) if there else right


def _grouped(rows: Iterable[Row]) -> Iterator[tuple[str, list[Row]]]:
    objects = (row for row in rows if not row.delete_marker)
    for key, versions in groupby(objects, key=lambda row: row.key):
        yield key, list(versions)


class _Tally:
    def __init__(self, before: datetime, *, gathers: bool) -> None:
        self._before, self._gathers = before, gathers
        self._compared = self._too_young = 0
        self._counts: Counter[Kind] = Counter()
        self._faults: list[Difference] = []
        self._harmless: list[Difference] = []

    def take(self, key: str, ours: list[Row], theirs: list[Row]) -> None:
        there = {row.version_id: row for row in theirs}
        for row in ours:
            twin = there.pop(row.version_id, None)
            if row.modified_at >= self._before:
                self._too_young += 1
                continue
            self._compared += 1
            if twin is None:
                self._add(self._why_absent(row, theirs), key, row.version_id, row.replication_status)
            elif detail := _unlike(row, twin):
                self._add(Kind.DIFFERENT, key, row.version_id, detail)
        for version_id, row in there.items():
            if not self._gathers and row.modified_at < self._before:
                self._add(Kind.EXTRA, key, version_id)

    def _why_absent(self, row: Row, others: list[Row]) -> Kind:
        if self._gathers and row.replication_status == "COMPLETED":
            return Kind.EXPIRED
        if row.replication_status == "FAILED":
            return Kind.FAILED
        return Kind.STALE if others else Kind.MISSING

    def _add(self, kind: Kind, key: str, version_id: str, detail: str = "") -> None:
        self._counts[kind] += 1
        named = self._harmless if kind in HARMLESS else self._faults
        if len(named) < MOST_NAMED:
            named.append(Difference(kind=kind, key=key, version_id=version_id, detail=detail))

    def result(self) -> Comparison:
        return Comparison(
            compared=self._compared,
            too_young=self._too_young,
            counts=dict(self._counts),
            differences=(*self._faults, *self._harmless),
        )


def _unlike(ours: Row, theirs: Row) -> str:
    if ours.size_bytes != theirs.size_bytes:
        return f"{ours.size_bytes} bytes, and {theirs.size_bytes} in the replica"
    by_key = {"SSE-KMS", "DSSE-KMS"} & {ours.encryption, theirs.encryption}
    if not by_key and ours.etag != theirs.etag:
        return f"entity tag {ours.etag}, and {theirs.etag} in the replica"
    if ours.checksum_algorithm != theirs.checksum_algorithm:
        return f"checksum {ours.checksum_algorithm or 'none'}, and {theirs.checksum_algorithm or 'none'} in the replica"
    return ""
