"""The local Batch scheduler: queues, slots, attempts.

One thread picks jobs that may run; each attempt runs in a thread of its own. A single lock guards all jobs.
"""

import logging
import threading
import time
from collections.abc import Callable
from typing import Any, Final
from uuid import uuid4

from sandbox.extension.batch.capacity import Capacity, QueueLimits
from sandbox.extension.batch.job import FINAL, Attempt, Job, now_ms
from sandbox.extension.batch.log import LogStream
from sandbox.extension.batch.process import EXITED, HOST_LOST, TASK_LOST, TIMED_OUT, ContainerProcess
from sandbox.extension.batch.retry import should_retry
from sandbox.extension.workspace import Workspace

logger = logging.getLogger("marquee.batch")

_STOP_SECONDS: Final = 5.0
_SHUT_DOWN_GRACE_SECONDS: Final = 0.5


class Scheduler:
    """Runs submitted jobs as local processes.

    Parameters
    ----------
    workspace
        Where scratch folders go.
    find_queue
        Looks a job's queue up; ``None`` when it was deleted.
    announce
        Called, without the lock, with a job and its detail after every change of status.
    environment
        The endpoint and credentials that every job gets, by region.
    """

    def __init__(
        self,
        *,
        workspace: Workspace,
        find_queue: Callable[[Job], QueueLimits | None],
        announce: Callable[[Job, dict[str, Any]], None],
        environment: Callable[[str], dict[str, str]],
    ) -> None:
        self._workspace = workspace
        self._find_queue = find_queue
        self._announce = announce
        self._environment = environment
        self._capacity = Capacity()
        self._jobs: dict[str, Job] = {}
        self._processes: dict[str, ContainerProcess] = {}
        self._changed = threading.Condition()
        self._stopping = False
        self._dispatcher: threading.Thread | None = None

    def submit(self, job: Job) -> None:
        """Accept a job; it starts when its dependencies have succeeded and processors are free."""
        with self._changed:
            job.charged_vcpus = self._capacity.request(job_name=job.name, vcpus=job.vcpus)
            self._jobs[job.job_id] = job
            if self._dispatcher is None:
                self._dispatcher = threading.Thread(target=self._dispatch, name="batch-dispatcher", daemon=True)
                self._dispatcher.start()
        self._move(job, "SUBMITTED")

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
        """Block until a job has ended, or until ``until`` says to give up (looked at twice a second)."""
        with self._changed:
            job = self._jobs[job_id]
            while job.status not in FINAL and not until():
                self._changed.wait(timeout=0.5)
            return job.detail()

    def terminate(self, job_id: str, *, reason: str) -> None:
        """End a job, running or not (TerminateJob)."""
        self._stop(job_id, reason=reason, only_waiting=False)

    def cancel(self, job_id: str, *, reason: str) -> None:
        """End a job that has not started (CancelJob); one that has is left alone, as on AWS."""
        self._stop(job_id, reason=reason, only_waiting=True)

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
        if not started:
            self._move(job, "FAILED", reason=reason)
        elif process is not None:
            process.stop(reason)

    def _move(self, job: Job, status: str, *, reason: str | None = None) -> None:
        with self._changed:
            if job.status in FINAL:
                return
            job.status = status
            job.status_reason = reason
            if status in FINAL:
                job.stopped_at = now_ms()
            detail = job.detail()
            self._changed.notify_all()
        try:
            self._announce(job, detail)
        except Exception:
            logger.exception("Batch: the state change of job %s was not announced", job.job_id)

    def _dispatch(self) -> None:
        while True:
            moves: list[tuple[Job, str, str | None]] = []
            starts: list[Job] = []
            with self._changed:
                while not self._stopping and not self._plan(moves, starts):
                    self._changed.wait()
                if self._stopping:
                    return
            for job, status, reason in moves:
                self._move(job, status, reason=reason)
            for job in starts:
                threading.Thread(target=self._run_attempt, args=(job,), name=f"batch-{job.job_id}", daemon=True).start()

    def _plan(self, moves: list[tuple[Job, str, str | None]], starts: list[Job]) -> bool:
        """Fill both lists with what can happen now; tell whether there is anything."""
        for job in self._jobs.values():
            if job.status in {"SUBMITTED", "PENDING"}:
                moves.extend(self._after_dependencies(job))
        starts.extend(self._startable())
        for job in starts:
            job.status = "STARTING"
        return bool(moves or starts)

    def _after_dependencies(self, job: Job) -> list[tuple[Job, str, str | None]]:
        states = [self._jobs[other].status if other in self._jobs else "FAILED" for other in job.depends_on]
        if "FAILED" in states:
            return [(job, "FAILED", "Dependent Job failed")]
        if all(state == "SUCCEEDED" for state in states):
            return [(job, "RUNNABLE", None)]
        return [(job, "PENDING", None)] if job.status == "SUBMITTED" else []

    def _startable(self) -> list[Job]:
        waiting = []
        for job in self._jobs.values():
            queue = self._find_queue(job) if job.status == "RUNNABLE" else None
            if queue is not None:
                waiting.append((job, queue))
        starts: list[Job] = []
        while waiting:
            # Each start changes what its share uses, and so who is next.
            job, queue = entry = self._next(waiting)
            waiting.remove(entry)
            vcpus = job.charged_vcpus
            if self._capacity.fits(queue=job.queue_arn, queue_limit=queue.max_vcpus, vcpus=vcpus):
                self._capacity.take(queue=job.queue_arn, share=job.share_identifier, vcpus=vcpus)
                starts.append(job)
            elif self._capacity.free < vcpus:
                # Smaller jobs behind it must not starve the first that waits for the machine.
                break
        return starts

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

    def _run_attempt(self, job: Job) -> None:
        queue = self._find_queue(job)
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
                "AWS_BATCH_CE_NAME": queue.compute_environment if queue else "",
            },
            name=f"{job.job_id}-{number}",
            workspace=self._workspace,
            on_line=log.write,
            lost=TASK_LOST if "fargatePlatformConfiguration" in job.container else HOST_LOST,
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
            self._capacity.give_back(queue=job.queue_arn, share=job.share_identifier, vcpus=job.charged_vcpus)
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
