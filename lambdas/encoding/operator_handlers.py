"""What operators tell the farm about one version: what it may cost, and to try again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel, ConfigDict, Field

from lambdas.common.aws import client, transient_errors
from lambdas.common.executions import start_once
from lambdas.common.handling import Payload, entry_point, logger
from lambdas.common.parsing import parse
from lambdas.encoding.cap_store import CapStore
from lambdas.encoding.caps import Cap, Usd
from lambdas.encoding.environment import CapsEnvironment, RetryVersionEnvironment
from lambdas.encoding.restarts import StillRunningError, execution_name, next_attempt

_By = Annotated[str, Field(min_length=1, description="whose credentials it is asked with: an ARN")]


class _CapRequest(BaseModel):
    model_config = ConfigDict(extra="forbid")

    version_id: str
    usd: Usd
    by: _By
    reason: Annotated[str, Field(min_length=1, max_length=500)]


class _RetryRequest(BaseModel):
    model_config = ConfigDict(extra="forbid")

    version_id: str
    by: _By


@entry_point
def raise_cap(event: Payload, _context: LambdaContext) -> Payload:
    """Say what encoding a version may cost. It holds from the next time that its spending is looked at.

    Parameters
    ----------
    event
        ``version_id``; ``usd``, more or less than before; ``by``, the caller's ARN; ``reason``.

    Returns
    -------
    dict
        ``version_id``, ``usd``, and ``before``: what it was.

    Raises
    ------
    ConflictError
        If somebody else said so at the same moment.
    """
    environment = CapsEnvironment.load()
    request = parse(_CapRequest, event)
    logger.append_keys(version_id=request.version_id)
    store = CapStore(environment.caps_table)
    said = store.of_version(request.version_id)
    store.add(Cap(**request.model_dump(), at=datetime.now(UTC)))
    logger.info("the cap was set", extra={"usd": request.usd, "by": request.by, "reason": request.reason})
    return {
        "version_id": request.version_id,
        "usd": request.usd,
        "before": said[0].usd if said else environment.title_cap_usd,
    }


@entry_point
def retry_version(event: Payload, _context: LambdaContext) -> Payload:
    """Start the encode of a version again that failed, timed out or was stopped. What was done is not done again.

    Parameters
    ----------
    event
        ``version_id``, and ``by``, the caller's ARN.

    Returns
    -------
    dict
        ``version_id``, and ``execution``: the name of the new one.

    Raises
    ------
    NeverStartedError
        If it never was encoded, or that is longer ago than Step Functions remembers.
    StillRunningError
        If it is being encoded, or somebody else has just started it again.
    AlreadyEncodedError
        If it was.
    """
    environment = RetryVersionEnvironment.load()
    request = parse(_RetryRequest, event)
    logger.append_keys(version_id=request.version_id)
    before = list(_executions(request.version_id, machine=environment.state_machine_arn))
    attempt = next_attempt([each["status"] for each in before], version_id=request.version_id)
    name = execution_name(request.version_id, attempt=attempt)
    started = start_once(
        state_machine_arn=environment.state_machine_arn, name=name, payload=json.loads(before[0]["input"])
    )
    if not started:
        raise StillRunningError(f"somebody else has just started version {request.version_id} again")
    logger.info("started again", extra={"execution": name, "by": request.by})
    return {"version_id": request.version_id, "execution": name}


def _executions(version_id: str, *, machine: str) -> Iterator[dict[str, Any]]:
    """Yield the executions of a version, the first one first."""
    states = client("stepfunctions")
    prefix = machine.replace(":stateMachine:", ":execution:")
    attempt = 1
    while True:
        try:
            with transient_errors():
                yield states.describe_execution(executionArn=f"{prefix}:{execution_name(version_id, attempt=attempt)}")
        except states.exceptions.ExecutionDoesNotExist:
            return
        attempt += 1
