"""Encoding: the farm, and the workflow that makes an accepted source a packaged version."""

from __future__ import annotations

from aws_cdk import CfnOutput, Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct
from pydantic import TypeAdapter

from lambdas.common.events import SourceAccepted
from lambdas.common.keys import ANALYSIS_PREFIX, WORK_PREFIX
from lambdas.encoding.environment import PlanEnvironment, RegisterEnvironment, StartEnvironment
from lambdas.encoding.models import VideoRecipe
from stacks.constructs.bus_subscription import subscribe
from stacks.constructs.context_stack import ContextStack
from stacks.constructs.encoder_farm import EncoderFarm
from stacks.constructs.failure_recorder import FailureRecorder
from stacks.constructs.media_bucket import MediaBucket
from stacks.constructs.object_access import Access, grant_objects
from stacks.constructs.service_function import ServiceFunction
from stacks.constructs.workflow import Workflow, batch_step, lambda_step
from stacks.settings import Settings

HANDLERS = "lambdas.encoding.handlers"


class EncodingStack(ContextStack):
    """From ``SourceAccepted`` to ``VersionPackaged``."""

    def __init__(
        self,
        scope: Construct,
        *,
        settings: Settings,
        raw: MediaBucket,
        mezzanine: MediaBucket,
        media: MediaBucket,
        access_logs: s3.IBucket,
        data_key: kms.IKey,
        bus: events.IEventBus,
        key_service: lambda_.IFunction,
        content_key: kms.IKey,
        alarms: sns.ITopic,
    ) -> None:
        super().__init__(
            scope,
            "encoding",
            settings=settings,
            region=settings.primary_region,
            data_key=data_key,
            alarms=alarms,
            description="Marquee: the Batch farm and the encoding workflow.",
        )
        self._raw, self._mezzanine, self._media, self._bus = raw, mezzanine, media, bus
        self._content_key = content_key
        self.farm = EncoderFarm(self, "Farm", flow_logs=access_logs)
        workflow = self._workflow(key_service)
        self._start_on_acceptance(workflow.state_machine)
        CfnOutput(self, "WorkflowArn", value=workflow.state_machine.state_machine_arn)
        CfnOutput(self, "JobQueueArn", value=self.farm.encoding_queue.job_queue_arn)
        CfnOutput(self, "InspectionQueueArn", value=self.farm.inspection_queue.job_queue_arn)
        CfnOutput(self, "MediaBucket", value=media.bucket_name)
        CfnOutput(self, "WorkBucket", value=mezzanine.bucket_name)

    def _workflow(self, key_service: lambda_.IFunction) -> Workflow:
        """Issue keys, plan, encode chunk by chunk, join and score rung by rung, package, verify, register."""
        encoding = self.settings.encoding
        plan = ServiceFunction(
            self,
            "Plan",
            handler=f"{HANDLERS}.plan",
            environment=PlanEnvironment(
                work_bucket=self._mezzanine.bucket_name,
                media_bucket=self._media.bucket_name,
                event_bus=self._bus.event_bus_name,
                ladder=TypeAdapter(tuple[VideoRecipe, ...]).dump_json(encoding.ladder).decode(),
                chunk_segments=encoding.chunk_segments,
                segment_s=encoding.segment_s,
            ),
            description="Plans the chunk and rung jobs of a version.",
        )
        grant_objects(self._mezzanine, plan.execution_role, Access.WRITE, prefix=WORK_PREFIX)
        self._bus.grant_put_events_to(plan)
        register = ServiceFunction(
            self,
            "Register",
            handler=f"{HANDLERS}.register",
            environment=RegisterEnvironment(
                work_bucket=self._mezzanine.bucket_name, event_bus=self._bus.event_bus_name
            ),
            description="Announces a packaged version, with what its check found.",
        )
        grant_objects(self._mezzanine, register.execution_role, Access.READ, prefix=WORK_PREFIX)
        self._bus.grant_put_events_to(register)

        states = Construct(self, "States")
        job = self.farm.job_definition(self, "EncodeJob", role=self._encoder())

        def run(name: str, path: str) -> sfn.CustomState:
            return batch_step(states, name, definition=job, queue=self.farm.encoding_queue, job=path)

        issuing = lambda_step(
            states,
            "Issue content keys",
            function=key_service,
            payload={"title_id.$": "$.title.title_id"},
            result_path="$.issued",
        )
        planning = lambda_step(states, "Plan", function=plan)
        encoding_chunks = sfn.Map(
            states,
            "Encode each chunk",
            items_path="$.chunk_jobs",
            max_concurrency=encoding.max_parallel_jobs,
            result_path=sfn.JsonPath.DISCARD,
        ).item_processor(run("Encode", "$"))
        rungs = sfn.Map(
            states,
            "Finish each rung",
            items_path="$.rung_jobs",
            max_concurrency=encoding.max_parallel_jobs,
            result_path=sfn.JsonPath.DISCARD,
        ).item_processor(run("Join", "$.join").next(run("Score", "$.score")))
        packaging = run("Package", "$.package")
        verifying = run("Verify", "$.verify")
        registering = lambda_step(states, "Register", function=register)
        failures = FailureRecorder(self, "Failures", pipeline="encoding", bus=self._bus, job_logs=self.farm.log_group)
        failures.guard(issuing, planning, encoding_chunks, rungs, packaging, verifying, registering)
        issuing.next(planning).next(encoding_chunks).next(rungs).next(packaging).next(verifying).next(registering).next(
            sfn.Succeed(states, "Packaged")
        )
        workflow = Workflow(
            self,
            "Encode a version",
            start=issuing,
            functions=(key_service, plan, register, failures.function),
            queues=(self.farm.encoding_queue,),
            timeout=Duration.hours(24),
            comment="One execution a version.",
        )
        failures.watch(workflow.state_machine)
        return workflow

    def _encoder(self) -> iam.Role:
        role = iam.Role(
            self,
            "EncoderRole",
            assumed_by=iam.ServicePrincipal("ecs-tasks.amazonaws.com"),
            description="Reads sources, works in the mezzanine bucket, writes packaged media and reads it back.",
        )
        grant_objects(self._raw, role, Access.READ)
        grant_objects(self._mezzanine, role, Access.READ_WRITE, prefix=WORK_PREFIX)
        grant_objects(self._mezzanine, role, Access.READ, prefix=ANALYSIS_PREFIX)
        grant_objects(self._media, role, Access.READ_WRITE)
        self._content_key.grant(role, "kms:Decrypt")
        return role

    def _start_on_acceptance(self, state_machine: sfn.StateMachine) -> None:
        start = ServiceFunction(
            self,
            "Start",
            handler=f"{HANDLERS}.start",
            environment=StartEnvironment(state_machine_arn=state_machine.state_machine_arn),
            description="Starts one execution a version.",
        )
        state_machine.grant_start_execution(start)
        subscribe(self, SourceAccepted, bus=self._bus, function=start)
