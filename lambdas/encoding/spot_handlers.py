"""What moves jobs on demand that wait for spot capacity, and whose titles cannot wait any longer."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from lambdas.common.aws import client, transient_errors
from lambdas.common.clock import now
from lambdas.common.handling import Payload, entry_point, logger
from lambdas.encoding.deadlines import is_late
from lambdas.encoding.environment import LeaveSpotEnvironment
from lambdas.encoding.retries import LATE_REASON

SPOT_UNTIL = "spot_until"
"""The parameter of a Batch job that says until when it may wait for spot capacity."""
_AT_ONCE = 100
"""Jobs that DescribeJobs takes."""
_MOST = 2_000
"""Of one round: what is left waits for the next one."""


@entry_point
@transient_errors()
def leave_spot(_event: Payload, _context: LambdaContext) -> Payload:
    """Cancel the waiting jobs whose titles cannot wait for spot; their workflows submit them again, on demand.

    A job that has begun meanwhile is left alone, and so is one that says nothing of how long it may wait. What it is
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
    moved = []
    for job in _waiting(queue):
        until = job.get("parameters", {}).get(SPOT_UNTIL)
        if until and is_late(datetime.fromisoformat(until), now=now()):
            client("batch").cancel_job(jobId=job["jobId"], reason=f"{LATE_REASON}: it had until {until}")
            logger.info("too late for spot", extra={"job": job["jobName"], "job_id": job["jobId"], "until": until})
            moved.append(job["jobName"])
    return {"moved": moved}


def _waiting(queue: str) -> Iterator[dict[str, Any]]:
    """Yield the jobs of a queue that have no machine yet, as DescribeJobs has them."""
    batch = client("batch")
    pages = batch.get_paginator("list_jobs").paginate(
        jobQueue=queue, jobStatus="RUNNABLE", PaginationConfig={"MaxItems": _MOST}
    )
    ids = (job["jobId"] for page in pages for job in page["jobSummaryList"])
    while some := list(islice(ids, _AT_ONCE)):
        yield from batch.describe_jobs(jobs=some)["jobs"]
