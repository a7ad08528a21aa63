"""How a workflow runs jobs on the farm: again after what may pass, larger where memory was short, never in vain.

AWS Batch itself repeats an attempt only where a spot machine was taken away. Whatever else a job fails with comes back
to the workflow, and a function decides by what is known of it: it sees the exit code, Batch's reasons, and how often
this job was tried, none of which a ``Retry`` of Step Functions can tell apart.
"""

from __future__ import annotations

from typing import cast

from aws_cdk import ArnFormat, Aws, CfnElement
from aws_cdk import aws_batch as batch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from lambdas.encoding.environment import CapEnvironment, RetryEnvironment
from lambdas.encoding.retries import Action
from lambdas.encoding.spot_handlers import SPOT_UNTIL
from stacks.constructs.acknowledgement import acknowledge, wildcard_finding
from stacks.constructs.context_stack import ContextStack
from stacks.constructs.failure_recorder import FailureRecorder
from stacks.constructs.service_function import ServiceFunction
from stacks.constructs.workflow import batch_step, lambda_step

JOB_FAILED = "JobFailedError"
"""A job has failed for good, and has kept the evidence of it."""
LABEL = "Jobs"
_UNDECIDED = {"reason": "nobody could decide what becomes of it"}


class FarmJobs(Construct):
    """The states that run jobs, each of the definition that its step says, and of the size that it says itself.

    A job waits in the queue whose ARN the state has as ``farm.queue``, until it is decided otherwise.

    Parameters
    ----------
    stack
        The encoding stack.
    on_demand
        Where those wait that are moved off spot.
    spending
        What the function that decides needs to hold a version to its cap.
    failures
        Keeps the evidence of a job that fails for good.
    """

    def __init__(
        self,
        stack: ContextStack,
        construct_id: str,
        *,
        on_demand: batch.IJobQueue,
        spending: CapEnvironment,
        failures: FailureRecorder,
    ) -> None:
        super().__init__(stack, construct_id)
        self._stack, self._failures = stack, failures
        encoding = stack.settings.encoding
        self.decide = ServiceFunction(
            stack,
            "DecideRetry",
            handler="lambdas.encoding.retry_handlers.decide_retry",
            environment=RetryEnvironment(
                **spending.model_dump(),
                first_pause_s=encoding.first_retry_pause_s,
                most_memory_mib=encoding.most_memory_mib,
                on_demand_queue=on_demand.job_queue_arn,
            ),
            description="Says whether a failed job is tried again, when, where, and how large.",
        )

    def one(self, name: str, *, definition: batch.IJobDefinition, job: str) -> sfn.Parallel:
        """Return a step that runs the job at the path `job`; it leaves the state as it is."""
        step = sfn.Parallel(self, name, parameters=self._item(job), result_path=sfn.JsonPath.DISCARD)
        return step.branch(self._loop(name, definition))

    def each(
        self, name: str, *, definition: batch.IJobDefinition, bucket: str, key: str, at_once: int
    ) -> sfn.CustomState:
        """Return a step that runs every job of a JSON list in S3, each as an execution of its own.

        A state of Step Functions holds 256 KiB and an execution 25,000 events: a long film has more jobs than fit.

        Parameters
        ----------
        bucket, key
            The paths of the list's bucket and key.
        at_once
            How many jobs may be in the farm's queue, or at work, at the same time.
        """
        processor = sfn.StateGraph(self._loop(name, definition).start_state, f"{name}, one").to_graph_json()
        return sfn.CustomState(
            self,
            name,
            state_json={
                "Type": "Map",
                "Label": LABEL,
                "ItemReader": {
                    "Resource": f"arn:{Aws.PARTITION}:states:::s3:getObject",
                    "ReaderConfig": {"InputType": "JSON"},
                    "Parameters": {"Bucket.$": bucket, "Key.$": key},
                },
                "ItemSelector": self._item("$$.Map.Item.Value"),
                "ItemProcessor": {
                    "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
                    **processor,
                },
                "MaxConcurrency": at_once,
                "ResultPath": sfn.JsonPath.DISCARD,
            },
        )

    def let_run(self, machine: sfn.StateMachine) -> None:
        """Let `machine` start and end the executions that `each` stands for."""
        machine_id = self._stack.resolve(cast("CfnElement", machine.node.default_child).logical_id)

        def executions_of(name: str) -> str:
            return self._stack.format_arn(
                service="states",
                resource="execution",
                resource_name=f"{name}/{LABEL}:*",
                arn_format=ArnFormat.COLON_RESOURCE_NAME,
            )

        # A policy of its own: the machine needs its role's, so that one must not need the machine.
        policy = iam.Policy(
            self,
            "RunEach",
            roles=[machine.role],
            statements=[
                iam.PolicyStatement(actions=["states:StartExecution"], resources=[machine.state_machine_arn]),
                iam.PolicyStatement(
                    actions=["states:DescribeExecution", "states:StopExecution"],
                    resources=[executions_of(machine.state_machine_name)],
                ),
            ],
        )
        acknowledge(
            policy,
            reason="The executions of its own Distributed Map, whose ids Step Functions draws.",
            rules=(wildcard_finding(self, executions_of(f"<{machine_id}.Name>")),),
        )

    def _item(self, job: str) -> dict[str, object]:
        """Return what the loop of the job at the path `job` begins with."""
        return {
            "job.$": job,
            # Text, which is how Batch wants a size.
            "vcpus.$": f"States.Format('{{}}', {job}.vcpus)",
            "memory.$": f"States.Format('{{}}', {job}.memory_mib)",
            "queue.$": "$.farm.queue",
            "tried": {},
            "next": _UNDECIDED,
            "execution.$": "$$.Execution.Id",
            "input.$": "$$.Execution.Input",
        }

    def _loop(self, name: str, definition: batch.IJobDefinition) -> sfn.Chain:
        """Return the states of one job: run, and where that fails, decide, and wait and run again, or fail.

        A job that fails for good keeps the evidence. It announces nothing: that is its execution's to do, once, however
        many of its jobs fail.
        """
        scope = Construct(self, f"{name} loop")
        running = batch_step(
            scope,
            f"{name}: run",
            definition=definition,
            queue="$.queue",
            job="$.job",
            vcpus="$.vcpus",
            memory="$.memory",
            parameters={f"{SPOT_UNTIL}.$": "$.job.spot_until"},
        )
        deciding = lambda_step(
            scope,
            f"{name}: decide",
            function=self.decide,
            payload={
                "version_id.$": "$.input.version_id",
                "title_id.$": "$.input.title.title_id",
                "job.$": "$.job",
                "queue.$": "$.queue",
                "tried.$": "$.tried",
                "error.$": "$.error",
            },
            result_path="$.next",
        )
        again = sfn.Pass(
            scope,
            f"{name}: again",
            parameters={
                "job.$": "$.job",
                "vcpus.$": "$.vcpus",
                "memory.$": "$.next.memory",
                "queue.$": "$.next.queue",
                "tried.$": "$.next.tried",
                "next": _UNDECIDED,
                "execution.$": "$.execution",
                "input.$": "$.input",
            },
        )
        waiting = sfn.Wait(scope, f"{name}: wait", time=sfn.WaitTime.seconds_path("$.next.pause_s"))
        failed = sfn.Fail(scope, f"{name}: failed", error=JOB_FAILED, cause_path="$.error.Cause")
        keeping = self._failures.keeping(
            scope,
            f"{name}: keep evidence",
            of={
                "execution.$": "$.execution",
                "input.$": "$.input",
                "error.$": "$.error",
                "decision.$": "$.next.reason",
                "reads.$": "$.job.reads",
            },
            otherwise=f"{name}: keep as it is",
            then=failed,
        )
        running.add_catch(deciding, errors=[sfn.Errors.ALL], result_path="$.error")
        deciding.add_catch(keeping, errors=[sfn.Errors.ALL], result_path=sfn.JsonPath.DISCARD)
        deciding.next(
            sfn.Choice(scope, f"{name}: again?")
            .when(sfn.Condition.string_equals("$.next.action", Action.FAIL.value), keeping)
            .otherwise(waiting)
        )
        waiting.next(again).next(running)
        # Nothing: the results of thousands would not fit into the state of the map.
        return sfn.Chain.start(running).next(sfn.Pass(scope, f"{name}: done", result=sfn.Result.from_object({})))
