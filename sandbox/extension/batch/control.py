"""Compute environments, job queues, job definitions and scheduling policies: the part that runs nothing."""

import math
from typing import Any, Final

from ministack.core.responses import AccountRegionScopedDict, get_account_id, get_region
from ministack.services import batch

from sandbox.extension.batch.capacity import Environment, QueueLimits
from sandbox.extension.batch.job import Job

_MOST_URGENT: Final = 9999
_SHORTEST_LIMIT_S, _LONGEST_LIMIT_S = 600, 86_400

scheduling_policies: Any = AccountRegionScopedDict()
dry: set[str] = set()
"""The ARNs of compute environments for which AWS has no machine, because somebody wanted to see that."""


class BatchError(Exception):
    """An error that the API answers as Batch's ClientException."""


def arn(kind: str, name: str) -> str:
    """The ARN of a Batch resource of this request's account and region."""
    return f"arn:aws:batch:{get_region()}:{get_account_id()}:{kind}/{name}"


def name_of(reference: str) -> str:
    """The name in a name or an ARN."""
    return reference.rsplit("/", 1)[-1]


def put_compute_environment(payload: dict[str, Any]) -> dict[str, Any]:
    """Create or replace a compute environment."""
    name = payload["computeEnvironmentName"]
    record = {
        "computeEnvironmentName": name,
        "computeEnvironmentArn": arn("compute-environment", name),
        "ecsClusterArn": f"arn:aws:ecs:{get_region()}:{get_account_id()}:cluster/{name}",
        "type": payload.get("type", "MANAGED"),
        "state": payload.get("state", "ENABLED"),
        "status": "VALID",
        "statusReason": "ComputeEnvironment Healthy",
        "computeResources": payload.get("computeResources", {}),
        "serviceRole": payload.get("serviceRole", ""),
        "tags": payload.get("tags", {}),
    }
    batch._compute_envs[name] = record
    return record


def put_job_queue(payload: dict[str, Any]) -> dict[str, Any]:
    """Create or replace a job queue."""
    check_time_limits(payload)
    name = payload["jobQueueName"]
    record = {
        "jobQueueName": name,
        "jobQueueArn": arn("job-queue", name),
        "state": payload.get("state", "ENABLED"),
        "status": "VALID",
        "statusReason": "JobQueue Healthy",
        "priority": int(payload.get("priority", 1)),
        "computeEnvironmentOrder": payload.get("computeEnvironmentOrder", []),
        "jobStateTimeLimitActions": payload.get("jobStateTimeLimitActions", []),
        "tags": payload.get("tags", {}),
    }
    if payload.get("schedulingPolicyArn"):
        record["schedulingPolicyArn"] = payload["schedulingPolicyArn"]
    batch._job_queues[name] = record
    return record


def put_scheduling_policy(payload: dict[str, Any]) -> dict[str, Any]:
    """Create or replace a scheduling policy. Shares are balanced by what they use now: no past use is remembered."""
    name = payload["name"]
    record = {
        "name": name,
        "arn": arn("scheduling-policy", name),
        "fairsharePolicy": payload.get("fairsharePolicy", {}),
        "tags": payload.get("tags", {}),
    }
    scheduling_policies[name] = record
    return record


def register_job_definition(payload: dict[str, Any]) -> dict[str, Any]:
    """Add a revision of a job definition."""
    name = payload["jobDefinitionName"]
    revisions = batch._job_definitions.setdefault(name, [])
    revision = len(revisions) + 1
    record = {
        "type": "container",
        "parameters": {},
        "retryStrategy": {},
        "containerProperties": {},
        "tags": {},
        **payload,
        "jobDefinitionArn": arn("job-definition", f"{name}:{revision}"),
        "revision": revision,
        "status": "ACTIVE",
    }
    revisions.append(record)
    return record


