"""The local Batch scheduler: queues, slots, attempts.

One thread picks jobs that may run; each attempt runs in a thread of its own. A single lock guards all jobs.
"""

import logging
import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import uuid4

from sandbox.extension.batch.arrays import state_of_parent
from sandbox.extension.batch.capacity import Capacity, Placement, QueueLimits
from sandbox.extension.batch.job import FINAL, Attempt, Job, now_ms
from sandbox.extension.batch.log import LogStream
from sandbox.extension.batch.process import EXITED, HOST_LOST, TASK_LOST, TIMED_OUT, ContainerProcess
from sandbox.extension.batch.retry import should_retry
from sandbox.extension.workspace import Workspace

logger = logging.getLogger("marquee.batch")

STATE_CHANGE: Final = "Batch Job State Change"
QUEUE_BLOCKED: Final = "Batch Job Queue Blocked"

_STOP_SECONDS: Final = 5.0
_FIRST_LOOK_SECONDS: Final = 0.25
_LAST_LOOK_SECONDS: Final = 5.0
_SHUT_DOWN_GRACE_SECONDS: Final = 0.5
_OVERDUE: Final = "Canceled by JobStateTimeLimit action due to reason: {reason}"


class NotOnSpotError(Exception):
    """A job whose machine should be taken away does not run on spot capacity."""


@dataclass
class _Step:
    """What the dispatcher has found that can happen now."""

    moves: list[tuple[Job, str, str | None]] = field(default_factory=list)
    starts: list[Job] = field(default_factory=list)
    blocked: list[tuple[Job, dict[str, Any]]] = field(default_factory=list)
    next_look: float | None = None
    """When, in seconds of the monotonic clock, a blocked job's time is over."""

    def __bool__(self) -> bool:
        return bool(self.moves or self.starts or self.blocked)

    def look_by(self, moment: float) -> None:
        """Look again by then."""
        self.next_look = moment if self.next_look is None else min(self.next_look, moment)


