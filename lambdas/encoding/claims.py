"""Who may do a job, and whose result counts: how a record of a job may change. Pure; `job_store` keeps the records.

A worker **claims** a job and gets a fencing token, one more than any worker had before it, and a lease that it renews
while it works. It writes its result under a key of its own, the token in it. Then it **commits**: the record names that
result, once and for all, and only if no newer token was given meanwhile. That is the one moment that decides. After it,
whoever comes moves the named result to where the next job looks for it (the same bytes, however often and by whomever),
and the job is **done**.

A lease is read by other clocks than it was written by. So it decides only when somebody else may begin, never whose
result counts: a worker that was thought dead, and wakes, holds an old token and changes nothing.
"""

from __future__ import annotations

from enum import StrEnum

from pydantic import AwareDatetime, Field

from lambdas.common.errors import ConflictError, TransientError
from lambdas.common.media import ObjectRef, Record


class JobState(StrEnum):
    """How far a job is."""

    PLANNED = "planned"
    CLAIMED = "claimed"
    COMMITTED = "committed"
    DONE = "done"
    FAILED = "failed"


class Outcome(StrEnum):
    """How an attempt ended."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    """Told to stop, and said so."""
    LOST = "lost"
    """Not heard of again."""


class LeaseHeldError(TransientError):
    """Another worker is at this job, and was heard of lately."""


class FinishedError(ConflictError):
    """The job has its result: there is nothing to claim."""


class StaleClaimError(TransientError):
    """Another worker has claimed the job since: what this one made does not count."""


class Worker(Record):
    """Where an attempt runs, and what is billed for it."""

    batch_job: str = Field(description="AWS Batch's id of the job")
    batch_attempt: int = Field(description="Batch's own, from 1")
    vcpus: float
    memory_mib: int
    capacity: str = Field(description="what is billed, for example ``c7g-spot`` or ``fargate-arm-spot``")


class Attempt(Record):
    """One worker's claim on a job."""

    token: int
    worker: Worker
    started_at: AwareDatetime
    seen_at: AwareDatetime = Field(description="when the worker was last heard of; at its end, when that was")
    outcome: Outcome = Outcome.RUNNING
    error: str | None = None

    @property
    def seconds(self) -> float:
        """How long it worked, as far as is known; never negative, whatever the clocks say."""
        return max(0.0, (self.seen_at - self.started_at).total_seconds())

    @property
    def vcpu_seconds(self) -> float:
        """What it used."""
        return self.seconds * self.worker.vcpus


class JobRecord(Record):
    """What is known of one job of a version."""

    version_id: str
    job: str = Field(description="its id within the version, for example ``chunk/1080p/00003/5f0c1d2e3a4b5c6d``")
    state: JobState = JobState.PLANNED
    token: int = Field(default=0, description="the newest fencing token")
    lease_until: AwareDatetime | None = None
    attempts: tuple[Attempt, ...] = ()
    output: ObjectRef | None = Field(default=None, description="the result that counts, where it was first written")

    @property
    def finished(self) -> bool:
        """Whether the job has its result."""
        return self.state in {JobState.COMMITTED, JobState.DONE}


def claim(record: JobRecord, *, worker: Worker, now: AwareDatetime, until: AwareDatetime) -> JobRecord:
    """Return the record with `worker` as the holder of a new token, its lease ending at `until`.

    The next attempt of the same Batch job need not wait for the lease of the one before it: Batch starts it when the
    machine of that one is gone.

    Raises
    ------
    LeaseHeldError
        If the newest holder's lease has not ended.
    FinishedError
        If the job has its result.
    """
    if record.finished:
        raise FinishedError(f"{record.job} of {record.version_id} is {record.state}")
    if record.state is JobState.CLAIMED and record.lease_until and now < record.lease_until:
        holder = record.attempts[-1].worker
        same_job = holder.batch_job == worker.batch_job and holder.batch_attempt < worker.batch_attempt
        if not same_job:
            raise LeaseHeldError(f"{record.job} of {record.version_id} is held until {record.lease_until}")
    token = record.token + 1
    attempt = Attempt(token=token, worker=worker, started_at=now, seen_at=now)
    return record.model_copy(
        update={
            "state": JobState.CLAIMED,
            "token": token,
            "lease_until": until,
            "attempts": (*_ended(record.attempts, outcome=Outcome.LOST), attempt),
        }
    )


def renew(record: JobRecord, *, token: int, now: AwareDatetime, until: AwareDatetime) -> JobRecord:
    """Return the record with a lease that ends at `until`.

    Raises
    ------
    StaleClaimError
        If `token` is not the newest, or the job is no longer being worked at.
    """
    _require(record, token=token)
    return record.model_copy(update={"lease_until": until, "attempts": _seen(record.attempts, now=now)})


def commit(record: JobRecord, *, token: int, now: AwareDatetime, output: ObjectRef) -> JobRecord:
    """Return the record with `output` as the result that counts.

    Raises
    ------
    StaleClaimError
        As in `renew`.
    """
    _require(record, token=token)
    return record.model_copy(
        update={
            "state": JobState.COMMITTED,
            "lease_until": None,
            "output": output,
            "attempts": _ended(_seen(record.attempts, now=now), outcome=Outcome.DONE),
        }
    )


def finish(record: JobRecord, *, output: ObjectRef) -> JobRecord:
    """Return the record of a committed job whose result, `output`, lies where the next job looks for it.

    Raises
    ------
    ConflictError
        If the job has no result, or another one by now: what was moved is not what counts.
    """
    if not record.finished or record.output != output:
        raise ConflictError(f"{record.job} of {record.version_id} is {record.state}, and its result is not {output}")
    return record.model_copy(update={"state": JobState.DONE})


def give_up(
    record: JobRecord, *, token: int, now: AwareDatetime, outcome: Outcome, error: str | None = None
) -> JobRecord:
    """Return the record of a job whose worker ends without a result: free for the next one at once.

    Raises
    ------
    StaleClaimError
        As in `renew`.
    """
    _require(record, token=token)
    return record.model_copy(
        update={
            "state": JobState.FAILED if outcome is Outcome.FAILED else JobState.PLANNED,
            "lease_until": None,
            "attempts": _ended(_seen(record.attempts, now=now), outcome=outcome, error=error),
        }
    )


def reopen(record: JobRecord, *, output: ObjectRef) -> JobRecord:
    """Return the record of a job whose result, `output`, is no longer there: to be done again.

    Raises
    ------
    ConflictError
        If it has another result by now, or none.
    """
    if not record.finished or record.output != output:
        raise ConflictError(f"{record.job} of {record.version_id} was changed meanwhile")
    return record.model_copy(update={"state": JobState.PLANNED, "output": None})


def _require(record: JobRecord, *, token: int) -> None:
    if record.state is not JobState.CLAIMED or record.token != token:
        raise StaleClaimError(
            f"{record.job} of {record.version_id} is {record.state} under token {record.token}; this worker has {token}"
        )


def _seen(attempts: tuple[Attempt, ...], *, now: AwareDatetime) -> tuple[Attempt, ...]:
    *before, last = attempts
    return (*before, last.model_copy(update={"seen_at": max(now, last.seen_at)}))


def _ended(attempts: tuple[Attempt, ...], *, outcome: Outcome, error: str | None = None) -> tuple[Attempt, ...]:
    if not attempts or attempts[-1].outcome is not Outcome.RUNNING:
        return attempts
    *before, last = attempts
    return (*before, last.model_copy(update={"outcome": outcome, "error": error}))