def find_job_definition(reference: str) -> dict[str, Any]:
    """The revision that a name, ``name:revision`` or ARN names; without a revision, the newest active one."""
    name, _, revision = name_of(reference).partition(":")
    active = [entry for entry in batch._job_definitions.get(name, []) if entry["status"] == "ACTIVE"]
    if revision:
        active = [entry for entry in active if entry["revision"] == int(revision)]
    if not active:
        raise BatchError(f"JobDefinition {reference} not found or inactive")
    definition: dict[str, Any] = active[-1]
    return definition


def find_job_queue(reference: str) -> dict[str, Any]:
    """The queue that a name or an ARN names."""
    record: dict[str, Any] | None = batch._job_queues.get(name_of(reference))
    if record is None:
        raise BatchError(f"JobQueue {reference} not found")
    return record


def queue_limits(job: Job) -> QueueLimits | None:
    """How a job's queue bounds it, from its enabled compute environments."""
    queue = batch._job_queues.get_scoped(job.account, job.region, job.queue_name)
    if queue is None:
        return None
    order = sorted(queue["computeEnvironmentOrder"], key=lambda entry: int(entry["order"]))
    names = [name_of(entry["computeEnvironment"]) for entry in order]
    found = [batch._compute_envs.get_scoped(job.account, job.region, name) for name in names]
    return QueueLimits(
        priority=queue["priority"],
        environments=tuple(_environment(record) for record in found if record and record["state"] == "ENABLED"),
        weights=_weights(job, queue),
        time_limits={action["reason"]: float(action["maxTimeSeconds"]) for action in queue["jobStateTimeLimitActions"]},
    )


def _environment(record: dict[str, Any]) -> Environment:
    resources = record["computeResources"]
    return Environment(
        arn=record["computeEnvironmentArn"],
        kind=resources.get("type", "EC2"),
        # An unmanaged environment names no limit: the machine's own then applies.
        max_vcpus=float(resources.get("maxvCpus", math.inf)),
        is_dry=record["computeEnvironmentArn"] in dry,
    )


def find_compute_environment(reference: str) -> dict[str, Any]:
    """The compute environment that a name or an ARN names."""
    record: dict[str, Any] | None = batch._compute_envs.get(name_of(reference))
    if record is None:
        raise BatchError(f"ComputeEnvironment {reference} not found")
    return record


def check_time_limits(payload: dict[str, Any]) -> None:
    """Refuse time limits of a queue that Batch does not take: from ten minutes to a day."""
    for action in payload.get("jobStateTimeLimitActions") or []:
        seconds = int(action["maxTimeSeconds"])
        if not _SHORTEST_LIMIT_S <= seconds <= _LONGEST_LIMIT_S:
            raise BatchError(f"maxTimeSeconds is from {_SHORTEST_LIMIT_S} to {_LONGEST_LIMIT_S}, not {seconds}")


def _weights(job: Job, queue: dict[str, Any]) -> dict[str, float] | None:
    if "schedulingPolicyArn" not in queue:
        return None
    policy = scheduling_policies.get_scoped(job.account, job.region, name_of(queue["schedulingPolicyArn"])) or {}
    rules = policy.get("fairsharePolicy", {}).get("shareDistribution", [])
    return {rule["shareIdentifier"]: float(rule.get("weightFactor", 1)) for rule in rules}


def check_share(payload: dict[str, Any], *, queue: dict[str, Any], definition: dict[str, Any]) -> None:
    """Refuse a submission that a queue with, or without, a scheduling policy does not take."""
    share, priority = payload.get("shareIdentifier"), payload.get("schedulingPriorityOverride")
    if "schedulingPolicyArn" not in queue:
        if share is not None or priority is not None:
            raise BatchError("shareIdentifier and schedulingPriorityOverride need a JobQueue with a scheduling policy")
        return
    if not share:
        raise BatchError("shareIdentifier is required: the JobQueue has a scheduling policy")
    if priority is None and definition.get("schedulingPriority") is None:
        raise BatchError(
            "Either schedulingPriority in job definition or schedulingPriorityOverride should be specified"
        )
    if priority is not None and not 0 <= int(priority) <= _MOST_URGENT:
        raise BatchError(f"schedulingPriorityOverride is from 0 to {_MOST_URGENT}")
