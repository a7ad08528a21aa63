"""What becomes of a failed workflow: its evidence goes to a queue, an event tells, people look."""

from __future__ import annotations

from typing import Literal

from aws_cdk import Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_logs as logs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from lambdas.common.evidence import ENDED_FROM_OUTSIDE
from lambdas.common.failures_environment import FailureEnvironment
from stacks.constructs.context_stack import ContextStack
from stacks.constructs.service_function import ServiceFunction
from stacks.constructs.workflow import lambda_step


class FailureRecorder(Construct):
    """The end of every path that nobody planned: evidence to the queue, ``PipelineFailed`` to the bus.

    Parameters
    ----------
    stack
        The context's stack.
    pipeline
        Which workflow this records the failures of.
    bus
        Where the failure is announced.
    job_logs
        The log group of the Batch jobs, whose tail is part of the evidence.
    """

    def __init__(
        self,
        stack: ContextStack,
        construct_id: str,
        *,
        pipeline: Literal["ingestion", "encoding"],
        bus: events.IEventBus,
        job_logs: logs.ILogGroup,
    ) -> None:
        super().__init__(stack, construct_id)
        self._stack, self._bus, self._pipeline, self._job_logs = stack, bus, pipeline, job_logs
        self.queue = stack.dead_letter_queue("FailedJobs", written_by="the failure recorder")
        self.function = self._recorder("RecordFailure", handler="record", of="a failed workflow")
        self._record = lambda_step(self, "RecordFailure", function=self.function, result_path=sfn.JsonPath.DISCARD)
        self._failed = sfn.Fail(
            self,
            "Failed",
            error_path=sfn.JsonPath.string_at("$.error.Error"),
            cause_path=sfn.JsonPath.string_at("$.error.Cause"),
        )
        self._context = sfn.Pass(
            self,
            "WithExecution",
            parameters={
                "execution": sfn.JsonPath.string_at("$$.Execution.Id"),
                "input": sfn.JsonPath.object_at("$$.Execution.Input"),
                "error": sfn.JsonPath.object_at("$.error"),
            },
        )
        self._context.next(self._record)
        self._record.next(self._failed)

    def watch(self, machine: sfn.StateMachine) -> None:
        """Record what no step can: an execution of `machine` that ran out of its time, or was stopped."""
        function = self._recorder("RecordEnd", handler="record_end", of="an execution that was ended from outside")
        events.Rule(
            self._stack,
            "ExecutionEnded",
            description=f"An execution of {machine.node.path} that timed out or was stopped calls {function.node.id}.",
            event_pattern=events.EventPattern(
                source=["aws.states"],
                detail_type=["Step Functions Execution Status Change"],
                detail={"stateMachineArn": [machine.state_machine_arn], "status": [*ENDED_FROM_OUTSIDE]},
            ),
            targets=[targets.LambdaFunction(function, dead_letter_queue=self._stack.dead_letters)],
        )

    def _recorder(self, construct_id: str, *, handler: str, of: str) -> ServiceFunction:
        function = ServiceFunction(
            self._stack,
            construct_id,
            handler=f"lambdas.common.failures.{handler}",
            environment=FailureEnvironment(
                failures_queue_url=self.queue.queue_url,
                event_bus=self._bus.event_bus_name,
                pipeline=self._pipeline,
                log_group=self._job_logs.log_group_name,
            ),
            description=f"Keeps the evidence of {of} and announces the failure.",
            timeout=Duration.seconds(30),
        )
        self.queue.grant_send_messages(function)
        self._bus.grant_put_events_to(function)
        self._job_logs.grant(function, "logs:GetLogEvents")
        return function

    def guard(
        self, *steps: sfn.TaskStateBase | sfn.CustomState | sfn.Map | sfn.Parallel, recorded: tuple[str, ...] = ()
    ) -> None:
        """Send whatever goes wrong in `steps`, after their own retries, to the recorder.

        Parameters
        ----------
        recorded
            Errors with which a step ends that has recorded its failure already.
        """
        for step in steps:
            if recorded:
                step.add_catch(self._failed, errors=[*recorded], result_path="$.error")
            step.add_catch(self._context, errors=[sfn.Errors.ALL], result_path="$.error")
