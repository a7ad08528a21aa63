"""When to stop waiting for spot: jobs whose titles cannot wait any longer are moved on demand."""

from __future__ import annotations

from aws_cdk import Duration
from aws_cdk import aws_batch as batch
from constructs import Construct

from lambdas.encoding.environment import LeaveSpotEnvironment
from stacks.constructs.context_stack import ContextStack
from stacks.constructs.rounds import go_round, let_end_jobs, let_see_jobs
from stacks.constructs.service_function import ServiceFunction

_TIMEOUT = Duration.minutes(5)
"""The function ends before it: by then the next round begins."""


class SpotPatience(Construct):
    """A function that looks every five minutes for jobs that have waited as long as they may.

    Parameters
    ----------
    stack
        The encoding stack.
    queue
        Where jobs wait for spot capacity.
    """

    def __init__(self, stack: ContextStack, construct_id: str, *, queue: batch.IJobQueue) -> None:
        super().__init__(stack, construct_id)
        function = ServiceFunction(
            stack,
            "LeaveSpot",
            handler="lambdas.encoding.spot_handlers.leave_spot",
            environment=LeaveSpotEnvironment(encoding_queue=queue.job_queue_arn),
            description="Moves jobs on demand whose titles cannot wait for spot capacity any longer.",
            timeout=_TIMEOUT,
        )
        let_see_jobs(function)
        let_end_jobs(stack, function, action="batch:CancelJob")
        go_round(
            stack,
            function,
            schedule_id="LeaveSpotSchedule",
            description="Looks for jobs that must not wait for spot capacity any longer.",
        )
