"""Encoding's function that says what becomes of a failed job."""

from __future__ import annotations

import random
from datetime import UTC, datetime

from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel, Field

from lambdas.common.errors import TransientError
from lambdas.common.handling import Payload, entry_point, logger
from lambdas.common.parsing import parse
from lambdas.encoding.caps import CostCapError
from lambdas.encoding.deadlines import is_late
from lambdas.encoding.environment import RetryEnvironment
from lambdas.encoding.jobs import NEVER, FarmJob
from lambdas.encoding.retries import Action, Decision, Tried, cause_of, decide, leaves_spot, refused
from lambdas.encoding.spending import Spending


class _Error(BaseModel):
    """What a ``Catch`` of the state machine caught."""

    name: str = Field(alias="Error")
    cause: str = Field(default="", alias="Cause")


class _FailedJob(BaseModel):
    """What `decide_retry` needs of the state."""

    version_id: str
    title_id: str
    job: FarmJob
    queue: str
    tried: Tried | None = None
    error: _Error


@entry_point
def decide_retry(event: Payload, _context: LambdaContext) -> Payload:
    """Decide whether a failed job is tried again, when, where, and with how much memory.

    Parameters
    ----------
    event
        ``version_id`` and ``title_id``; ``job``, a `FarmJob`, and ``queue``, the ARN of where it waited; ``error``, the
        caught ``Error`` and ``Cause``; and ``tried``, what this function answered under that name after the job's last
        failure, absent after the first.

    Returns
    -------
    dict
        ``action`` (``retry``, ``retry_larger`` or ``fail``), ``reason`` (a sentence), ``pause_s`` (whole seconds to
        wait first), ``tried``, ``queue``, and ``memory``: MiB as a string, which is how the ``ResourceRequirements`` of
        Batch want it.

    Raises
    ------
    InvalidInputError
        If the state is not of this form. No cause, whatever it holds, raises anything.
    """
    environment = RetryEnvironment.load()
    failed = parse(_FailedJob, event)
    logger.append_keys(version_id=failed.version_id)
    kind = cause_of(failed.error.name, failed.error.cause)
    decision = decide(
        kind, failed.tried or Tried(), environment.rules, memory_mib=failed.job.memory_mib, draw=random.random
    )
    if decision.action is not Action.FAIL:
        decision = _if_it_may_cost_that(decision, failed, environment=environment)
    spot_until = failed.job.spot_until
    # What is never due can wait, and must not go before what is.
    leaves = (leaves_spot(kind) and spot_until < NEVER) or is_late(spot_until, now=datetime.now(UTC))
    queue = environment.on_demand_queue if leaves else failed.queue
    logger.info(
        decision.reason,
        extra={
            "job": failed.job.name,
            "error": failed.error.name,
            "kind": kind.value,
            "action": decision.action.value,
            "queue": queue,
        },
    )
    return {
        "action": decision.action.value,
        "reason": decision.reason,
        "pause_s": decision.pause_s,
        "tried": decision.tried.model_dump(mode="json"),
        "queue": queue,
        "memory": str(decision.memory_mib),
    }


def _if_it_may_cost_that(decision: Decision, failed: _FailedJob, *, environment: RetryEnvironment) -> Decision:
    """Return the decision, or that the job is not tried again, because the version has cost as much as it may."""
    try:
        Spending(environment, title_id=failed.title_id, version_id=failed.version_id).hold_attempt(failed.job.usd)
    except CostCapError as error:
        return refused(decision, why=str(error))
    except TransientError as error:
        # A whole film must not fail because a table is slow: its spending is looked at again before the next phase.
        logger.warning("the spending could not be looked at", extra={"reason": str(error)})
    return decision
