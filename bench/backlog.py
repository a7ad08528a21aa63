"""Many small titles at once: each is encoded, originals first. ``python -m bench.backlog`` queues 500.

A title is a clip of four seconds and 360 lines: few jobs, and hardly any picture, so that what is left is
orchestration.

**Orchestration** is, a job, the time that the slots stood empty: (slots x wall clock - the sum of the jobs' containers'
seconds, each times its vCPUs) / jobs. **Start and end** is, a job, what its container took besides the work: its
seconds less those from its claim to its commit, that is to start Python and to move the result. Functions and the
embedded cloud itself run on the same processors: what they take makes the jobs longer, and is not seen here.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from bench.announcements import Announcements
from bench.footprint import Footprint
from bench.queueing import QueuedJob, out_of_turn
from bench.row import Row
from lambdas.common.media import Priority
from lambdas.encoding.job_store import JobStore
from sandbox.demo import Demo, Up
from sandbox.deployed import Deployed
from sandbox.film import render_sample

TITLES = 500
_ROW_TITLES = 20
_ORIGINAL_EVERY = 5
_SLOTS = os.cpu_count() or 1
_ON_THE_WAY_S = 1.0
"""A job is in the queue a moment before the scheduler has it."""
_PATIENCE_S = 60.0
"""A title."""
_ENTRIES_A_CALL, _JOBS_A_CALL = 10, 100
_MOST_EVENTS, _LARGEST_STATE = 25_000, 256 * 1024
"""Of an execution, by Step Functions' own limits."""


class BacklogError(Exception):
    """A title was lost or failed, an original was passed over, or something was too large."""


@dataclass(frozen=True)
class FarmJob(QueuedJob):
    """One job, what its container took (seconds times vCPUs), and why it failed, if it did."""

    slot_s: float
    failure: str | None


@dataclass(frozen=True, kw_only=True)
class Backlog:
    """What became of many titles that were accepted at once."""

    titles: int
    seconds: float
    """From the first announcement to the last end."""
    ends: Mapping[str, int]
    """How many ends there were, by version."""
    failed: int
    jobs: tuple[FarmJob, ...]
    late: str
    """The version of the original that came when all others were done."""
    late_s: float
    """From its announcement to its end; without either, infinite."""
    worked_s: float
    """From claim to commit, times vCPUs, all jobs together."""
    events: int
    """In the longest history of an execution."""
    state_bytes: int
    """Of the largest state."""

    @property
    def lost(self) -> int:
        """Titles without an end, as long as was waited."""
        return self.titles - len(self.ends)

    @property
    def twice(self) -> int:
        """Ends beyond the one that each title has."""
        return sum(count - 1 for count in self.ends.values())

    @property
    def passed_over(self) -> int:
        """How often an original's job waited for a licensed title's that began later."""
        return len(out_of_turn(self.jobs, tolerance_s=_ON_THE_WAY_S))

    @property
    def overtaken(self) -> int:
        """How many jobs of licensed titles waited before the late original was queued, and after it had begun."""
        late = [job for job in self.jobs if job.version_id == self.late]
        if not late:
            return 0
        queued, started = min(job.queued for job in late), min(job.started for job in late)
        return sum(
            job.priority is Priority.LICENSED and job.queued < queued and started < job.started for job in self.jobs
        )

    @property
    def orchestration_s(self) -> float:
        """Of empty slots, a job."""
        return (_SLOTS * self.seconds - sum(job.slot_s for job in self.jobs)) / len(self.jobs)

    @property
    def start_and_end_s(self) -> float:
        """Of a container besides its work, a job."""
        return (sum(job.slot_s for job in self.jobs) - self.worked_s) / len(self.jobs)

    def require(self) -> None:
        """Hold that every title was packaged once, and that no original was passed over.

        Raises
        ------
        BacklogError
            If that is not so, if the late original had nothing to overtake, or if an execution came near a limit.
        """
        faults = {
            "lost": self.lost,
            "twice": self.twice,
            "failed": self.failed,
            "jobs failed": len(failures := [job.failure for job in self.jobs if job.failure]),
            "passed over": self.passed_over,
            "nothing to overtake": int(not self.overtaken),
            "half of the largest history": int(self.events > _MOST_EVENTS / 2),
            "half of the largest state": int(self.state_bytes > _LARGEST_STATE / 2),
        }
        if any(faults.values()):
            found = [f"{count} {what}" for what, count in faults.items() if count]
            raise BacklogError(f"{self}: {', '.join([*found, *failures])}")

    def __str__(self) -> str:
        """What is printed of it."""
        return (
            f"{self.titles} titles, {len(self.jobs)} jobs at once: {self.lost} lost, {self.twice} twice, "
            f"{self.failed} failed, {self.passed_over} passed over; a late original overtook {self.overtaken} jobs; "
            f"a job {self.orchestration_s:.2f} s of orchestration, {self.start_and_end_s:.2f} s to start and end"
        )


