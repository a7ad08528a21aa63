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
from lambdas.common.keys import ANALYSIS_PREFIX, ANY_PREDICTION, WORK_PREFIX
from lambdas.encoding.environment import JobsEnvironment, PlanEnvironment, RegisterEnvironment, StartEnvironment
from lambdas.encoding.models import VideoRecipe
from stacks.constructs.bus_subscription import subscribe
from stacks.constructs.context_stack import ContextStack
from stacks.constructs.encoder_farm import EncoderFarm
from stacks.constructs.failure_recorder import FailureRecorder
from stacks.constructs.farm_jobs import JOB_FAILED, MAP_FAILED, FarmJobs
from stacks.constructs.media_bucket import MediaBucket
from stacks.constructs.object_access import Access, grant_objects
from stacks.constructs.service_function import ServiceFunction
from stacks.constructs.table import allow, table
from stacks.constructs.workflow import Workflow, lambda_step
from stacks.settings import Settings

HANDLERS = "lambdas.encoding.handlers"
_PATIENCE = Duration.hours(72)
"""How long a version may take, its jobs' waiting for machines included: one job alone may wait for 48 hours."""
_MOST_BRANCHES = 40
"""Of an inline Map, at once."""


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
        self._jobs = table(self, "FarmJobs", partition_key="version_id", sort_key="job")
        workflow = self._workflow(key_service)
        self._start_on_acceptance(workflow.state_machine)
        self._operators()
        CfnOutput(self, "JobsTable", value=self._jobs.table_name)
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
                capacity=encoding.first_capacity,
                job_vcpus=encoding.job_vcpus,
                job_memory_mib=encoding.job_memory_mib,
            ),
            description="Plans the chunk and rung jobs of a version, and predicts their cost.",
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
        failures = FailureRecorder(self, "Failures", pipeline="encoding", bus=self._bus, job_logs=self.farm.log_group)
        jobs = FarmJobs(
            self,
            "Jobs",
            definition=self.farm.job_definition(self, "EncodeJob", role=self._encoder(), jobs=self._jobs),
            queue=self.farm.encoding_queue,
            failures=failures,
        )
        issuing = lambda_step(
            states,
            "Issue content keys",
            function=key_service,
            payload={"title_id.$": "$.title.title_id"},
            result_path="$.issued",
        )
        planning = lambda_step(states, "Plan", function=plan)
        encoding_chunks = jobs.each(
            "Encode each chunk",
            bucket="$.chunk_jobs.bucket",
            key="$.chunk_jobs.key",
            at_once=encoding.max_parallel_jobs,
        )
        rungs = sfn.Map(
            states,
            "Finish each rung",
            items_path="$.rung_jobs",
            max_concurrency=min(encoding.max_parallel_jobs, _MOST_BRANCHES),
            result_path=sfn.JsonPath.DISCARD,
        ).item_processor(jobs.one("Join", job="$.join").next(jobs.one("Score", job="$.score")))
        packaging = jobs.one("Package", job="$.package")
        verifying = jobs.one("Verify", job="$.verify")
        registering = lambda_step(states, "Register", function=register)
        failures.guard(issuing, planning, registering)
        failures.guard(encoding_chunks, rungs, packaging, verifying, recorded=(JOB_FAILED, MAP_FAILED))
        issuing.next(planning).next(encoding_chunks).next(rungs).next(packaging).next(verifying).next(registering).next(
            sfn.Succeed(states, "Packaged")
        )
        workflow = Workflow(
            self,
            "Encode a version",
            start=issuing,
            functions=(key_service, plan, register, jobs.decide, failures.function),
            queues=(self.farm.encoding_queue,),
            timeout=_PATIENCE,
            comment="One execution a version.",
        )
        jobs.let_run(workflow.state_machine)
        grant_objects(self._mezzanine, workflow.state_machine.role, Access.READ, prefix=WORK_PREFIX)
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
        allow(self._jobs, role, "dynamodb:GetItem", "dynamodb:PutItem")
        return role

    def _operators(self) -> None:
        """What people call with their own AWS credentials; the output tells them the name."""
        jobs = ServiceFunction(
            self,
            "ListJobs",
            handler="lambdas.encoding.farm_handlers.jobs",
            environment=JobsEnvironment(jobs_table=self._jobs.table_name, work_bucket=self._mezzanine.bucket_name),
            description="Tells the jobs of a version, their attempts, and what they cost.",
        )
        allow(self._jobs, jobs, "dynamodb:Query")
        grant_objects(self._mezzanine, jobs.execution_role, Access.READ, prefix=ANY_PREDICTION)
        CfnOutput(self, "JobsFunction", value=jobs.function_name)

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
