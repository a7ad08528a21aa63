"""Verification: what two regions hold of the same version of an object, side by side."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from enum import StrEnum

from pydantic import Field

from lambdas.common.media import Record
from lambdas.storage.archive import Held


class Outcome(StrEnum):
    """What a look at both regions showed."""

    SAME = "same"
    """The size and S3's checksum of the bytes agree."""
    UNPROVEN = "unproven"
    """The sizes agree, but the object was uploaded without a checksum."""
    GONE = "gone"
    """The source has been deleted since its inventory was written."""
    MISSING = "missing"
    DIFFERENT = "different"


FAULTS = frozenset({Outcome.MISSING, Outcome.DIFFERENT})


class Verdict(Record):
    """What was found of one version of an object."""

    key: str
    version_id: str
    outcome: Outcome
    detail: str = ""


class Verification(Record):
    """What a sample showed."""

    seed: str
    sampled: int
    counts: dict[Outcome, int]
    verdicts: tuple[Verdict, ...] = Field(description="all of them: what was looked at is part of the proof")

    @property
    def faults(self) -> int:
        """How many objects are not what they should be."""
        return sum(self.counts.get(outcome, 0) for outcome in FAULTS)


def verdict(*, key: str, version_id: str, source: Held | None, replica: Held | None) -> Verdict:
    """Return what two regions' answers about one version mean."""

    def found(outcome: Outcome, detail: str = "") -> Verdict:
        return Verdict(key=key, version_id=version_id, outcome=outcome, detail=detail)

    if source is None:
        return found(Outcome.GONE)
    if replica is None:
        return found(Outcome.MISSING, source.replication_status or "never replicated")
    if source.size_bytes != replica.size_bytes:
        return found(Outcome.DIFFERENT, f"{source.size_bytes} bytes, and {replica.size_bytes} in the replica")
    if source.checksum is None or replica.checksum is None:
        return found(Outcome.UNPROVEN, "no checksum is kept")
    if source.checksum != replica.checksum:
        detail = f"{source.checksum.algorithm} {source.checksum.value}, and {replica.checksum.value} in the replica"
        return found(Outcome.DIFFERENT, detail)
    return found(Outcome.SAME, source.checksum.algorithm)


def verified(verdicts: Sequence[Verdict], *, seed: str) -> Verification:
    """Return the report of a sample."""
    return Verification(
        seed=seed,
        sampled=len(verdicts),
        counts=dict(Counter(found.outcome for found in verdicts)),
        verdicts=tuple(verdicts),
    )
