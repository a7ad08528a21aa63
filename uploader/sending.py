"""Sending one file: in parallel parts, from wherever an earlier attempt was interrupted."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from threading import Event, Lock
from typing import NamedTuple, Protocol

import urllib3

from lambdas.ingestion.parts import PartPlan, Span
from lambdas.ingestion.uploads import MAX_BATCH
from uploader.api import File, Held, Stored, Target, UploadApi
from uploader.checksums import BLOCK_BYTES, Checksum, checksum_of, whole
from uploader.errors import CancelledError, ExpiredUrlError, GoneError, LaterError, RefusedError
from uploader.http import put
from uploader.patience import Patience

_ATTEMPTS = 3
_LARGEST_BATCH = 16


class Watcher(Protocol):
    """Is told how far an upload is."""

    def advanced(self, size_bytes: int) -> None:
        """So many bytes are on their way; fewer than none, where they have to be sent again."""

    def skipped(self, size_bytes: int) -> None:
        """So many bytes had arrived before; fewer than none, where that turns out not to hold."""


@dataclass(frozen=True)
class Tally:
    """What an upload took: parts in all, had by the server before, sent, and sent more than once by this process."""

    parts: int = 0
    held: int = 0
    sent: int = 0
    again: int = 0
    sent_bytes: int = 0
    size_bytes: int = 0
    completed: int = 0
    """Files that were not there as a whole before; of such a one all parts may have been."""

    def __add__(self, other: Tally) -> Tally:
        return Tally(*(getattr(self, name) + getattr(other, name) for name in self.__dataclass_fields__))

    @property
    def was_there(self) -> bool:
        """Whether nothing had to be done."""
        return self.completed == 0


class Arrived(NamedTuple):
    """A file that the server has now; `arrived_at` is known only of one that it had before."""

    tally: Tally
    object_version: str | None
    arrived_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Means:
    """What sending takes: the API, connections, how many parts at once, patience, and who watches."""

    api: UploadApi
    pool: urllib3.PoolManager
    workers: int
    patience: Patience
    cancelled: Event
    watcher: Watcher


def batches(count: int, *, workers: int) -> list[range]:
    """Return the numbers of `count` parts, in batches that are presigned at once and sent by one worker each.

    A batch is small where there are few parts, so that every worker has some.
    """
    size = max(1, min(_LARGEST_BATCH, MAX_BATCH, count // (workers * 2)))
    return [range(first, min(first + size, count + 1)) for first in range(1, count + 1, size)]


def to_send(parts: Mapping[int, Checksum], *, held: Mapping[int, Held]) -> dict[int, Checksum]:
    """Return those of `parts` that the server does not have as they are in the file."""
    return {
        number: part
        for number, part in parts.items()
        if number not in held or held[number] != Held(size_bytes=part.size_bytes, checksum=part.text)
    }


def send_file(path: Path, *, file: File, means: Means, anew: bool = False) -> Arrived:
    """Send a file, unless the server has it.

    Parameters
    ----------
    anew
        Send it even then.

    Raises
    ------
    UploadingError
        If that cannot be done, or not now.
    OSError
        If the file cannot be read.
    """
    for attempt in range(_ATTEMPTS):
        try:
            return _send(path, file=file, means=means, anew=anew)
        except GoneError as error:
            # It was completed or aborted between two of our questions, perhaps by ourselves before we were killed.
            if attempt == _ATTEMPTS - 1:
                raise LaterError(f"{path}: {error}") from error
            # What stopped the other workers was this error: whoever interrupts the command, interrupts it otherwise.
            means.cancelled.clear()
    raise AssertionError


def _send(path: Path, *, file: File, means: Means, anew: bool) -> Arrived:
    size = path.stat().st_size
    if not size:
        raise RefusedError(f"{path} is empty")
    found = means.api.find(file, size_bytes=size)
    sending = _Sending(path, file=file, plan=found.plan, means=means)
    stored = found.stored
    if stored and not anew and sending.is_the_same(stored):
        means.watcher.skipped(size)
        tally = Tally(parts=found.plan.parts, held=found.plan.parts, size_bytes=size)
        return Arrived(tally, stored.object_version, stored.arrived_at)
    if found.upload_ids:
        upload_id = found.upload_ids[0]
        held = means.api.held(file, upload_id=upload_id)
    else:
        upload_id, held = means.api.create(file, size_bytes=size), {}
    try:
        parts = sending.run(lambda numbers: sending.send(numbers, upload_id=upload_id, held=held))
        version = means.api.complete(file, parts, upload_id=upload_id, whole=whole(parts))
    except GoneError:
        sending.take_back()
        raise
    return Arrived(sending.tally + Tally(completed=1), version)


@dataclass
class _Sending:
    """One file on its way. Its methods are called by several threads."""

    path: Path
    file: File = field(kw_only=True)
    plan: PartPlan = field(kw_only=True)
    means: Means = field(kw_only=True)
    tally: Tally = field(init=False)
    _held_bytes: int = field(init=False, default=0)
    _lock: Lock = field(init=False, default_factory=Lock)

    def __post_init__(self) -> None:
        self.tally = Tally(parts=self.plan.parts, size_bytes=self.plan.size_bytes)

    def run(self, work: Callable[[range], dict[int, Checksum]]) -> list[Checksum]:
        """Let the workers do `work` for every batch, and return the checksums of all parts in their order."""
        checksums: dict[int, Checksum] = {}
        with ThreadPoolExecutor(self.means.workers, thread_name_prefix="part") as workers:
            running = [
                workers.submit(work, numbers) for numbers in batches(self.plan.parts, workers=self.means.workers)
            ]
            try:
                for done in _as_they_succeed(running):
                    checksums |= done
            except BaseException:
                self.means.cancelled.set()
                workers.shutdown(cancel_futures=True)
                raise
        return [checksums[number] for number in sorted(checksums)]

    def read(self, numbers: range) -> dict[int, Checksum]:
        """Return the checksums of some parts."""
        read = {}
        for number in numbers:
            self._stop_if_cancelled()
            read[number] = checksum_of(self.path, self.plan.span(number))
        return read

    def send(self, numbers: range, *, upload_id: str, held: Mapping[int, Held]) -> dict[int, Checksum]:
        """Send those of some parts that the server does not have."""
        parts = self.read(numbers)
        missing = to_send(parts, held=held)
        there = [part for number, part in parts.items() if number not in missing]
        held_bytes = sum(part.size_bytes for part in there)
        self._count(Tally(held=len(there)), held_bytes=held_bytes)
        self.means.watcher.skipped(held_bytes)
        targets: dict[int, Target] = {}
        for number, part in missing.items():
            attempts = self._send_part(number, upload_id=upload_id, missing=missing, targets=targets)
            again = attempts > 1 or number in held
            self._count(Tally(sent=1, sent_bytes=part.size_bytes, again=1 if again else 0))
        return parts

    def _send_part(
        self,
        number: int,
        *,
        upload_id: str,
        missing: Mapping[int, Checksum],
        targets: dict[int, Target],
    ) -> int:
        """Send one part, and return how often that was begun."""
        attempts = 0

        def attempt() -> None:
            nonlocal attempts
            self._stop_if_cancelled()
            if number not in targets:
                wanted = {other: missing[other] for other in missing if other >= number}
                targets.update(self.means.api.presign(self.file, wanted, upload_id=upload_id))
            attempts += 1
            body = _PartOfFile(self.path, self.plan.span(number), means=self.means)
            try:
                put(self.means.pool, targets[number].url, body=body, headers=targets[number].headers)
            except BaseException as error:
                self.means.watcher.advanced(-body.given_bytes)
                if isinstance(error, ExpiredUrlError):
                    # Those of the same batch are as old.
                    targets.clear()
                    attempts -= 1
                raise

        self.means.patience.call(attempt)
        return attempts

    def is_the_same(self, stored: Stored) -> bool:
        """Whether the file is the one that the server has."""
        if stored.size_bytes != self.plan.size_bytes or not stored.checksum:
            return False
        return whole(self.run(self.read)).text == stored.checksum

    def take_back(self) -> None:
        """Let nothing count of what has been told to the watcher."""
        self.means.watcher.advanced(-self.tally.sent_bytes)
        self.means.watcher.skipped(-self._held_bytes)

    def _count(self, more: Tally, *, held_bytes: int = 0) -> None:
        with self._lock:
            self.tally += more
            self._held_bytes += held_bytes

    def _stop_if_cancelled(self) -> None:
        if self.means.cancelled.is_set():
            raise CancelledError("stopped")


def _as_they_succeed(running: list[Future[dict[int, Checksum]]]) -> Iterator[dict[int, Checksum]]:
    """Yield the results once all are there; raise the first error as soon as there is one."""
    done, _ = wait(running, return_when=FIRST_EXCEPTION)
    failed = [future for future in done if future.exception()]
    # Whoever was told to stop did so because of another's error.
    for future in sorted(failed, key=lambda future: isinstance(future.exception(), CancelledError)):
        future.result()
    for future in running:
        yield future.result()


class _PartOfFile:
    """One part of a file, read as it is sent: never more of it in memory than a block."""

    def __init__(self, path: Path, span: Span, *, means: Means) -> None:
        self._path, self._span, self._means = path, span, means
        self.given_bytes = 0

    def __iter__(self) -> Iterator[bytes]:
        with self._path.open("rb", buffering=0) as file:
            file.seek(self._span.offset)
            while self.given_bytes < self._span.size_bytes:
                if self._means.cancelled.is_set():
                    raise CancelledError("stopped")
                block = file.read(min(BLOCK_BYTES, self._span.size_bytes - self.given_bytes))
                if not block:
                    raise RefusedError(f"{self._path} became shorter while it was sent")
                self.given_bytes += len(block)
                self._means.watcher.advanced(len(block))
                yield block
