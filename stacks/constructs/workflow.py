"""What both state machines share: how they run, how a Batch job is a step, and what becomes of a failure."""

from __future__ import annotations

from collections.abc import Mapping

from aws_cdk import Duration, Stack
from aws_cdk import aws_batch as batch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct

from stacks.constructs.acknowledgement import acknowledge, wildcard_finding
from stacks.constructs.context_stack import ContextStack

_LAMBDA_TRANSIENT = [
    "TransientError",
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.TooManyRequestsException",
]


class Workflow(Construct):
    """A logged, traced state machine, with alarms on its failures; one that takes too long fails without a word.

    Parameters
    ----------
    stack
        The context's stack.
    construct_id
        The state machine's name within the stack.
    start
        Its first state.
    functions
        The functions that its steps call.
    timeout
        How long an execution may take.
    """

    def __init__(
        self,
        stack: ContextStack,
        construct_id: str,
        *,
        start: sfn.IChainable,
        functions: tuple[lambda_.IFunction, ...],
        timeout: Duration,
        comment: str,
    ) -> None:
        super().__init__(stack, construct_id)
        self.state_machine = sfn.StateMachine(
            self,
            "StateMachine",
            definition_body=sfn.DefinitionBody.from_chainable(start),
            timeout=timeout,
            comment=comment,
            tracing_enabled=True,
            logs=sfn.LogOptions(
                destination=stack.log_group("Logs", scope=self),
                level=sfn.LogLevel.ALL,
                include_execution_data=False,
            ),
            removal_policy=stack.removal_policy,
        )
        self.state_machine.add_to_role_policy(
            iam.PolicyStatement(
                actions=["lambda:InvokeFunction"], resources=[function.function_arn for function in functions]
            )
        )
        # A failed branch, a time-out or a stop ends the jobs that still run: without this they go on, and bill.
        jobs = stack.format_arn(service="batch", resource="job", resource_name="*")
        self.state_machine.add_to_role_policy(iam.PolicyStatement(actions=["batch:TerminateJob"], resources=[jobs]))
        self.state_machine.add_to_role_policy(iam.PolicyStatement(actions=["batch:DescribeJobs"], resources=["*"]))
        self._acknowledge(jobs)
        stack.alarm(
            f"{construct_id}Failed",
            metric=self.state_machine.metric_failed(period=Duration.minutes(5), statistic="Sum"),
            description=f"An execution of {construct_id} failed.",
        )
        stack.alarm(
            f"{construct_id}TimedOut",
            metric=self.state_machine.metric_timed_out(period=Duration.minutes(5), statistic="Sum"),
            description=f"An execution of {construct_id} took too long, and no step of it could say so.",
        )

    def _acknowledge(self, jobs: str) -> None:
        """Accept what Step Functions' own integrations need of their role."""
        role = self.state_machine.role
        acknowledge(
            role,
            reason="SubmitJob is authorised on job definitions of any revision; the queue is named.",
            rules=(
                f"AwsSolutions-IAM5[Resource::arn:aws:batch:{Stack.of(self).region}:<AWS::AccountId>:job-definition/*]",
            ),
        )
        acknowledge(
            role,
            reason="A job's id is drawn when it is submitted; the role may end jobs and submit to one queue.",
            rules=(wildcard_finding(self, jobs),),
        )
        acknowledge(
            role,
            reason="DescribeJobs, X-Ray and the log deliveries that Step Functions sets up know no resources; they "
            "read the state of jobs, write traces and direct this machine's own log.",
            rules=("AwsSolutions-IAM5[Resource::*]",),
        )


def lambda_step(
    scope: Construct,
    construct_id: str,
    *,
    function: lambda_.IFunction,
    payload: Mapping[str, object] | None = None,
    result_path: str | None = None,
) -> sfn.CustomState:
    """Return a step that calls `function`; transient errors are tried again, by name.

    CDK's own step may call every version of the function, by a wildcard; the workflow's role names the function.

    Parameters
    ----------
    payload
        What the function is given, where that is not the state's input.
    result_path
        Where its answer goes, where that does not replace the input; `sfn.JsonPath.DISCARD` drops it.
    """
    definition: dict[str, object] = {"Type": "Task", "Resource": function.function_arn}
    if payload is not None:
        definition["Parameters"] = payload
    if result_path is not None:
        definition["ResultPath"] = result_path
    step = sfn.CustomState(scope, construct_id, state_json=definition)
    step.add_retry(
        errors=_LAMBDA_TRANSIENT,
        interval=Duration.seconds(1),
        backoff_rate=2,
        max_attempts=4,
        jitter_strategy=sfn.JitterType.FULL,
    )
    return step


def batch_step(
    scope: Construct,
    construct_id: str,
    *,
    definition: batch.IJobDefinition,
    queue: batch.IJobQueue,
    job: str,
    result_path: str = sfn.JsonPath.DISCARD,
) -> tasks.BatchSubmitJob:
    """Return a step that runs a Batch job and waits for it.

    Parameters
    ----------
    job
        The path of an object with the job's ``name`` and ``command``.
    """
    step = tasks.BatchSubmitJob(
        scope,
        construct_id,
        job_definition_arn=definition.job_definition_arn,
        job_queue_arn=queue.job_queue_arn,
        job_name=sfn.JsonPath.string_at(f"{job}.name"),
        container_overrides=tasks.BatchContainerOverrides(command=sfn.JsonPath.list_at(f"{job}.command")),
        result_path=result_path,
    )
    step.add_retry(
        errors=["Batch.BatchException", "Batch.SdkClientException", "Batch.ServerException"],
        interval=Duration.seconds(2),
        backoff_rate=2,
        max_attempts=4,
        jitter_strategy=sfn.JitterType.FULL,
    )
    return step
