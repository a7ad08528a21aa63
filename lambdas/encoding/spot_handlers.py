"""What moves jobs on demand that wait for spot capacity, and whose titles cannot wait any longer."""

from __future__ import annotations

from datetime import datetime

from aws_lambda_powertools.utilities.typing import LambdaContext

from lambdas.common.aws import client, transient_errors
from lambdas.common.clock import now
from lambdas.common.handling import Payload, entry_point, logger
from lambdas.encoding.deadlines import is_late
from lambdas.encoding.environment import LeaveSpotEnvironment
from lambdas.encoding.farm_queues import described, listed
from lambdas.encoding.retries import LATE_REASON

SPOT_UNTIL = "spot_until"
"""The parameter of a Batch job that says until when it may wait for spot capacity."""
_MOST_LOOKED_AT = 10_000
"""Waiting jobs of one round. Every round begins anew, so those beyond it are seen when the queue is shorter."""
_MOST_CANCELLED = 500
"""Of one round. They are not cancelled twice, so the next round gets further."""
_LEFT_MS = 20_000
"""Of the function's time: with less a round ends, and what it has not looked at is the next one's."""


@entry_point
@transient_errors()
def leave_spot(_event: Payload, context: LambdaContext) -> Payload:
    """Cancel the waiting jobs whose titles cannot wait for spot; their workflows submit them again, on demand.

    A job that has begun meanwhile is left alone, and so is one that says nothing of how long it may wait. One that was
    cancelled may be in the queue for some time: AWS Batch may wait until it is at the head (CancelJob, API Reference).
    A round looks at so many jobs, cancels so many, and takes so long; a warning says so if that was not all. What it is
    called with does not matter: its schedule calls it.

    Returns
    -------
    dict
        ``moved``: the names of the jobs.

    Raises
    ------
    TransientError
        If AWS Batch cannot be asked.
    """
    queue = LeaveSpotEnvironment.load().encoding_queue
    moved: list[str] = []
    for looked_at, job in enumerate(described(job["jobId"] for job in listed(queue, "RUNNABLE"))):
        most = looked_at == _MOST_LOOKED_AT or len(moved) == _MOST_CANCELLED
        if most or context.get_remaining_time_in_millis() < _LEFT_MS:
            logger.warning("not all that wait were looked at", extra={"looked_at": looked_at, "cancelled": len(moved)})
            break
        if job.get("isCancelled"):
            continue
        until = job.get("parameters", {}).get(SPOT_UNTIL)
        if until and is_late(datetime.fromisoformat(until), now=now()):
            client("batch").cancel_job(jobId=job["jobId"], reason=f"{LATE_REASON}: it had until {until}")
            logger.info("too late for spot", extra={"job": job["jobName"], "job_id": job["jobId"], "until": until})
            moved.append(job["jobName"])
    return {"moved": moved}
