"""Encoding's function that says what becomes of a failed job."""

from __future__ import annotations

import random

from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel, Field

from lambdas.common.batch import Job
from lambdas.common.handling import Payload, entry_point, logger
from lambdas.common.parsing import parse
from lambdas.encoding.environment import RetryEnvironment
from lambdas.encoding.retries import Tried, cause_of, decide


class _Error(BaseModel):
    """What a ``Catch`` of the state machine caught."""

    name: str = Field(alias="Error")
    cause: str = Field(default="", alias="Cause")


class _FailedJob(BaseModel):
    """What `decide_retry` needs of the state."""

    job: Job
    tried: Tried | None = None
    error: _Error


@entry_point
def decide_retry(event: Payload, _context: LambdaContext) -> Payload:
    """Decide whether a failed job is tried again, when, and with how much memory.

    Parameters
    ----------
    event
        ``job``, a `lambdas.common.batch.Job`; ``error``, the caught ``Error`` and ``Cause``; and ``tried``, what this
        function answered under that name after the job's last failure, absent after the first.

    Returns
    -------
    dict
        ``action`` (``retry``, ``retry_larger`` or ``fail``), ``pause_s`` (whole seconds to wait first), ``tried``, and
        ``memory``: MiB as a string, which is how the ``ResourceRequirements`` of Batch want it.

    Raises
    ------
    InvalidInputError
        If the state is not of this form. No cause, whatever it holds, raises anything.
    """
    rules = RetryEnvironment.load().rules
    failed = parse(_FailedJob, event)
    kind = cause_of(failed.error.name, failed.error.cause)
    decision = decide(kind, failed.tried or Tried(), rules, draw=random.random)
    logger.info(
        decision.reason,
        extra={"job": failed.job.name, "error": failed.error.name, "kind": kind.value, "action": decision.action.value},
    )
    return {
        "action": decision.action.value,
        "pause_s": decision.pause_s,
        "tried": decision.tried.model_dump(mode="json"),
        "memory": str(decision.memory_mib),
    }
