"""Asks the deployed workflow to take a title's source out of the archive, and follows it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from lambdas.storage.models import RestoreReport, RestoreRequest, Tier
from sandbox.deployed import Deployed

_FIRST_POLL_S, _LONGEST_POLL_S = 0.5, 60.0


class RestoreError(RuntimeError):
    """The source was not restored; the message is the workflow's own."""


def start(platform: Deployed, *, title_id: str, version_id: str | None, tier: Tier, days: int) -> str:
    """Start the restoring of a title's source, and return the execution's ARN."""
    request = RestoreRequest(
        restore_id=f"{title_id[:50]}-{datetime.now(UTC):%Y%m%dT%H%M%S%f}",
        title_id=title_id,
        version_id=version_id,
        tier=tier,
        days=days,
        by=platform.client("sts").get_caller_identity()["Arn"],
    )
    answer = platform.client("stepfunctions").start_execution(
        stateMachineArn=platform.output("storage-recovery", "RestoreWorkflowArn"),
        name=request.restore_id,
        input=request.model_dump_json(),
    )
    return str(answer["executionArn"])


def follow(platform: Deployed, execution: str, *, tell: Callable[[str], None]) -> RestoreReport:
    """Wait until the source is restored, which takes from minutes to two days, and return the report.

    Parameters
    ----------
    tell
        Told what the workflow does, whenever that changes.

    Raises
    ------
    RestoreError
        If it is not.
    """
    states = platform.client("stepfunctions")
    said, pause = "", _FIRST_POLL_S
    while (described := states.describe_execution(executionArn=execution))["status"] == "RUNNING":
        if (doing := _doing(states, execution)) and doing != said:
            tell(doing)
            said = doing
        time.sleep(pause)  # another process's progress: there is nothing to await
        pause = min(pause * 1.5, _LONGEST_POLL_S)
    if described["status"] != "SUCCEEDED":
        raise RestoreError(f"{described['status']}: {described.get('error', '')}: {_cause(described)}")
    return RestoreReport.model_validate(json.loads(described["output"]))


def _doing(states: Any, execution: str) -> str:  # noqa: ANN401 - boto3 makes its clients at run time
    events = states.get_execution_history(executionArn=execution, reverseOrder=True, maxResults=20)["events"]
    entered = [event["stateEnteredEventDetails"]["name"] for event in events if "stateEnteredEventDetails" in event]
    return str(entered[0]) if entered else ""


def _cause(described: dict[str, Any]) -> str:
    """Return what a function said, out of the JSON in which Lambda wraps it."""
    cause = str(described.get("cause", ""))
    try:
        return str(json.loads(cause)["errorMessage"])
    except (ValueError, KeyError, TypeError):
        return cause
