"""Follows a delivery through the deployed state machines, from its manifest to the published title."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from lambdas.common.keys import Analysis, DeliveryLocation, Workspace
from lambdas.encoding.job_ids import JobIds
from lambdas.encoding.models import EncodingPlan, PackageReport
from lambdas.ingestion.quality import QualityReport
from sandbox.deployed import Deployed

_POLL_S = 0.5
_TITLE_APPEARS_S = 30.0
_STARTS_S = 300.0


class PipelineError(RuntimeError):
    """The delivery was not published."""


@dataclass
class Stage:
    """One state of a state machine, as far as it has come."""

    name: str
    started: datetime
    ended: datetime | None = None

    @property
    def seconds(self) -> float:
        """How long it took, in seconds; of one that still runs, up to now."""
        return ((self.ended or datetime.now(self.started.tzinfo)) - self.started).total_seconds()


@dataclass(frozen=True)
class Outcome:
    """A published version."""

    version_id: str
    publish_s: float
    quality: QualityReport
    package: PackageReport
    stages: tuple[Stage, ...] = field(default=())


def follow(
    platform: Deployed,
    *,
    delivery: DeliveryLocation,
    title_id: str,
    timeout_s: float,
    tell: Callable[[str], None],
    version_id: str | None = None,
) -> Outcome:
    """Wait until `delivery` is published. One that waits for a review is waited for as well.

    Parameters
    ----------
    timeout_s
        How long to wait in all, in seconds.
    tell
        Told what is being done, whenever that changes.
    version_id
        The version as which the delivery is ingested; where it is not known, the newest execution is followed.

    Raises
    ------
    PipelineError
        If the delivery is rejected, a workflow fails, or time runs out.
    """
    started = time.monotonic()
    deadline = started + timeout_s
    states = platform.client("stepfunctions")
    if version_id is None:
        ingest = _execution_of(platform, delivery, deadline=deadline)
    else:
        ingest = _execution_named(platform, version_id, deadline=min(deadline, started + _STARTS_S))
    stages = list(_follow_execution(states, ingest, deadline=deadline, tell=tell))
    answer = states.describe_execution(executionArn=ingest)
    output = json.loads(answer["output"])
    if findings := output.get("findings"):
        told = "; ".join(f"{finding['code']} ({finding['subject']}): {finding['message']}" for finding in findings)
        raise PipelineError(f"the delivery was rejected: {told}")
    accepted = str(output["version_id"])
    encode = _sibling(platform.output("encoding", "WorkflowArn"), accepted)
    stages += _follow_execution(states, encode, deadline=deadline, tell=tell)
    tell("Publish")
    _wait_until_playable(platform, title_id=title_id, version_id=accepted)
    return Outcome(
        version_id=accepted,
        publish_s=time.monotonic() - started,
        quality=QualityReport.model_validate_json(_report(platform, Analysis(accepted).quality)),
        package=_package(platform, accepted),
        stages=tuple(stages),
    )


def _execution_of(platform: Deployed, delivery: DeliveryLocation, *, deadline: float) -> str:
    """Return the newest execution that ingests `delivery`, as soon as there is one."""
    states = platform.client("stepfunctions")
    machine = platform.output("ingestion", "WorkflowArn")
    seen: set[str] = set()
    for _ in _polls(deadline, waiting_for=f"the ingestion of {delivery.prefix} to start"):
        for execution in states.list_executions(stateMachineArn=machine)["executions"]:
            arn = str(execution["executionArn"])
            if arn not in seen:
                seen.add(arn)
                given = json.loads(states.describe_execution(executionArn=arn)["input"])
                if given["manifest_key"] == delivery.manifest:
                    return arn
    raise AssertionError  # _polls raises before it ends


def _execution_named(platform: Deployed, version_id: str, *, deadline: float) -> str:
    """Return the execution that ingests a delivery as `version_id`, as soon as there is one."""
    states = platform.client("stepfunctions")
    arn = _sibling(platform.output("ingestion", "WorkflowArn"), version_id)
    for _ in _polls(deadline, waiting_for=f"the ingestion {arn} to start"):
        try:
            states.describe_execution(executionArn=arn)
        except states.exceptions.ExecutionDoesNotExist:
            continue
        return arn
    raise AssertionError  # _polls raises before it ends


def _follow_execution(
    states: Any,  # noqa: ANN401 - boto3 makes its clients at run time
    arn: str,
    *,
    deadline: float,
    tell: Callable[[str], None],
) -> list[Stage]:
    """Wait for an execution's end, and return its top-level states."""
    said = ""
    for _ in _polls(deadline, waiting_for=f"{arn} to end"):
        try:
            status = states.describe_execution(executionArn=arn)["status"]
        except states.exceptions.ExecutionDoesNotExist:
            continue
        stages = _stages(states, arn)
        if stages and (now := _doing(stages)) != said:
            tell(now)
            said = now
        if status == "SUCCEEDED":
            return stages
        if status != "RUNNING":
            failure = states.describe_execution(executionArn=arn)
            raise PipelineError(f"{arn} ended as {status}: {failure.get('error')}: {str(failure.get('cause'))[:2000]}")
    raise AssertionError  # _polls raises before it ends


def _stages(states: Any, arn: str) -> list[Stage]:  # noqa: ANN401
    """Return the states that an execution has entered, from its history; those inside a Map count by name."""
    stages: dict[str, Stage] = {}
    for page in states.get_paginator("get_execution_history").paginate(executionArn=arn, includeExecutionData=False):
        for event in page["events"]:
            if entered := event.get("stateEnteredEventDetails"):
                stages.setdefault(entered["name"], Stage(name=entered["name"], started=event["timestamp"]))
            elif (left := event.get("stateExitedEventDetails")) and left["name"] in stages:
                stages[left["name"]].ended = event["timestamp"]
    return list(stages.values())


def _doing(stages: list[Stage]) -> str:
    running = [stage.name for stage in stages if stage.ended is None]
    return running[-1] if running else stages[-1].name


def _wait_until_playable(platform: Deployed, *, title_id: str, version_id: str) -> None:
    """Wait for the last thing that happens: the catalog has published, and playback has heard of it."""
    table = platform.session.resource("dynamodb", endpoint_url=platform.endpoint).Table(
        platform.output("playback", "PlayableTable")
    )
    waiting_for = f"{title_id} to be playable in version {version_id}"
    for _ in _polls(time.monotonic() + _TITLE_APPEARS_S, waiting_for=waiting_for):
        item = table.get_item(Key={"title_id": title_id}, ConsistentRead=True).get("Item")
        if item and item["version_id"] == version_id:
            return


def _package(platform: Deployed, version_id: str) -> PackageReport:
    """Return the packaging report of a version."""
    workspace = Workspace(version_id)
    plan = EncodingPlan.model_validate_json(_report(platform, workspace.plan))
    return PackageReport.model_validate_json(_report(platform, workspace.package(JobIds(plan).package)))


def _report(platform: Deployed, key: str) -> bytes:
    bucket = platform.output("encoding", "WorkBucket")
    body: bytes = platform.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    return body


def _sibling(machine: str, name: str) -> str:
    return f"{machine.replace(':stateMachine:', ':execution:')}:{name}"


def _polls(deadline: float, *, waiting_for: str) -> Iterator[None]:
    """Yield until `deadline`, a little apart.

    Raises
    ------
    PipelineError
        When the deadline has passed.
    """
    while time.monotonic() < deadline:
        yield
        time.sleep(_POLL_S)  # other processes' progress: there is nothing to await
    raise PipelineError(f"time ran out waiting for {waiting_for}")
