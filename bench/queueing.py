"""Jobs as AWS Batch did them, and who was served before whom."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from lambdas.common.media import Priority


@dataclass(frozen=True)
class QueuedJob:
    """One job of a version; times in seconds since the epoch."""

    version_id: str
    priority: Priority
    queued: float
    started: float


Pair = tuple[QueuedJob, QueuedJob]
"""An original's job and a licensed title's."""


def out_of_turn(jobs: Iterable[QueuedJob], *, tolerance_s: float) -> list[Pair]:
    """Return the pairs in which the original's job was passed over.

    That is: it was in the queue when the licensed title's started, and for longer than `tolerance_s` already, and it
    started later.
    """
    return [
        (original, licensed)
        for original, licensed in _pairs(jobs)
        if original.queued + tolerance_s < licensed.started < original.started
    ]


def overtakings(jobs: Iterable[QueuedJob]) -> list[Pair]:
    """Return the pairs in which the original's job came later and started earlier: none would prove nothing."""
    return [
        (original, licensed)
        for original, licensed in _pairs(jobs)
        if licensed.queued < original.queued and original.started < licensed.started
    ]


def _pairs(jobs: Iterable[QueuedJob]) -> Iterable[Pair]:
    by_priority: dict[Priority, list[QueuedJob]] = {priority: [] for priority in Priority}
    for job in jobs:
        by_priority[job.priority].append(job)
    return (
        (original, licensed)
        for original in by_priority[Priority.ORIGINAL]
        for licensed in by_priority[Priority.LICENSED]
    )
