"""Exactly once: a task claims its job, writes its result under a name of its own, and commits it by its token."""

from __future__ import annotations

import os
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from encoder.errors import ObjectMissingError
from encoder.log import say
from encoder.storage import ObjectStore
from encoder.worker import this_worker
from lambdas.common.errors import ConflictError, MarqueeError, TransientError
from lambdas.common.media import ObjectRef
from lambdas.encoding import claims
from lambdas.encoding.claims import JobRecord, JobState, LeaseHeldError, Outcome, StaleClaimError, Worker
from lambdas.encoding.job_store import JobStore

LEASE = timedelta(seconds=60)
"""How long a worker that is not heard of may still be at work."""
_RENEW_S = 15.0
_LOOK_AGAIN_S = 1.0
_MOST_ERROR = 1000
_CONTENT_TYPES = {".mp4": "video/mp4", ".json": "application/json"}


class ResultLostError(TransientError):
    """A committed result is gone before it was moved: the job is open again."""


class ForeignResultError(MarqueeError):
    """A record names a result that lies where no attempt at its job writes."""


class ResultUnnamedError(MarqueeError):
    """A record says that a job has its result, and not where: no transition of ours writes that."""


Make = Callable[[Path], Path]


class Claims:
    """The jobs of one table, as a worker claims them.

    Parameters
    ----------
    store
        Where results are written.
    """

    def __init__(self, jobs: JobStore, *, worker: Worker, store: ObjectStore) -> None:
        self._jobs, self._worker, self._store = jobs, worker, store

    @classmethod
    def connect(cls, *, store: ObjectStore) -> Claims:
        """Return the claims of this job of AWS Batch, on the table ``ENCODER_JOBS_TABLE``."""
        return cls(JobStore(os.environ["ENCODER_JOBS_TABLE"]), worker=this_worker(), store=store)

    def once(
        self, *, version_id: str, job: str, target: ObjectRef, attempt: Callable[[int], ObjectRef], make: Make
    ) -> None:
        """Do a job, unless it is done; its result lies at `target` afterwards.

        Parameters
        ----------
        attempt
            Where the holder of a token writes what it made.
        make
            Makes the result in a folder and returns its file.

        Raises
        ------
        LeaseHeldError
            If another worker is at it, and remains so for longer than a lease.
        ForeignResultError
            If the job's record names a result that no attempt at it can have written.
        StaleClaimError
            If another worker has claimed the job meanwhile: nothing of this one's counts.
        """
        self._jobs.plan(version_id, job)
        record = self._claim(version_id, job, target=target, attempt=attempt)
        if record is None:
            say("already done", job=job, object=target.uri)
            return
        token = record.token
        with self._working(version_id, job, token=token), tempfile.TemporaryDirectory() as folder:
            made = make(Path(folder))
            output = attempt(token)
            self._store.put(made, output, content_type=_CONTENT_TYPES[made.suffix])
        committed = self._jobs.change(
            version_id, job, lambda now: claims.commit(now, token=token, now=_now(), output=output)
        )
        if not self._settle(committed, target=target, attempt=attempt):
            raise ResultLostError(f"{job} of {version_id}: its result {output.uri} is gone")
        say("committed", job=job, token=token, object=target.uri)

    def retract(self, *, version_id: str, job: str, target: ObjectRef) -> None:
        """Take back the result of a job that turned out to be bad: whoever needs it next does the job again.

        It is gone before the job is open again, and at `target` last, so that nobody brings it back. Who dies halfway
        leaves it to the next claim to open the job.
        """
        record = self._jobs.get(version_id, job)
        output = record.output if record else None
        if output is None:
            return
        self._store.delete(output)
        self._store.delete(target)
        with suppress(ConflictError):
            self._jobs.change(version_id, job, lambda now: claims.reopen(now, output=output))
        say("retracted", job=job, object=target.uri)

    def _claim(
        self, version_id: str, job: str, *, target: ObjectRef, attempt: Callable[[int], ObjectRef]
    ) -> JobRecord | None:
        """Return the claimed record; none if the job is done."""
        deadline = time.monotonic() + 2 * LEASE.total_seconds()
        while True:
            try:
                record = self._jobs.get(version_id, job)
                if record and record.finished and self._settle(record, target=target, attempt=attempt):
                    return None
                return self._jobs.change(version_id, job, self._take)
            except (LeaseHeldError, ConflictError, ObjectMissingError):
                # Somebody is at it, has finished it, or has just settled or reopened it.
                if time.monotonic() > deadline:
                    raise
                time.sleep(_LOOK_AGAIN_S)

    def _take(self, record: JobRecord) -> JobRecord:
        now = _now()
        return claims.claim(record, worker=self._worker, now=now, until=now + LEASE)

    def _settle(self, record: JobRecord, *, target: ObjectRef, attempt: Callable[[int], ObjectRef]) -> bool:
        """Bring a committed result to where it is looked for, whoever made it; say whether there is one.

        What a record names counts only where an attempt at this job writes: whoever may write records, but not there,
        forges no result.

        What lies at `target` is the result that counts: nothing else is ever moved there, and a job is reopened only
        when both are gone.
        """
        moved = self._store.exists(target)
        if moved and record.state is JobState.DONE:
            return True
        output = record.output
        if output is None:
            raise ResultUnnamedError(f"{record.job} of {record.version_id} is {record.state}, and names no result")
        own = attempt(record.token)
        if (output.bucket, _folder(output)) != (own.bucket, _folder(own)):
            raise ForeignResultError(
                f"{record.job} of {record.version_id} names {output.uri}, where no attempt at it writes"
            )
        if not moved and not self._store.exists(output):
            self._jobs.change(record.version_id, record.job, lambda now: claims.reopen(now, output=output))
            return False
        if not moved:
            self._store.copy(output, target)
        self._jobs.change(record.version_id, record.job, lambda now: claims.finish(now, output=output))
        return True

    @contextmanager
    def _working(self, version_id: str, job: str, *, token: int) -> Iterator[None]:
        """Renew the lease while the body runs; if it ends badly, free the job."""
        over = threading.Event()
        renewing = threading.Thread(target=self._renew, args=(version_id, job, token, over), daemon=True)
        renewing.start()
        try:
            try:
                yield
            finally:
                # First of all: a renewal that comes after the job was given up would find the claim lost.
                over.set()
                renewing.join()
        except BaseException as error:
            self._give_up(version_id, job, token=token, error=error)
            raise

    def _renew(self, version_id: str, job: str, token: int, over: threading.Event) -> None:
        while not over.wait(_RENEW_S):
            try:
                self._jobs.change(
                    version_id,
                    job,
                    lambda record: claims.renew(record, token=token, now=_now(), until=_now() + LEASE),
                )
            except StaleClaimError as error:
                say("the claim is lost", job=job, token=token, error=str(error))
                _stop_this_task()
                return
            except TransientError as error:
                # The lease is longer than some tries, and the token decides in the end.
                say("the lease was not renewed", job=job, token=token, error=str(error))

    def _give_up(self, version_id: str, job: str, *, token: int, error: BaseException) -> None:
        interrupted = not isinstance(error, Exception) or isinstance(error, TransientError)
        outcome = Outcome.INTERRUPTED if interrupted else Outcome.FAILED
        said = f"{type(error).__name__}: {error}"[:_MOST_ERROR]
        try:
            self._jobs.change(
                version_id,
                job,
                lambda record: claims.give_up(record, token=token, now=_now(), outcome=outcome, error=said),
            )
        except MarqueeError as trouble:
            # The lease will end by itself; what the task failed with matters more.
            say("the claim was not given up", job=job, token=token, error=str(trouble))


def _stop_this_task() -> None:
    """End the tools' work for a result that cannot count any more, as a reclaimed machine would."""
    if signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        os.kill(os.getpid(), signal.SIGTERM)


def _folder(of: ObjectRef) -> str:
    return of.key.rpartition("/")[0]


def _now() -> datetime:
    return datetime.now(UTC)