def queue(platform: Deployed, *, accepted: Mapping[str, Any], titles: int, prefix: str) -> Backlog:
    """Announce the source of `accepted`, a ``SourceAccepted``, as `titles` titles at once, and wait for their ends.

    Every fifth is an original. One more original comes when those are done, and the licensed titles wait.

    Parameters
    ----------
    prefix
        How their deliveries' and titles' names begin: no two backlogs of one platform may share it.
    """
    crowd = [
        _renamed(
            accepted, f"{prefix}-{number:04}", Priority.LICENSED if number % _ORIGINAL_EVERY else Priority.ORIGINAL
        )
        for number in range(titles - 1)
    ]
    late = _renamed(accepted, f"{prefix}-late", Priority.ORIGINAL)
    priorities = {entry["version_id"]: Priority(entry["priority"]) for entry in (*crowd, late)}
    before_late = {entry["version_id"] for entry in crowd if entry["priority"] == Priority.ORIGINAL}
    listening = Announcements(
        platform,
        name=f"ends-{prefix}",
        detail_types=("VersionPackaged", "PipelineFailed"),
        detail={"delivery_id": [{"prefix": f"{prefix}-"}]},
    )
    ends: Counter[str] = Counter()
    failed, late_began, late_ended = 0, 0.0, float("inf")
    begun = time.monotonic()
    _announce(platform, crowd)
    while len(ends) < titles and time.monotonic() - begun < titles * _PATIENCE_S:
        for event in listening.take():
            ends[event["version_id"]] += 1
            failed += "error" in event
            if event["version_id"] == late["version_id"]:
                late_ended = time.monotonic()
        if not late_began and before_late <= ends.keys():
            late_began = time.monotonic()
            _announce(platform, [late])
    seconds = time.monotonic() - begun
    # What comes twice comes late: until nothing comes any more.
    while more := list(listening.take()):
        ends.update(event["version_id"] for event in more)
    events, state_bytes = _largest(platform, ends)
    return Backlog(
        titles=titles,
        seconds=seconds,
        ends=ends,
        failed=failed,
        jobs=tuple(_jobs(platform, priorities)),
        late=late["version_id"],
        late_s=late_ended - late_began,
        worked_s=_worked(platform, priorities),
        events=events,
        state_bytes=state_bytes,
    )


def _renamed(accepted: Mapping[str, Any], name: str, priority: Priority) -> dict[str, Any]:
    return {
        **accepted,
        "version_id": f"v{hashlib.sha256(name.encode()).hexdigest()[:16]}",
        "delivery_id": name,
        "title": {**accepted["title"], "title_id": name, "name": name},
        "priority": priority.value,
    }


def _announce(platform: Deployed, sources: Sequence[Mapping[str, Any]]) -> None:
    events, bus = platform.client("events"), f"{platform.namespace}-{platform.profile}"
    entries = [
        {
            "Source": "marquee.ingestion",
            "DetailType": "SourceAccepted",
            "Detail": json.dumps(source),
            "EventBusName": bus,
        }
        for source in sources
    ]
    for first in range(0, len(entries), _ENTRIES_A_CALL):
        if events.put_events(Entries=entries[first : first + _ENTRIES_A_CALL])["FailedEntryCount"]:
            raise BacklogError("the bus did not take every announcement")


def _jobs(platform: Deployed, priorities: Mapping[str, Priority]) -> Iterator[FarmJob]:
    """Yield the jobs that have ended, whatever queue they were on; one that was tried again is as many jobs."""
    batch = platform.client("batch")
    ids = [
        job["jobId"]
        for described in batch.describe_job_queues()["jobQueues"]
        for status in ("SUCCEEDED", "FAILED")
        for page in batch.get_paginator("list_jobs").paginate(jobQueue=described["jobQueueName"], jobStatus=status)
        for job in page["jobSummaryList"]
        if _version_of(job) in priorities
    ]
    for first in range(0, len(ids), _JOBS_A_CALL):
        for job in batch.describe_jobs(jobs=ids[first : first + _JOBS_A_CALL])["jobs"]:
            version_id = _version_of(job)
            vcpus = {entry["type"]: float(entry["value"]) for entry in job["container"]["resourceRequirements"]}["VCPU"]
            yield FarmJob(
                version_id=version_id,
                priority=priorities[version_id],
                queued=job["createdAt"] / 1000,
                started=job.get("startedAt", job["createdAt"]) / 1000,
                slot_s=vcpus * sum(attempt["stoppedAt"] - attempt["startedAt"] for attempt in job["attempts"]) / 1000,
                failure=None if job["status"] == "SUCCEEDED" else _failure(platform, job),
            )


