"""AWS Batch, run for real on this machine.

The emulator's own Batch reports every job as succeeded at once. Here a job is a local process group, with
states, slots, retries, time limits, logs and events as on AWS.
"""

import json
import os
from typing import Any

from ministack.core.responses import request_scope
from ministack.services import batch, eventbridge

from sandbox.extension.batch import declare, reclaiming
from sandbox.extension.batch.api import BatchApi
from sandbox.extension.batch.control import queue_limits
from sandbox.extension.batch.job import Job
from sandbox.extension.batch.scheduler import QUEUE_BLOCKED, Scheduler
from sandbox.extension.pinned import patch
from sandbox.extension.workspace import Workspace

__all__ = ["BatchApi", "Scheduler", "apply"]


def apply(workspace: Workspace) -> tuple[Scheduler, BatchApi]:
    """Replace the Batch stub, and return the parts that Step Functions and the shutdown need."""
    scheduler = Scheduler(workspace=workspace, find_queue=queue_limits, announce=_announce, environment=_environment)
    api = BatchApi(scheduler)
    patch(
        batch,
        "handle_request",
        api.handler(batch.handle_request),
        why="Stock Batch marks every job SUCCEEDED without running it",
    )
    declare.apply()
    reclaiming.apply(scheduler)
    return scheduler, api


def _announce(kind: str, job: Job, detail: dict[str, Any]) -> None:
    with request_scope(job.account, job.region):
        eventbridge._put_events(
            {
                "Entries": [
                    {
                        "Source": "aws.batch",
                        "DetailType": kind,
                        "Detail": json.dumps(detail),
                        "Resources": [job.arn, job.queue_arn] if kind == QUEUE_BLOCKED else [job.arn],
                    }
                ]
            },
            allow_aws_source=True,
        )


def _environment(region: str) -> dict[str, str]:
    return {
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_ENDPOINT_URL": os.environ["AWS_ENDPOINT_URL"],
    }
