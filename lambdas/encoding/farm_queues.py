"""The farm's queues and their jobs, on AWS Batch."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from lambdas.common.aws import client, transient_errors
from lambdas.encoding.watch import ActiveJob, EndedJob, QueueReading, Status

MOST_LISTED = 10_000
"""Jobs of a queue in one state; where there are more, a reading says that it is not complete."""
_AT_ONCE = 100
"""Jobs, or tasks, that can be described in one request."""

Description = dict[str, Any]


class FarmQueues:
    """Reads queues, by name and ARN, and ends jobs.

    Every method raises `TransientError` if AWS is throttling or away.
    """

    def __init__(self, queues: Mapping[str, str]) -> None:
        self._queues = queues

    @transient_errors()
    def readings(self) -> tuple[QueueReading, ...]:
        """Return what is in each queue now. A job that moves on while it is read counts where it was seen last."""
        return tuple(self._reading(name, arn) for name, arn in self._queues.items())

    @transient_errors()
    def tasks_made(self, jobs: Iterable[ActiveJob]) -> dict[str, datetime]:
        """Return when the ECS task of each job was made, by the job's id; of some it cannot be told.

        AWS Batch says when a job was submitted, and when its container began; what is between them, only ECS knows.
        """
        by_cluster: dict[str, dict[str, str]] = defaultdict(dict)
        for job in self.describe([job.job_id for job in jobs]):
            task = job.get("container", {}).get("taskArn")
            if task:
                # arn:aws:ecs:⟨region⟩:⟨account⟩:task/⟨cluster⟩/⟨id⟩
                by_cluster[task.split("/")[1]][task] = job["jobId"]
        return {
            ids[task["taskArn"]]: task["createdAt"].astimezone(UTC)
            for cluster, ids in by_cluster.items()
            for some in _parts(sorted(ids))
            for task in client("ecs").describe_tasks(cluster=cluster, tasks=some)["tasks"]
            if "createdAt" in task
        }

    @transient_errors()
    def describe(self, job_ids: Sequence[str]) -> list[Description]:
        """Return the jobs that AWS Batch still knows, as DescribeJobs has them."""
        return list(described(job_ids))

    @transient_errors()
    def named(self, name: str) -> list[Description]:
        """Return every job of a name that AWS Batch still knows, ended or not, the oldest first."""
        batch, asked = client("batch"), [{"name": "JOB_NAME", "values": [name]}]
        ids = [
            job["jobId"]
            for arn in self._queues.values()
            for page in batch.get_paginator("list_jobs").paginate(jobQueue=arn, filters=asked)
            for job in page["jobSummaryList"]
        ]
        return sorted(self.describe(ids), key=lambda job: int(job["createdAt"]))

    @transient_errors()
    def end(self, job_id: str, *, reason: str) -> None:
        """End a job, wherever it is; one that has ended stays as it is."""
        client("batch").terminate_job(jobId=job_id, reason=reason)

    def _reading(self, name: str, arn: str) -> QueueReading:
        found: dict[str, ActiveJob] = {}
        complete = True
        for status in Status:
            jobs = listed(arn, status.value)
            found |= {job["jobId"]: _active(job, status) for job in islice(jobs, MOST_LISTED)}
            complete = complete and next(jobs, None) is None
        ended = islice(listed(arn, "SUCCEEDED"), _AT_ONCE)
        return QueueReading(
            queue=name,
            active=tuple(found.values()),
            ended=tuple(
                EndedJob(started_at=_moment(job["startedAt"]), stopped_at=_moment(job["stoppedAt"]))
                for job in ended
                if job.get("startedAt") and job.get("stoppedAt")
            ),
            complete=complete,
        )


def listed(arn: str, status: str) -> Iterator[Description]:
    """Yield the jobs of a queue in a state, as ListJobs has them; ask only for what is taken."""
    pages = client("batch").get_paginator("list_jobs").paginate(jobQueue=arn, jobStatus=status)
    return (job for page in pages for job in page["jobSummaryList"])


def described(job_ids: Iterable[str]) -> Iterator[Description]:
    """Yield the jobs that AWS Batch still knows, as DescribeJobs has them; ask only for what is taken."""
    batch = client("batch")
    for some in _parts(job_ids):
        yield from batch.describe_jobs(jobs=some)["jobs"]


def _active(job: Description, status: Status) -> ActiveJob:
    return ActiveJob(
        job_id=job["jobId"],
        name=job["jobName"],
        status=status,
        reason=job.get("statusReason"),
        created_at=_moment(job["createdAt"]),
        started_at=_moment(job["startedAt"]) if job.get("startedAt") else None,
        stopped_at=_moment(job["stoppedAt"]) if job.get("stoppedAt") else None,
    )


def _moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, tz=UTC)


def _parts(ids: Iterable[str]) -> Iterator[list[str]]:
    rest = iter(ids)
    while some := list(islice(rest, _AT_ONCE)):
        yield some