def _failure(platform: Deployed, job: Mapping[str, Any]) -> str:
    """Return what is known of a job that failed: its name, AWS Batch's reasons, and its last words."""
    container = job["attempts"][-1]["container"] if job["attempts"] else {}
    said = (
        platform.client("logs").get_log_events(
            logGroupName=job["container"]["logConfiguration"]["options"]["awslogs-group"],
            logStreamName=container["logStreamName"],
        )["events"]
        if "logStreamName" in container
        else []
    )
    known = (job["jobName"], job.get("statusReason"), container.get("reason"), container.get("exitCode"))
    return " | ".join(str(part) for part in (*known, *(event["message"] for event in said[-1:])) if part is not None)


def _version_of(job: Mapping[str, Any]) -> str:
    return str(job["jobName"]).partition("-")[0]


def _worked(platform: Deployed, versions: Iterable[str]) -> float:
    records = JobStore(platform.output("encoding", "JobsTable"), dynamodb=platform.client("dynamodb"))
    jobs = (job for version in versions for job in records.of_version(version))
    return sum(attempt.vcpu_seconds for job in jobs for attempt in job.attempts)


def _largest(platform: Deployed, versions: Iterable[str]) -> tuple[int, int]:
    """Return the events of the longest execution, and the bytes of the largest state that one entered or left."""
    states, machine = platform.client("stepfunctions"), platform.output("encoding", "WorkflowArn")
    events = state_bytes = 0
    for version in versions:
        arn = f"{machine.replace(':stateMachine:', ':execution:')}:{version}"
        pages = states.get_paginator("get_execution_history").paginate(executionArn=arn)
        history = [event for page in pages for event in page["events"]]
        events = max(events, len(history))
        sizes = (
            len(details.get(said, "").encode())
            for event in history
            for name, details in event.items()
            if name in {"stateEnteredEventDetails", "stateExitedEventDetails"}
            for said in ("input", "output")
        )
        state_bytes = max(state_bytes, max(sizes, default=0))
    return events, state_bytes


def _accepted(demo: Demo, up: Up, folder: Path) -> dict[str, Any]:
    """Return what ingestion said of the smallest film that it accepts, once that is published."""
    film = render_sample(folder / "film", seconds=4, height=360, cache=False)
    version = demo.publish(up, film).outcome.version_id
    machine = up.platform.output("encoding", "WorkflowArn")
    arn = f"{machine.replace(':stateMachine:', ':execution:')}:{version}"
    accepted: dict[str, Any] = json.loads(
        up.platform.client("stepfunctions").describe_execution(executionArn=arn)["input"]
    )
    return accepted


def rows() -> Iterator[Row]:
    """Measure twenty titles, beside what their jobs worked.

    Raises
    ------
    BacklogError
        As `Backlog.require` does.
    """
    with tempfile.TemporaryDirectory() as name:
        demo = Demo(console=Console(quiet=True), work_dir=Path(name))
        with demo.up() as up:
            accepted = _accepted(demo, up, Path(name))
            result = queue(up.platform, accepted=accepted, titles=_ROW_TITLES, prefix="row")
    result.require()
    yield Row(
        what=str(result),
        ours_s=result.seconds,
        peer=f"what the jobs worked from claim to commit, {_SLOTS} at a time",
        peer_s=result.worked_s / _SLOTS,
    )


def main(titles: int = TITLES) -> None:
    """Queue a tenth of `titles`, then all of them, in one embedded cloud; print both, and what it held in memory."""
    console = Console(width=140)
    with tempfile.TemporaryDirectory() as name:
        demo = Demo(console=console, work_dir=Path(name))
        with demo.up() as up:
            accepted = _accepted(demo, up, Path(name))
            for count in (titles // 10, titles):
                with Footprint(Path(name) / "cloud") as held:
                    result = queue(up.platform, accepted=accepted, titles=count, prefix=f"of-{count}")
                console.print(
                    f"{result}; all in {result.seconds:.0f} s, the late original in {result.late_s:.0f} s; "
                    f"at most {result.events} events an execution and {result.state_bytes} bytes a state; "
                    f"the server took {held.server_cpu_s / len(result.jobs):.2f} s of a processor a job, and held at "
                    f"most {held.server_mib:.0f} MiB, {held.grown_mib / count * 1024:.0f} KiB more a title, "
                    f"and {held.threads} threads; its functions held {held.functions_mib:.0f} MiB"
                )
                result.require()


if __name__ == "__main__":
    main()
