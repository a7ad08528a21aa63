"""Functions that look after the farm: they come by every few minutes, and read what AWS Batch knows of its jobs."""

from __future__ import annotations

from aws_cdk import Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam

from stacks.constructs.acknowledgement import acknowledge, wildcard_finding
from stacks.constructs.context_stack import ContextStack
from stacks.constructs.service_function import ServiceFunction

_EVERY = Duration.minutes(5)


def go_round(stack: ContextStack, function: ServiceFunction, *, schedule_id: str, description: str) -> None:
    """Call `function` every five minutes. A round that fails is not repeated: the next one comes soon, and sees more.

    Parameters
    ----------
    schedule_id
        The construct id of the schedule, in `stack`.
    """
    events.Rule(
        stack,
        schedule_id,
        description=description,
        schedule=events.Schedule.rate(_EVERY),
        targets=[targets.LambdaFunction(function, dead_letter_queue=stack.dead_letters, retry_attempts=0)],
    )


def let_see_jobs(function: ServiceFunction) -> None:
    """Let `function` list and describe the jobs of AWS Batch."""
    role = function.execution_role
    role.add_to_policy(iam.PolicyStatement(actions=["batch:ListJobs", "batch:DescribeJobs"], resources=["*"]))
    acknowledge(
        role,
        reason="Batch's ListJobs and DescribeJobs know no resources; they only read.",
        rules=("AwsSolutions-IAM5[Resource::*]",),
    )


def let_end_jobs(stack: ContextStack, function: ServiceFunction, *, action: str) -> None:
    """Let `function` call `action`, ``batch:CancelJob`` or ``batch:TerminateJob``, on any job of this account."""
    job = stack.format_arn(service="batch", resource="job", resource_name="*")
    role = function.execution_role
    role.add_to_policy(iam.PolicyStatement(actions=[action], resources=[job]))
    acknowledge(
        role,
        reason="A job's id is drawn when it is submitted; the function ends what it found in the farm's queues.",
        rules=(wildcard_finding(stack, job),),
    )
