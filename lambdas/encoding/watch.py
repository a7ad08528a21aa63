"""What the farm's watch makes of the queues: how much waits, how long that takes, and what is stuck. Pure.

A job is **stuck** if nothing of it will move by itself:

- it is at work, by AWS Batch, and its worker has not been heard of for long (`StuckKind.SILENT`);
- its container does not come up (`StuckKind.STARTING`);
- it waits, and not for its turn: see `StuckKind`.

Encodes of the first two are ended, with the reason that `retries` knows, and so tried again by their workflow; a job
that waits is no better off if it waits anew, and of no other job does a workflow try again what was terminated: an
inspection, an analysis, a checksum. There people are told. Nothing is stuck that nothing is known of.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from statistics import fmean
from typing import Any

from pydantic import AwareDatetime, Field, PositiveInt

from lambdas.common.media import Record
from lambdas.encoding.claims import JobRecord
from lambdas.encoding.job_ids import version_of
from lambdas.encoding.retries import STUCK_REASON

METRICS = "Marquee/Encoding"
"""The namespace of what the watch counts."""
STUCK_METRIC = "StuckJobs"
UNCOUNTED_METRIC = "UncountedJobs"
WAIT_METRIC = "RunnableAgeSeconds"
DRAIN_METRIC = "TimeToDrainSeconds"
MOST_ENDED = 20
"""Of one round: what is left waits for the next one."""
WIDESPREAD = 0.5
"""If more than this share of the jobs at work looks stuck at once, it is more likely that the watch cannot see."""
MOST_ENDED_IF_WIDESPREAD = 1
SAMPLE = timedelta(hours=6)
"""Jobs that ended longer ago say nothing about those of now."""

_MISCONFIGURED = ("MISCONFIGURATION:", "ACTION_REQUIRED")
_BLOCKED = ("CAPACITY:", "UNDETERMINED")


class Status(StrEnum):
    """Where AWS Batch has a job, in their order."""

    SUBMITTED = "SUBMITTED"
    PENDING = "PENDING"
    RUNNABLE = "RUNNABLE"
    STARTING = "STARTING"
    RUNNING = "RUNNING"

    @property
    def waits(self) -> bool:
        """Whether a job in it has no machine yet."""
        return self not in {Status.STARTING, Status.RUNNING}


class StuckKind(StrEnum):
    """How a job is stuck."""

    SILENT = "silent"
    """At work, and not heard of."""
    STARTING = "starting"
    """Its task was made long ago, and its container does not run: an image that cannot be pulled, mostly."""
    MISCONFIGURED = "misconfigured"
    """Batch says that nothing it may start will ever take this job, or that people have to do something."""
    NO_CAPACITY = "no_capacity"
    """Batch says that it gets no machines, and nothing of the queue has been started meanwhile."""
    UNEXPLAINED = "unexplained"
    """Batch says nothing, and nothing of the whole farm is at work or has been started meanwhile."""

    @property
    def ended(self) -> bool:
        """Whether an encode that is stuck so is ended, to be tried again."""
        return self in {StuckKind.SILENT, StuckKind.STARTING}


class ActiveJob(Record):
    """A job that has not ended, as AWS Batch lists it."""

    job_id: str
    name: str
    status: Status
    reason: str | None = Field(default=None, description="Batch's, for the status")
    created_at: AwareDatetime
    started_at: AwareDatetime | None = Field(default=None, description="of its last attempt, if it had one")
    stopped_at: AwareDatetime | None = Field(default=None, description="the same")

    @property
    def since(self) -> datetime:
        """Since when it may have been where it is: the last moment known at which something happened to it."""
        return max(filter(None, (self.created_at, self.started_at, self.stopped_at)))

    @property
    def version_id(self) -> str | None:
        """Of which version it is an encode; none for what claims nothing: an inspection, an analysis, a checksum."""
        return version_of(self.name)


class EndedJob(Record):
    """A job that succeeded."""

    started_at: AwareDatetime
    stopped_at: AwareDatetime


class QueueReading(Record):
    """What AWS Batch tells of one queue."""

    queue: str
    active: tuple[ActiveJob, ...] = ()
    ended: tuple[EndedJob, ...] = Field(default=(), description="some of those that have succeeded lately")
    complete: bool = Field(default=True, description="whether all that are active were listed")

    def of(self, *statuses: Status) -> tuple[ActiveJob, ...]:
        """Return the jobs that are in one of `statuses`."""
        return tuple(job for job in self.active if job.status in statuses)


class Patience(Record):
    """After how many minutes a job counts as stuck."""

    heartbeat_minutes: PositiveInt = Field(description="without a word of a worker, who sends one every 15 s")
    starting_minutes: PositiveInt = Field(description="from a task's making to its container's start")
    runnable_minutes: PositiveInt = Field(description="without a machine, where that is no matter of whose turn it is")

    @property
    def heartbeat(self) -> timedelta:
        """The first, as a duration."""
        return timedelta(minutes=self.heartbeat_minutes)

    @property
    def starting(self) -> timedelta:
        """The second."""
        return timedelta(minutes=self.starting_minutes)

    @property
    def runnable(self) -> timedelta:
        """The third."""
        return timedelta(minutes=self.runnable_minutes)


class StuckJob(Record):
    """A stuck job, and how one knows."""

    job_id: str
    name: str
    queue: str
    kind: StuckKind
    seconds: float = Field(description="for how long")
    why: str = Field(description="a sentence for people")

    @property
    def reason(self) -> str:
        """What its job is ended with; `retries.cause_of` reads how it begins."""
        return f"{STUCK_REASON}: {self.why}"

    @property
    def ended(self) -> bool:
        """Whether it is ended: only the workflow of an encode tries again what was terminated."""
        return self.kind.ended and version_of(self.name) is not None


class QueueReport(Record):
    """How a queue is."""

    queue: str
    depth: Mapping[Status, int]
    oldest_wait_s: float = Field(default=0, description="how long the oldest RUNNABLE job has been in that state")
    job_s: float | None = Field(default=None, description="how long a job takes, by those of late; none: not known")
    drain_s: float | None = Field(
        default=None, description="seconds until all that is in it is done; none: nothing is at work, or not known"
    )
    complete: bool
    stuck: tuple[StuckJob, ...] = ()

    @property
    def waiting(self) -> int:
        """Jobs without a machine."""
        return sum(count for status, count in self.depth.items() if status.waits)

    @property
    def running(self) -> int:
        """Jobs with one."""
        return sum(count for status, count in self.depth.items() if not status.waits)

    @property
    def per_hour(self) -> float | None:
        """Jobs that it does an hour, at its present pace; see `time_to_drain`."""
        return self.running * 3600 / self.job_s if self.job_s else None

    def summary(self) -> dict[str, Any]:
        """Return it with its totals, as JSON values."""
        totals = {"waiting": self.waiting, "running": self.running, "per_hour": self.per_hour}
        return {**self.model_dump(mode="json"), **totals}


def job_seconds(reading: QueueReading, *, now: datetime) -> float | None:
    """Return how long a job of a queue takes, in seconds; none, if nothing tells.

    The mean of those that have succeeded in the last `SAMPLE`. Where none has, twice the mean age of those at work: a
    job of constant length that is looked at at a random moment is half through.
    """
    lately = [job for job in reading.ended if now - job.stopped_at <= SAMPLE]
    if lately:
        return fmean(max(0.0, (job.stopped_at - job.started_at).total_seconds()) for job in lately)
    ages = [(now - job.since).total_seconds() for job in reading.of(Status.RUNNING)]
    return 2 * max(0.0, fmean(ages)) if ages else None


def time_to_drain(*, waiting: int, running: int, job_s: float | None) -> float | None:
    """Return the seconds until a queue is empty, if nothing more comes: ``(waiting / running + 1 / 2) * job_s``.

    By Little's law (Little, *A Proof for the Queuing Formula L = λW*, Operations Research 9(3), 1961) ``running`` jobs
    at work that take ``job_s`` each leave at a rate of ``running / job_s``; those at work are half through.

    It leaves out that the farm may get more machines, or lose some, which it does as a backlog grows; that jobs
    differ in length and size; that other queues take from the same machines; failures; and what has not been submitted:
    a workflow keeps only so many of a title's jobs in the queue. None, if nothing is at work: then there is no rate.
    """
    if not waiting and not running:
        return 0.0
    if not running or job_s is None:
        return None
    return (waiting / running + 1 / 2) * job_s


def heartbeats(records: Iterable[JobRecord]) -> dict[str, datetime]:
    """Return when each worker was last heard of, by the id of its Batch job."""
    heard: dict[str, datetime] = {}
    for record in records:
        for attempt in record.attempts:
            job_id = attempt.worker.batch_job
            heard[job_id] = max(attempt.seen_at, heard.get(job_id, attempt.seen_at))
    return heard


def suspects(readings: Iterable[QueueReading], patience: Patience, *, now: datetime) -> tuple[ActiveJob, ...]:
    """Return the encodes that have been at work for so long that they may be silent, the oldest first.

    Only of these a claim has to be looked for: a younger job cannot have been silent for longer than it runs.
    """
    found = (
        job
        for reading in readings
        for job in reading.of(Status.RUNNING)
        if job.version_id and now - job.since > patience.heartbeat
    )
    return tuple(sorted(found, key=lambda job: job.since))


def slow_starters(readings: Iterable[QueueReading], patience: Patience, *, now: datetime) -> tuple[ActiveJob, ...]:
    """Return the jobs that may have been starting for too long: Batch does not say since when."""
    return tuple(
        job for reading in readings for job in reading.of(Status.STARTING) if now - job.since > patience.starting
    )


def report(
    readings: Sequence[QueueReading],
    *,
    patience: Patience,
    now: datetime,
    heard: Mapping[str, datetime],
    known_versions: frozenset[str],
    tasks: Mapping[str, datetime],
) -> tuple[QueueReport, ...]:
    """Return how each queue is.

    Parameters
    ----------
    heard
        `heartbeats` of the suspects' versions.
    known_versions
        The versions whose claims could be read. Of others nothing is known, and nothing is silent.
    tasks
        When the task of a job that is starting was made, by the id of the job; of a job that is not in it nothing is
        known.
    """
    moving = any(_moves(reading, patience, now=now) for reading in readings)
    silent = {job.job_id: job for job in suspects(readings, patience, now=now) if job.version_id in known_versions}

    def stuck(reading: QueueReading, job: ActiveJob) -> StuckJob | None:
        match job.status:
            case Status.RUNNING if job.job_id in silent:
                found = _silent(job, heard.get(job.job_id), patience, now=now)
            case Status.STARTING if job.job_id in tasks:
                found = _starting(tasks[job.job_id], patience, now=now)
            case Status.RUNNABLE:
                found = _blocked(job, reading, patience, now=now, moving=moving)
            case _:
                found = None
        if found is None:
            return None
        kind, since, why = found
        seconds = (now - since).total_seconds()
        return StuckJob(job_id=job.job_id, name=job.name, queue=reading.queue, kind=kind, seconds=seconds, why=why)

    return tuple(
        _report(reading, tuple(filter(None, (stuck(reading, job) for job in reading.active))), now=now)
        for reading in readings
    )


def to_end(reports: Sequence[QueueReport]) -> tuple[StuckJob, ...]:
    """Return which stuck jobs to end in this round: the longest stuck first, and only so many.

    A broken watch must not stop a farm that works. A store that takes no heartbeats, or a clock that is wrong, makes
    every job look silent: if more than `WIDESPREAD` of those with a machine do, one is ended, which costs little
    if it is a mistake, and helps, a round after the other, if it is not. For that, those count that are not ended
    because of what they do.
    """
    found = sorted(
        (job for queue in reports for job in queue.stuck if job.kind.ended), key=lambda job: job.seconds, reverse=True
    )
    widespread = len(found) > WIDESPREAD * sum(queue.running for queue in reports)
    return tuple(job for job in found if job.ended)[: MOST_ENDED_IF_WIDESPREAD if widespread else MOST_ENDED]


def _report(reading: QueueReading, stuck: tuple[StuckJob, ...], *, now: datetime) -> QueueReport:
    depth = {status: len(reading.of(status)) for status in Status}
    job_s = job_seconds(reading, now=now)
    waits = [(now - job.since).total_seconds() for job in reading.of(Status.RUNNABLE)]
    return QueueReport(
        queue=reading.queue,
        depth=depth,
        oldest_wait_s=max(0.0, *waits, 0.0),
        job_s=job_s,
        drain_s=time_to_drain(
            waiting=sum(count for status, count in depth.items() if status.waits),
            running=sum(count for status, count in depth.items() if not status.waits),
            job_s=job_s,
        ),
        complete=reading.complete,
        stuck=stuck,
    )


_Found = tuple[StuckKind, datetime, str]


def _silent(job: ActiveJob, heard: datetime | None, patience: Patience, *, now: datetime) -> _Found | None:
    # An attempt before this one was heard of before this one began.
    since = max(heard or job.since, job.since)
    if now - since <= patience.heartbeat:
        return None
    what = "its worker was last heard of" if heard and heard >= job.since else "it has claimed nothing since it began"
    return StuckKind.SILENT, since, f"{what} at {_clock(since)}, more than {patience.heartbeat_minutes} minutes ago"


def _starting(made: datetime, patience: Patience, *, now: datetime) -> _Found | None:
    if now - made <= patience.starting:
        return None
    why = f"its task was made at {_clock(made)}, and has not started in {patience.starting_minutes} minutes"
    return StuckKind.STARTING, made, why


def _blocked(
    job: ActiveJob, reading: QueueReading, patience: Patience, *, now: datetime, moving: bool
) -> _Found | None:
    """Tell a job that waits in vain from one that waits for its turn.

    Batch names a reason for the job that blocks the head of a queue ("Jobs stuck in a RUNNABLE status", AWS Batch User
    Guide). A misconfigured one waits in vain whatever the others do. With any other reason, or none, a queue of
    which jobs are started has a backlog, and no fault.
    """
    if now - job.since <= patience.runnable:
        return None
    said = job.reason or ""
    if said.startswith(_MISCONFIGURED):
        return StuckKind.MISCONFIGURED, job.since, f"AWS Batch says: {said}"
    if _starts(reading, patience, now=now):
        return None
    if said.startswith(_BLOCKED):
        return StuckKind.NO_CAPACITY, job.since, f"AWS Batch says: {said}"
    if moving:
        # Its machines may be at work for a queue that goes before it.
        return None
    why = f"nothing of the farm has been started in {patience.runnable_minutes} minutes, and AWS Batch says no reason"
    return StuckKind.UNEXPLAINED, job.since, why


def _starts(reading: QueueReading, patience: Patience, *, now: datetime) -> bool:
    """Return whether a job of the queue was started lately, or is being started."""
    began = [job.since for job in reading.of(Status.RUNNING)] + [job.started_at for job in reading.ended]
    return bool(reading.of(Status.STARTING)) or any(now - moment <= patience.runnable for moment in began)


def _moves(reading: QueueReading, patience: Patience, *, now: datetime) -> bool:
    return bool(reading.of(Status.RUNNING)) or _starts(reading, patience, now=now)


def _clock(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}Z"
