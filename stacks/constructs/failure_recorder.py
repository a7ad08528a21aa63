"""What becomes of a failed workflow: the evidence of each failure goes to a queue, one event tells, people look."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from aws_cdk import Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from lambdas.common.environment import Environment
from lambdas.common.evidence import ENDED_FROM_OUTSIDE, FAILED
from lambdas.common.failures_environment import AnnouncementEnvironment, EndEnvironment, EvidenceEnvironment
from stacks.constructs.context_stack import ContextStack
from stacks.constructs.service_function import ServiceFunction
from stacks.constructs.workflow import lambda_step, queue_step

_OF_THE_EXECUTION = {"execution.$": "$$.Execution.Id", "input.$": "$$.Execution.Input", "error.$": "$.error"}


class FailureRecorder(Construct):
    """The end of every path that nobody planned: evidence to the queue, then one ``PipelineFailed`` to the bus.

    Whatever fails on the way, the execution fails in the end with what it failed with at first, which is an alarm.

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
        self._stack, self._bus = stack, bus
        self.queue = stack.dead_letter_queue("FailedJobs", written_by="whatever keeps the evidence of a failure")
        evidence = EvidenceEnvironment(
            pipeline=pipeline, failures_queue_url=self.queue.queue_url, log_group=job_logs.log_group_name
        )
        announcement = AnnouncementEnvironment(pipeline=pipeline, event_bus=bus.event_bus_name)
        self._end = EndEnvironment(failures_queue_url=self.queue.queue_url, **announcement.model_dump())
        self._keeper = self._function(
            "KeepEvidence", handler="keep", environment=evidence, description="Keeps the evidence of a failure."
        )
        self._keeper.add_to_role_policy(self._sending())
        job_logs.grant(self._keeper, "logs:GetLogEvents")
        announcer = self._function(
            "AnnounceFailure",
            handler="announce",
            environment=announcement,
            description="Announces that a workflow has failed.",
        )
        bus.grant_put_events_to(announcer)
        self.functions = (self._keeper, announcer)
        """What the workflow has to be able to call."""
        failed = sfn.Fail(
            self,
            "Failed",
            error_path=sfn.JsonPath.string_at("$.error.Error"),
            cause_path=sfn.JsonPath.string_at("$.error.Cause"),
        )
        self._announcing = lambda_step(
            self,
            "AnnounceFailure",
            function=announcer,
            payload=_OF_THE_EXECUTION,
            result_path=sfn.JsonPath.DISCARD,
        )
        self._announcing.add_catch(failed, errors=[sfn.Errors.ALL], result_path=sfn.JsonPath.DISCARD)
        self._announcing.next(failed)
        self._keeping = self.keeping(
            self, "KeepEvidence", of=_OF_THE_EXECUTION, otherwise="KeepAsItIs", then=self._announcing
        )

    def keeping(
        self, scope: Construct, construct_id: str, *, of: Mapping[str, object], otherwise: str, then: sfn.IChainable
    ) -> sfn.CustomState:
        """Return a step that keeps the evidence of a failure, and goes on to `then` whether it could or not.

        Parameters
        ----------
        of
            Where the function finds what it is given.
        otherwise
            The id of the step that keeps the same as it is where the function fails: without a job's log, but kept.
        """
        as_it_is = queue_step(
            scope, otherwise, queue=self.queue, message={**of, "not_looked_into.$": "$.not_looked_into"}
        )
        as_it_is.add_catch(then, errors=[sfn.Errors.ALL], result_path=sfn.JsonPath.DISCARD)
        as_it_is.next(then)
        keeping = lambda_step(scope, construct_id, function=self._keeper, payload=of, result_path=sfn.JsonPath.DISCARD)
        keeping.add_catch(as_it_is, errors=[sfn.Errors.ALL], result_path="$.not_looked_into")
        keeping.next(then)
        return keeping

    def watch(self, machine: sfn.StateMachine) -> None:
        """Let `machine` keep what the function cannot, and record what no step can: that it was ended otherwise."""
        machine.add_to_role_policy(self._sending())
        function = self._function(
            "RecordEnd",
            handler="record_end",
            environment=self._end,
            description="Keeps the evidence of an execution whose end no step could record, and announces the failure.",
        )
        function.add_to_role_policy(self._sending())
        self._bus.grant_put_events_to(function)
        events.Rule(
            self._stack,
            "ExecutionEnded",
            description=f"An execution of {machine.node.path} that ended without a result calls {function.node.id}.",
            event_pattern=events.EventPattern(
                source=["aws.states"],
                detail_type=["Step Functions Execution Status Change"],
                detail={"stateMachineArn": [machine.state_machine_arn], "status": [*ENDED_FROM_OUTSIDE, FAILED]},
            ),
            targets=[targets.LambdaFunction(function, dead_letter_queue=self._stack.dead_letters)],
        )

    def guard(
        self, *steps: sfn.TaskStateBase | sfn.CustomState | sfn.Map | sfn.Parallel, kept: tuple[str, ...] = ()
    ) -> None:
        """Send whatever goes wrong in `steps`, after their own retries, to the end that keeps and announces it.

        Parameters
        ----------
        kept
            Errors with which a step ends that has kept the evidence of its failure already: they are announced only.
        """
        for step in steps:
            if kept:
                step.add_catch(self._announcing, errors=[*kept], result_path="$.error")
            step.add_catch(self._keeping, errors=[sfn.Errors.ALL], result_path="$.error")

    def _function(
        self, construct_id: str, *, handler: str, environment: Environment, description: str
    ) -> ServiceFunction:
        return ServiceFunction(
            self._stack,
            construct_id,
            handler=f"lambdas.common.failures.{handler}",
            environment=environment,
            description=description,
            timeout=Duration.seconds(30),
        )

    def _sending(self) -> iam.PolicyStatement:
        # Not CDK's own grant, which lets one ask for the queue's attributes as well.
        return iam.PolicyStatement(actions=["sqs:SendMessage"], resources=[self.queue.queue_arn])
