"""CloudFormation's Batch resources."""

from typing import Any

from ministack.services import batch

from sandbox.extension.batch import control
from sandbox.extension.batch.shapes import to_camel
from sandbox.extension.pinned import Emulated, physical_name, resource

_WHY = "Stock CloudFormation has no Batch resources"

Created = tuple[str, dict[str, Any]]


def apply() -> None:
    """Register the four resource types."""
    resource(
        "AWS::Batch::ComputeEnvironment",
        create=_compute_environment,
        delete=lambda physical_id, _: _drop(batch._compute_envs, physical_id),
        why=_WHY,
    )
    resource(
        "AWS::Batch::JobQueue",
        create=_job_queue,
        delete=lambda physical_id, _: _drop(batch._job_queues, physical_id),
        why=_WHY,
    )
    resource(
        "AWS::Batch::SchedulingPolicy",
        create=_scheduling_policy,
        delete=lambda physical_id, _: _drop(control.scheduling_policies, physical_id),
        why=_WHY,
    )
    resource("AWS::Batch::JobDefinition", create=_job_definition, delete=_deregister, why=_WHY)


def _compute_environment(logical_id: str, properties: dict[str, Any], stack: str) -> Created:
    payload = to_camel(properties)
    payload.setdefault("computeEnvironmentName", physical_name(stack, logical_id))
    arn = control.put_compute_environment(payload)["computeEnvironmentArn"]
    return arn, {"ComputeEnvironmentArn": arn}


def _job_queue(logical_id: str, properties: dict[str, Any], stack: str) -> Created:
    payload = to_camel(properties)
    payload.setdefault("jobQueueName", physical_name(stack, logical_id))
    arn = control.put_job_queue(payload)["jobQueueArn"]
    return arn, {"JobQueueArn": arn}


def _scheduling_policy(logical_id: str, properties: dict[str, Any], stack: str) -> Created:
    payload = to_camel(properties)
    payload.setdefault("name", physical_name(stack, logical_id))
    arn = control.put_scheduling_policy(payload)["arn"]
    return arn, {"Arn": arn}


def _job_definition(logical_id: str, properties: dict[str, Any], stack: str) -> Created:
    payload = to_camel(properties)
    payload.setdefault("jobDefinitionName", physical_name(stack, logical_id))
    arn = control.register_job_definition(payload)["jobDefinitionArn"]
    return arn, {"JobDefinitionArn": arn}


def _deregister(physical_id: str, _: dict[str, Any]) -> None:
    name = control.name_of(physical_id).partition(":")[0]
    for revision in batch._job_definitions.get(name, []):
        if revision["jobDefinitionArn"] == physical_id:
            revision["status"] = "INACTIVE"


def _drop(store: Emulated, physical_id: str) -> None:
    store.pop(control.name_of(physical_id), None)
