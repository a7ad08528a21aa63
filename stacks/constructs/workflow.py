"""What both state machines share: how they run, and how a function, a person or a Batch job is a step."""

from __future__ import annotations

from collections.abc import Mapping

from aws_cdk import Aws, Duration
from aws_cdk import aws_batch as batch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from lambdas.common.batch import SHARE
from stacks.constructs.acknowledgement import acknowledge, wildcard_finding
from stacks.constructs.context_stack import ContextStack

_LAMBDA_TRANSIENT = [
    "TransientError",
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.TooManyRequestsException",
    # A function that ran out of time; every step can be called twice.
    "Sandbox.Timedout",
]
_BATCH_TRANSIENT = [
    "Batch.AWSBatchException",
    "Batch.BatchException",
    "Batch.SdkClientException",
    "Batch.ServerException",
    "Batch.TooManyRequestsException",
]
_SQS_TRANSIENT = ["SQS.AmazonSQSException", "SQS.SdkClientException"]


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
    queues
        The queues that its steps submit jobs to.
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
        queues: tuple[batch.IJobQueue, ...],
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
        self._let_it_run_jobs(stack, queues)
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

    def _let_it_run_jobs(self, stack: ContextStack, queues: tuple[batch.IJobQueue, ...]) -> None:
        """Grant what the integration with Batch needs: to submit to `queues`, to hear of the end, to end jobs itself.

        A failed branch, a time-out or a stop ends the jobs that still run: without that they go on, and bill.
        """
        job = stack.format_arn(service="batch", resource="job", resource_name="*")
        definition = stack.format_arn(service="batch", resource="job-definition", resource_name="*")
        for actions, resources in (
            (["batch:SubmitJob"], [definition, *(queue.job_queue_arn for queue in queues)]),
            (["batch:TerminateJob"], [job]),
            (["batch:DescribeJobs"], ["*"]),
            (
                ["events:PutTargets", "events:PutRule", "events:DescribeRule"],
                [
                    stack.format_arn(
                        service="events", resource="rule", resource_name="StepFunctionsGetEventsForBatchJobsRule"
                    )
                ],
            ),
        ):
            self.state_machine.add_to_role_policy(iam.PolicyStatement(actions=actions, resources=resources))
        role = self.state_machine.role
        acknowledge(
            role,
            reason="A running execution submits the revision of a job definition that it began with; queues are named.",
            rules=(wildcard_finding(self, definition),),
        )
        acknowledge(
            role,
            reason="A job's id is drawn when it is submitted; the role may end jobs and submit to the named queues.",
            rules=(wildcard_finding(self, job),),
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
    return _retried(sfn.CustomState(scope, construct_id, state_json=definition), errors=_LAMBDA_TRANSIENT, seconds=1)


def answered_step(
    scope: Construct,
    construct_id: str,
    *,
    function: lambda_.IFunction,
    payload: Mapping[str, object],
    timeout: Duration,
    result_path: str,
) -> sfn.CustomState:
    """Return a step that calls `function` and then waits until somebody answers with the task's token.

    Parameters
    ----------
    payload
        What the function is given; the token is ``$$.Task.Token``.
    timeout
        How long an answer may take; after it the step fails with ``States.Timeout``.
    result_path
        Where the answer goes.
    """
    step = sfn.CustomState(
        scope,
        construct_id,
        state_json={
            "Type": "Task",
            "Resource": f"arn:{Aws.PARTITION}:states:::lambda:invoke.waitForTaskToken",
            "Parameters": {"FunctionName": function.function_arn, "Payload": payload},
            "TimeoutSeconds": timeout.to_seconds(),
            "ResultPath": result_path,
        },
    )
    return _retried(step, errors=_LAMBDA_TRANSIENT, seconds=1)


def queue_step(
    scope: Construct, construct_id: str, *, queue: sqs.IQueue, message: Mapping[str, object]
) -> sfn.CustomState:
    """Return a step that sends `message` to `queue`, as JSON, by no function's help; it leaves the state as it is."""
    step = sfn.CustomState(
        scope,
        construct_id,
        state_json={
            "Type": "Task",
            "Resource": f"arn:{Aws.PARTITION}:states:::sqs:sendMessage",
            "Parameters": {"QueueUrl": queue.queue_url, "MessageBody": message},
            "ResultPath": sfn.JsonPath.DISCARD,
        },
    )
    return _retried(step, errors=_SQS_TRANSIENT, seconds=1)


def batch_step(
    scope: Construct,
    construct_id: str,
    *,
    definition: batch.IJobDefinition,
    queue: batch.IJobQueue | str,
    job: str,
    vcpus: str | None = None,
    memory: str | None = None,
    parameters: Mapping[str, object] | None = None,
    result_path: str = sfn.JsonPath.DISCARD,
) -> sfn.CustomState:
    """Return a step that runs a Batch job and waits for it.

    CDK's own step knows no share identifier, which a queue with a scheduling policy asks for.

    Parameters
    ----------
    queue
        Where it waits, or the path of that queue's ARN.
    job
        The path of a `lambdas.common.batch.Job`.
    vcpus, memory
        The paths of the vCPUs and the MiB that it gets, as text; by default what the definition says.
    parameters
        What else DescribeJobs shall tell of it.
    """
    overrides: dict[str, object] = {"Command.$": f"{job}.command"}
    sizes = {"VCPU": vcpus, "MEMORY": memory}
    told = {"ENCODER_VCPUS": vcpus, "ENCODER_THREADS": vcpus, "ENCODER_MEMORY_MIB": memory}
    if vcpus or memory:
        overrides["ResourceRequirements"] = [{"Type": kind, "Value.$": path} for kind, path in sizes.items() if path]
        overrides["Environment"] = [{"Name": name, "Value.$": path} for name, path in told.items() if path]
    waits = {"JobQueue.$": queue} if isinstance(queue, str) else {"JobQueue": queue.job_queue_arn}
    step = sfn.CustomState(
        scope,
        construct_id,
        state_json={
            "Type": "Task",
            "Resource": f"arn:{Aws.PARTITION}:states:::batch:submitJob.sync",
            "Parameters": {
                "JobDefinition": definition.job_definition_arn,
                **waits,
                **({"Parameters": parameters} if parameters else {}),
                "JobName.$": f"{job}.name",
                "ShareIdentifier": SHARE,
                "SchedulingPriorityOverride.$": f"{job}.priority",
                "ContainerOverrides": overrides,
            },
            "ResultPath": result_path,
        },
    )
    return _retried(step, errors=_BATCH_TRANSIENT, seconds=2)


def _retried(step: sfn.CustomState, *, errors: list[str], seconds: int) -> sfn.CustomState:
    step.add_retry(
        errors=errors,
        interval=Duration.seconds(seconds),
        backoff_rate=2,
        max_attempts=4,
        jitter_strategy=sfn.JitterType.FULL,
    )
    return step