class Scheduler:
    """Runs submitted jobs as local processes.

    Parameters
    ----------
    workspace
        Where scratch folders go.
    find_queue
        Looks a job's queue up; ``None`` when it was deleted.
    announce
        Called, without the lock, with the type of an event, a job and its detail: after every change of status, and
        when a job blocks its queue.
    environment
        The endpoint and credentials that every job gets, by region.
    capacity
        What jobs may use together; by default, this machine.
    """

    def __init__(
        self,
        *,
        workspace: Workspace,
        find_queue: Callable[[Job], QueueLimits | None],
        announce: Callable[[str, Job, dict[str, Any]], None],
        environment: Callable[[str], dict[str, str]],
        capacity: Capacity | None = None,
    ) -> None:
        self._workspace = workspace
        self._find_queue = find_queue
        self._announce = announce
        self._environment = environment
        self._capacity = capacity or Capacity()
        self._jobs: dict[str, Job] = {}
        self._open: dict[str, Job] = {}
        """Those that have not ended, but for array jobs, of which only the children run."""
        self._processes: dict[str, ContainerProcess] = {}
        self._changed = threading.Condition()
        self._stopping = False
        self._dispatcher: threading.Thread | None = None

    def submit(self, job: Job) -> None:
        """Accept a job, with its children if it is an array; it starts when what it waits for is there."""
        for each in (job, *job.children):
            each.on_host = self._capacity.on_host(job.asked, job_name=job.name)
        with self._changed:
            self._jobs[job.job_id] = job
            self._jobs |= {child.job_id: child for child in job.children}
        # Announced before anything of it can start: an event of a later state never comes first.
        for each in (job, *job.children):
            self._move(each, "SUBMITTED")
        with self._changed:
            self._open |= {each.job_id: each for each in job.children or [job] if each.status not in FINAL}
            if self._dispatcher is None:
                self._dispatcher = threading.Thread(target=self._dispatch, name="batch-dispatcher", daemon=True)
                self._dispatcher.start()
            self._changed.notify_all()

    def find(self, job_id: str) -> Job | None:
        """A job by its id, or ``None``."""
        with self._changed:
            return self._jobs.get(job_id)

    def detail(self, job_id: str) -> dict[str, Any] | None:
        """A consistent view of one job, or ``None``."""
        with self._changed:
            job = self._jobs.get(job_id)
            return job.detail() if job else None

    def jobs(self) -> list[Job]:
        """All jobs, oldest first."""
        with self._changed:
            return list(self._jobs.values())

    def wait(self, job_id: str, *, until: Callable[[], bool]) -> dict[str, Any]:
        """Block until a job has ended, or until ``until`` says to give up: the longer it waits, the rarer it looks."""
        job = self._jobs[job_id]
        pause = _FIRST_LOOK_SECONDS
        # An event of its own: thousands may wait, and not all of them need be woken whenever any job moves.
        while not job.ended.wait(pause) and not until():
            pause = min(_LAST_LOOK_SECONDS, pause * 1.5)
        with self._changed:
            return job.detail()

    def look_again(self) -> None:
        """Tell the dispatcher that a queue or a compute environment has changed."""
        with self._changed:
            self._changed.notify_all()

    def terminate(self, job_id: str, *, reason: str) -> None:
        """End a job, running or not (TerminateJob); of an array, all its children."""
        self._stop(job_id, reason=reason, only_waiting=False)

    def cancel(self, job_id: str, *, reason: str) -> None:
        """End a job that has not started (CancelJob); one that has is left alone, as on AWS."""
        self._stop(job_id, reason=reason, only_waiting=True)

    def reclaim(self, *, notice_seconds: float, job_id: str | None = None, count: int = 1) -> list[str]:
        """Take spot machines away from running jobs, and return the ids of those.

        Parameters
        ----------
        notice_seconds
            What a job has from SIGTERM to SIGKILL, in place of AWS's two minutes.
        job_id
            Whose machine; by default those of the jobs that have run longest.
        count
            How many machines, where no job is named.

        Raises
        ------
        NotOnSpotError
            If the job that was named does not run, or not on spot capacity.
        """
        with self._changed:
            found = [
                job
                for key, job in self._open.items()
                if job.status == "RUNNING" and key in self._processes and job.placement is not None
                if job.placement.environment.is_spot
            ]
            if job_id is not None:
                found = [job for job in found if job.job_id == job_id]
                if not found:
                    raise NotOnSpotError(f"Job {job_id} does not run on spot capacity")
            chosen = sorted(found, key=lambda job: job.started_at or 0)[:count]
            processes = [self._processes[job.job_id] for job in chosen]
        for process in processes:
            process.reclaim(notice_seconds=notice_seconds)
        return [job.job_id for job in chosen]

    def shut_down(self) -> None:
        """Stop every process and start none."""
        with self._changed:
            self._stopping = True
            processes = list(self._processes.values())
            self._changed.notify_all()
        for process in processes:
            process.stop("The embedded cloud is shutting down", grace_seconds=_SHUT_DOWN_GRACE_SECONDS)
        deadline = time.monotonic() + _STOP_SECONDS
        with self._changed:
            while self._processes and time.monotonic() < deadline:
                self._changed.wait(timeout=deadline - time.monotonic())

    def _stop(self, job_id: str, *, reason: str, only_waiting: bool) -> None:
        with self._changed:
            job = self._jobs.get(job_id)
            if job is None or job.status in FINAL:
                return
            process = self._processes.get(job_id)
            started = job.status in {"STARTING", "RUNNING"}
            if started and only_waiting:
                return
            job.is_cancelled = only_waiting
            job.is_terminated = not only_waiting
            job.stop_reason = reason
            children = list(job.children)
        if children:
            for child in children:
                self._stop(child.job_id, reason=reason, only_waiting=only_waiting)
        elif not started:
            self._move(job, "FAILED", reason=reason)
        elif process is not None:
            process.stop(reason)

    def _move(self, job: Job, status: str, *, reason: str | None = None) -> None:
        with self._changed:
            if job.status in FINAL:
                return
            job.status = status
            job.status_reason = reason
            job.blocked_reason = None
            if status in FINAL:
                job.stopped_at = now_ms()
                self._open.pop(job.job_id, None)
            detail = job.detail()
            parent = self._jobs.get(job.parent_id or "")
            follows = None if parent is None else self._state_after(parent, status)
            self._changed.notify_all()
        if status in FINAL:
            job.ended.set()
        self._tell(STATE_CHANGE, job, detail)
        if parent is not None and follows is not None:
            self._move(parent, follows[0], reason=follows[1])

    def _tell(self, kind: str, job: Job, detail: dict[str, Any]) -> None:
        try:
            self._announce(kind, job, detail)
        except Exception:
            logger.exception("Batch: %s of job %s was not announced", kind, job.job_id)

    def _state_after(self, parent: Job, status: str) -> tuple[str, str | None] | None:
        """What becomes of an array job when one of its children gets a status; nothing, if it stays what it is."""
        if status in FINAL:
            parent.ended_children += 1
            return state_of_parent(parent) if parent.ended_children == len(parent.children) else None
        return ("PENDING", None) if status == "RUNNABLE" and parent.status == "SUBMITTED" else None

    def _dispatch(self) -> None:
        while True:
            with self._changed:
                while not self._stopping and not (step := self._plan()):
                    wait = None if step.next_look is None else max(0.0, step.next_look - time.monotonic())
                    self._changed.wait(timeout=wait)
                if self._stopping:
                    return
            for job, status, reason in step.moves:
                self._move(job, status, reason=reason)
            for job, detail in step.blocked:
                self._tell(QUEUE_BLOCKED, job, detail)
            for job in step.starts:
                threading.Thread(target=self._run_attempt, args=(job,), name=f"batch-{job.job_id}", daemon=True).start()

    def _plan(self) -> _Step:
        """Find what can happen now."""
        step = _Step()
        for job in self._open.values():
            if job.status in {"SUBMITTED", "PENDING"}:
                step.moves.extend(self._after_dependencies(job))
        self._place(step)
        for job in step.starts:
            job.status = "STARTING"
        return step

    def _after_dependencies(self, job: Job) -> list[tuple[Job, str, str | None]]:
        states = [self._jobs[other].status if other in self._jobs else "FAILED" for other in job.depends_on]
        if "FAILED" in states:
            return [(job, "FAILED", "Dependent Job failed")]
        if all(state == "SUCCEEDED" for state in states):
            return [(job, "RUNNABLE", None)]
        return [(job, "PENDING", None)] if job.status == "SUBMITTED" else []

    def _place(self, step: _Step) -> None:
        """Start what fits, the most urgent first. A queue is blocked by its first job that cannot start."""
        if self._capacity.free.vcpus <= 0:
            # Nothing fits, and of thousands that wait none need be looked at before one that runs has ended.
            return
        limits: dict[str, QueueLimits | None] = {}
        waiting: list[tuple[Job, QueueLimits]] = []
        for job in self._open.values():
            if job.status == "RUNNABLE":
                if job.queue_arn not in limits:
                    limits[job.queue_arn] = self._find_queue(job)
                queue = limits[job.queue_arn]
                if queue is not None:
                    waiting.append((job, queue))
        while waiting:
            # Each start changes what its share uses, and so who is next.
            job, queue = entry = self._next(waiting)
            asked, on_host = job.asked, job.on_host or job.asked
            environment = self._capacity.environment_for(asked, queue)
            if environment is None:
                self._block(job, queue, step)
                waiting = [other for other in waiting if other[0].queue_arn != job.queue_arn]
                continue
            if not self._capacity.has_room(on_host):
                # Smaller jobs behind it must not starve the first that waits for the machine.
                break
            waiting.remove(entry)
            job.placement = Placement(
                environment=environment, asked=asked, on_host=on_host, share=(job.queue_arn, job.share_identifier)
            )
            self._capacity.take(job.placement)
            step.starts.append(job)

    def _block(self, job: Job, queue: QueueLimits, step: _Step) -> None:
        """Say why the first job of a queue cannot start, or cancel it where it has been so for too long."""
        reason, now = queue.blocked_reason(job.asked), time.monotonic()
        if reason != job.blocked_reason:
            job.blocked_reason = job.status_reason = reason
            job.blocked_since = now
            if reason is not None:
                step.blocked.append((job, job.detail()))
        if reason is None:
            return
        name = reason.partition(" - ")[0]
        due = job.blocked_since + queue.time_limits.get(name, math.inf)
        if due <= now:
            job.is_cancelled = True
            step.moves.append((job, "FAILED", _OVERDUE.format(reason=name)))
        elif due < math.inf:
            step.look_by(due)

    def _next(self, waiting: list[tuple[Job, QueueLimits]]) -> tuple[Job, QueueLimits]:
        """Return whose turn it is: the most urgent queue's, of its shares the one that uses least, then by priority."""

        def share_turn(entry: tuple[Job, QueueLimits]) -> tuple[float, ...]:
            job, queue = entry
            used = 0.0
            if queue.weights is not None:
                used = self._capacity.share_use(queue=job.queue_arn, share=job.share_identifier)
            return (-queue.priority, used * queue.weight(job.share_identifier), job.created_at)

        first, queue = min(waiting, key=share_turn)
        if queue.weights is None:
            return first, queue
        share = (first.queue_arn, first.share_identifier)
        peers = [entry for entry in waiting if (entry[0].queue_arn, entry[0].share_identifier) == share]
        return min(peers, key=lambda entry: (-entry[0].scheduling_priority, entry[0].created_at))

    def _array_variables(self, job: Job) -> dict[str, str]:
        parent = self.find(job.parent_id or "")
        if parent is None:
            return {}
        return {
            "AWS_BATCH_JOB_ARRAY_INDEX": str(job.array_index),
            "AWS_BATCH_JOB_ARRAY_SIZE": str(parent.array_size),
        }

    def _run_attempt(self, job: Job) -> None:
        placement = job.placement
        if placement is None:
            raise RuntimeError(f"job {job.job_id} was started without a place")
        number = len(job.attempts) + 1
        job.log_stream = f"{job.log_prefix}/default/{uuid4().hex}"
        log = LogStream(account=job.account, region=job.region, group=job.log_group, stream=job.log_stream)
        process = ContainerProcess(
            command=job.command,
            environment={
                **self._environment(job.region),
                **job.environment,
                "AWS_BATCH_JOB_ID": job.job_id,
                "AWS_BATCH_JOB_ATTEMPT": str(number),
                "AWS_BATCH_JQ_NAME": job.queue_name,
                "AWS_BATCH_CE_NAME": placement.environment.name,
                **self._array_variables(job),
            },
            name=f"{job.job_id}-{number}",
            workspace=self._workspace,
            on_line=log.write,
            lost=TASK_LOST if placement.environment.on_fargate else HOST_LOST,
            memory_mib=placement.on_host.memory_mib or None,
        )
        with self._changed:
            self._processes[job.job_id] = process
            stop_reason = job.stop_reason
        if stop_reason is not None:
            process.stop(stop_reason)
        self._move(job, "STARTING")
        started = now_ms()
        job.started_at = started
        self._move(job, "RUNNING")
        outcome = process.run(timeout_seconds=job.timeout_seconds)
        log.flush()
        with self._changed:
            job.attempts.append(
                Attempt(started_at=started, stopped_at=now_ms(), outcome=outcome, log_stream=job.log_stream)
            )
            self._capacity.give_back(placement)
            job.placement = None
            del self._processes[job.job_id]
            again = (
                job.stop_reason is None
                and not self._stopping
                and outcome.status_reason != TIMED_OUT
                and should_retry(strategy=job.retry_strategy, attempts_made=number, outcome=outcome)
            )
            self._changed.notify_all()
        if outcome.exit_code == 0 and outcome.status_reason == EXITED:
            self._move(job, "SUCCEEDED", reason=outcome.status_reason)
        elif again:
            self._move(job, "RUNNABLE", reason=outcome.status_reason)
        else:
            self._move(job, "FAILED", reason=outcome.status_reason)
