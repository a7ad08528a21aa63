"""When to stop waiting for spot: jobs whose titles cannot wait any longer are moved on demand."""

from __future__ import annotations

from aws_cdk import Duration
from aws_cdk import aws_batch as batch
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from constructs import Construct

from lambdas.encoding.environment import LeaveSpotEnvironment
from stacks.constructs.acknowledgement import acknowledge, wildcard_finding
from stacks.constructs.context_stack import ContextStack
from stacks.constructs.service_function import ServiceFunction

_OFTEN = Duration.minutes(5)
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
        role = function.execution_role
        job = stack.format_arn(service="batch", resource="job", resource_name="*")
        for actions, resource in ((["batch:ListJobs", "batch:DescribeJobs"], "*"), (["batch:CancelJob"], job)):
            role.add_to_policy(iam.PolicyStatement(actions=actions, resources=[resource]))
        acknowledge(
            role,
            reason="Batch's ListJobs and DescribeJobs know no resources; they only read.",
            rules=("AwsSolutions-IAM5[Resource::*]",),
        )
        acknowledge(
            role,
            reason="A job's id is drawn when it is submitted; the function cancels what it found waiting in one queue.",
            rules=(wildcard_finding(self, job),),
        )
        events.Rule(
            stack,
            "LeaveSpotSchedule",
            description="Looks for jobs that must not wait for spot capacity any longer.",
            schedule=events.Schedule.rate(_OFTEN),
            # The next round comes soon.
            targets=[targets.LambdaFunction(function, dead_letter_queue=stack.dead_letters, retry_attempts=0)],
        )
