"""One Batch job: what it runs, where it stands, and how DescribeJobs shows it."""

import re
import threading
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Any, Final, Self

from sandbox.extension.batch.capacity import Placement, Resources
from sandbox.extension.batch.retry import Outcome

FINAL: Final = frozenset({"SUCCEEDED", "FAILED"})
STATES: Final = ("SUBMITTED", "PENDING", "RUNNABLE", "STARTING", "RUNNING", "SUCCEEDED", "FAILED")

_PARAMETER: Final = re.compile(r"Ref::([A-Za-z0-9_-]+)")


def now_ms() -> int:
    """Milliseconds since the epoch, Batch's unit of time."""
    return int(time.time() * 1000)


@dataclass(frozen=True)
class Attempt:
    """One run of a job's container."""

    started_at: int
    stopped_at: int
    outcome: Outcome
    log_stream: str

    def shape(self) -> dict[str, Any]:
        """Batch's ``AttemptDetail``."""
        container: dict[str, Any] = {"logStreamName": self.log_stream, "networkInterfaces": []}
        if self.outcome.exit_code is not None:
            container["exitCode"] = self.outcome.exit_code
        if self.outcome.reason:
            container["reason"] = self.outcome.reason
        return {
            "container": container,
            "startedAt": self.started_at,
            "stoppedAt": self.stopped_at,
            "statusReason": self.outcome.status_reason,
        }


@dataclass
class Job:
    """A submitted job. The scheduler's lock guards every change to it."""

    account: str
    region: str
    job_id: str
    arn: str
    name: str
    queue_name: str
    queue_arn: str
    definition_arn: str
    definition_name: str
    container: dict[str, Any]
    parameters: dict[str, str]
    retry_strategy: dict[str, Any]
    timeout_seconds: int | None
    depends_on: list[str]
    tags: dict[str, str]
    scheduling_priority: int = 0
    share_identifier: str | None = None
    array_size: int | None = None
    """Of a job that only stands for its children."""
    array_index: int | None = None
    """Of such a child."""
    children: list["Job"] = field(default_factory=list)
    ended_children: int = 0
    on_host: Resources | None = None
    """What it is given of this machine."""
    placement: Placement | None = None
    """Where it is charged, from the start of an attempt to its end."""
    blocked_reason: str | None = None
    """Why it, at the head of its queue, cannot start."""
    blocked_since: float = 0.0
    """When that began, in seconds of the monotonic clock."""
    status: str = "SUBMITTED"
    status_reason: str | None = None
    created_at: int = field(default_factory=now_ms)
    started_at: int | None = None
    stopped_at: int | None = None
    attempts: list[Attempt] = field(default_factory=list)
    log_stream: str = ""
    stop_reason: str | None = None
    is_cancelled: bool = False
    is_terminated: bool = False
    ended: threading.Event = field(default_factory=threading.Event, init=False)

    def child(self, index: int, *, depends_on: list[str]) -> Self:
        """One of the jobs that an array job stands for."""
        return replace(
            self,
            job_id=f"{self.job_id}:{index}",
            arn=f"{self.arn}:{index}",
            array_size=None,
            array_index=index,
            depends_on=depends_on,
            children=[],
            attempts=[],
        )

    @property
    def parent_id(self) -> str | None:
        """The array job that it is a child of."""
        return None if self.array_index is None else self.job_id.rpartition(":")[0]

    @property
    def command(self) -> list[str]:
        """The container's command, with ``Ref::name`` replaced by the job's parameters."""
        return [
            _PARAMETER.sub(lambda match: self.parameters.get(match[1], match[0]), str(word))
            for word in self.container.get("command") or []
        ]

    @property
    def environment(self) -> dict[str, str]:
        """The container's own environment variables."""
        return {entry["name"]: str(entry.get("value", "")) for entry in self.container.get("environment", [])}

    @property
    def asked(self) -> Resources:
        """The processors (Fargate allows fractions) and the memory asked for; 0, if no memory was."""
        required = {entry["type"]: float(entry["value"]) for entry in self.container.get("resourceRequirements") or []}
        return Resources(
            vcpus=required.get("VCPU") or float(self.container.get("vcpus") or 1),
            memory_mib=required.get("MEMORY") or float(self.container.get("memory") or 0),
        )

    @property
    def log_group(self) -> str:
        """The CloudWatch log group that the container writes to."""
        return str(self._log_options.get("awslogs-group") or "/aws/batch/job")

    @property
    def log_prefix(self) -> str:
        """The first part of the log stream's name."""
        return str(self._log_options.get("awslogs-stream-prefix") or self.definition_name)

    @property
    def _log_options(self) -> dict[str, str]:
        return (self.container.get("logConfiguration") or {}).get("options") or {}

    def detail(self) -> dict[str, Any]:
        """Batch's ``JobDetail``: the answer of DescribeJobs and the body of the state change event."""
        container = {**self.container, "command": self.command, "networkInterfaces": []}
        if self.log_stream:
            container["logStreamName"] = self.log_stream
        if self.attempts and self.status in FINAL:
            last = self.attempts[-1].outcome
            if last.exit_code is not None:
                container["exitCode"] = last.exit_code
            if last.reason:
                container["reason"] = last.reason
        detail: dict[str, Any] = {
            **self.summary(),
            "jobQueue": self.queue_arn,
            "attempts": [attempt.shape() for attempt in self.attempts],
            "retryStrategy": {"attempts": 1, "evaluateOnExit": [], **self.retry_strategy},
            "dependsOn": [{"jobId": job_id} for job_id in self.depends_on],
            "parameters": self.parameters,
            "container": container,
            "tags": self.tags,
            "schedulingPriority": self.scheduling_priority,
            "platformCapabilities": [],
            "eksAttempts": [],
        }
        if self.array_size is not None:
            counted = Counter(child.status for child in self.children)
            detail["arrayProperties"] = {
                "size": self.array_size,
                "statusSummary": {state: counted[state] for state in STATES},
            }
        if self.timeout_seconds is not None:
            detail["timeout"] = {"attemptDurationSeconds": self.timeout_seconds}
        return detail

    def summary(self) -> dict[str, Any]:
        """Batch's ``JobSummary``: a line of ListJobs."""
        summary: dict[str, Any] = {
            "jobArn": self.arn,
            "jobId": self.job_id,
            "jobName": self.name,
            "jobDefinition": self.definition_arn,
            "status": self.status,
            "statusReason": self.status_reason,
            "createdAt": self.created_at,
            "startedAt": self.started_at,
            "stoppedAt": self.stopped_at,
            "shareIdentifier": self.share_identifier,
            "isCancelled": self.is_cancelled,
            "isTerminated": self.is_terminated,
        }
        if self.array_size is not None:
            summary["arrayProperties"] = {"size": self.array_size}
        elif self.array_index is not None:
            summary["arrayProperties"] = {"index": self.array_index}
        return {key: value for key, value in summary.items() if value is not None}
