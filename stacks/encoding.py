"""Encoding: the farm, and the workflow that makes an accepted source a packaged version."""

from __future__ import annotations

import json
from typing import cast

from aws_cdk import ArnFormat, CfnElement, CfnOutput, Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from lambdas.common.events import ReencodeRequested, RepackageRequested, SourceAccepted
from lambdas.common.keys import (
    ANALYSIS_PREFIX,
    ANY_ENCODED,
    ANY_LADDER,
    ANY_PACKAGE,
    ANY_PLAN,
    ANY_PREDICTION,
    ANY_THUMBNAIL,
    ANY_VERIFICATION,
    MADE_PREFIX,
    WORK_PREFIX,
)
from lambdas.encoding.environment import (
    ChooseEnvironment,
    JobsEnvironment,
    JudgeEnvironment,
    PlanEnvironment,
    ProspectEnvironment,
    RegisterEnvironment,
    RepackageEnvironment,
    RetryVersionEnvironment,
    StartEnvironment,
    StockEnvironment,
)
from lambdas.encoding.ladder import packed
from stacks.constructs.acknowledgement import acknowledge, wildcard_finding
from stacks.constructs.bus_subscription import subscribe_to_any
from stacks.constructs.content_keys import allow_content_keys
from stacks.constructs.context_stack import ContextStack
from stacks.constructs.encoder_farm import EncoderFarm
from stacks.constructs.failure_recorder import FailureRecorder
from stacks.constructs.farm_jobs import JOB_FAILED, FarmJobs
from stacks.constructs.farm_mode import FarmModeSwitch
from stacks.constructs.farm_progress import FarmProgress
from stacks.constructs.farm_watch import FarmWatch
from stacks.constructs.media_bucket import MediaBucket
from stacks.constructs.object_access import Access, grant_objects
from stacks.constructs.service_function import ServiceFunction
from stacks.constructs.spot_patience import SpotPatience
from stacks.constructs.table import allow, table
from stacks.constructs.title_spending import TitleSpending
from stacks.constructs.workflow import Workflow, lambda_step
from stacks.settings import Settings

HANDLERS = "lambdas.encoding.handlers"
_PATIENCE = Duration.hours(72)
"""How long a version may take, its jobs' waiting for machines included: one job alone may wait for 48 hours."""
_NEW_VERSIONS = (SourceAccepted, ReencodeRequested, RepackageRequested)
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
        self._spending = TitleSpending(self, "Spending", jobs=self._jobs)
        self._mode = FarmModeSwitch(
            self, "FarmMode", queues=(self.farm.encoding_queue, self.farm.on_demand_queue), bus=bus
        )
        self._stock = StockEnvironment(
            **self._spending.environment.model_dump(),
            work_bucket=mezzanine.bucket_name,
            encoding_queue=self.farm.encoding_queue.job_queue_arn,
            on_demand_queue=self.farm.on_demand_queue.job_queue_arn,
        )
        workflow = self._workflow(key_service)
        self._start_on_acceptance(workflow.state_machine)
        self._progress = FarmProgress(
            self,
            "FarmProgress",
            queues=[queue for name, queue in self.farm.queues.items() if name != "inspection"],
            jobs=self._jobs,
            mezzanine=mezzanine,
            bus=bus,
        )
        self._operators(workflow.state_machine)
        SpotPatience(self, "SpotPatience", queue=self.farm.encoding_queue)
        FarmWatch(self, "Watch", queues=self.farm.queues, jobs=self._jobs)
        CfnOutput(self, "JobsTable", value=self._jobs.table_name)
        CfnOutput(self, "WorkflowArn", value=workflow.state_machine.state_machine_arn)
        CfnOutput(self, "JobQueueArn", value=self.farm.encoding_queue.job_queue_arn)
        CfnOutput(self, "OnDemandQueueArn", value=self.farm.on_demand_queue.job_queue_arn)
        CfnOutput(self, "InspectionQueueArn", value=self.farm.inspection_queue.job_queue_arn)
        CfnOutput(self, "MediaBucket", value=media.bucket_name)
        CfnOutput(self, "WorkBucket", value=mezzanine.bucket_name)

    def _workflow(self, key_service: lambda_.IFunction) -> Workflow:
        """Issue keys, plan, search and choose the ladder, encode, join and score, judge, package, verify, register."""
        encoding = self.settings.encoding
        plan, choose, plan_repackaging = self._planning()
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
        grant_objects(self._mezzanine, register.execution_role, Access.SEND, prefix=MADE_PREFIX)
        self._bus.grant_put_events_to(register)

        judge = ServiceFunction(
            self,
            "JudgeQuality",
            handler="lambdas.encoding.gate_handlers.judge_quality",
            environment=JudgeEnvironment(work_bucket=self._mezzanine.bucket_name, event_bus=self._bus.event_bus_name),
            description="Lets a version be packaged, has chunks encoded again, or rejects it, by its scores.",
        )
        for access in (Access.READ, Access.SEND):
            grant_objects(self._mezzanine, judge.execution_role, access, prefix=WORK_PREFIX)
        self._bus.grant_put_events_to(judge)

        stock = ServiceFunction(
            self,
            "TakeStock",
            handler=f"{HANDLERS}.take_stock",
            environment=self._stock,
            description="Holds a version to its cap, and moves it off spot in time, before its next jobs begin.",
        )
        grant_objects(self._mezzanine, stock.execution_role, Access.READ, prefix=ANY_PREDICTION)
        grant_objects(self._mezzanine, stock.execution_role, Access.READ, prefix=ANY_PLAN)

        states = Construct(self, "States")
        failures = FailureRecorder(self, "Failures", pipeline="encoding", bus=self._bus, job_logs=self.farm.log_group)
        jobs = FarmJobs(
            self,
            "Jobs",
            on_demand=self.farm.on_demand_queue,
            spending=self._spending.environment,
            failures=failures,
        )
        encodes = self.farm.job_definition(self, "EncodeJob", role=self._encoder(), jobs=self._jobs)
        packages = self.farm.job_definition(self, "PackageJob", role=self._packager(), jobs=self._jobs)
        self._spending.let_look(plan, choose, plan_repackaging, stock, jobs.decide)
        issuing = lambda_step(
            states,
            "Issue content keys",
            function=key_service,
            payload={"title_id.$": "$.title.title_id"},
            result_path="$.issued",
        )
        planning = lambda_step(states, "Plan", function=plan)
        searching = jobs.one("Search the ladder", definition=encodes, job="$.search")
        choosing = lambda_step(
            states, "Choose the ladder", function=choose, payload={"accepted.$": "$$.Execution.Input"}
        )
        encoding_chunks = jobs.each(
            "Encode each chunk",
            definition=encodes,
            bucket="$.chunk_jobs.bucket",
            key="$.chunk_jobs.key",
            at_once=encoding.max_parallel_jobs,
        )
        before_rungs = self._taking_stock(states, stock, before="the rungs", job="$.rung_jobs[0].join")
        rungs = sfn.Map(
            states,
            "Finish each rung",
            items_path="$.rung_jobs",
            item_selector={
                "join.$": "$$.Map.Item.Value.join",
                "score.$": "$$.Map.Item.Value.score",
                "farm.$": "$.farm",
            },
            max_concurrency=min(encoding.max_parallel_jobs, _MOST_BRANCHES),
            result_path=sfn.JsonPath.DISCARD,
        ).item_processor(
            jobs.one("Join", definition=encodes, job="$.join").next(
                jobs.one("Score", definition=encodes, job="$.score")
            )
        )
        judging = lambda_step(
            states,
            "Judge quality",
            function=judge,
            payload={"version_id.$": "$.version_id", "rung_jobs.$": "$.rung_jobs"},
            result_path="$.quality",
        )
        again = self._again(states)
        good_enough = sfn.Choice(states, "Good enough?")
        before_packaging = self._taking_stock(states, stock, before="packaging", job="$.package")
        packaging = jobs.one("Package", definition=packages, job="$.package")
        verifying = jobs.one("Verify", definition=packages, job="$.verify")
        registering = lambda_step(states, "Register", function=register)
        waiting = sfn.Wait(states, "Wait for off-peak hours", time=sfn.WaitTime.timestamp_path("$.start_at"))
        anew, planning_anew = self._planning_anew(states, key_service, plan_repackaging, failures=failures)
        beginning = sfn.Choice(states, "May it wait?")
        beginning.when(sfn.Condition.is_present("$.repackages"), anew)
        beginning.when(sfn.Condition.is_present("$.start_at"), waiting.next(issuing)).otherwise(issuing)
        planning_anew.next(before_packaging)
        failures.guard(issuing, planning, choosing, before_rungs, judging, before_packaging, registering)
        failures.guard(searching, encoding_chunks, rungs, packaging, verifying, kept=(JOB_FAILED,))
        issuing.next(planning).next(searching).next(choosing).next(encoding_chunks)
        encoding_chunks.next(before_rungs).next(rungs).next(judging).next(good_enough)
        good_enough.when(sfn.Condition.boolean_equals("$.quality.passed", value=True), before_packaging)
        good_enough.otherwise(again.next(encoding_chunks))
        before_packaging.next(packaging).next(verifying).next(registering).next(sfn.Succeed(states, "Packaged"))
        workflow = Workflow(
            self,
            "Encode a version",
            start=beginning,
            functions=(
                key_service,
                plan,
                choose,
                plan_repackaging,
                stock,
                judge,
                register,
                jobs.decide,
                *failures.functions,
            ),
            queues=(self.farm.encoding_queue, self.farm.on_demand_queue),
            timeout=_PATIENCE,
            comment="One execution a version.",
        )
        jobs.let_run(workflow.state_machine)
        grant_objects(self._mezzanine, workflow.state_machine.role, Access.READ, prefix=WORK_PREFIX)
        failures.watch(workflow.state_machine)
        return workflow

    def _planning(self) -> tuple[ServiceFunction, ServiceFunction, ServiceFunction]:
        """Return what plans a version up to the search for its ladder, what chooses the ladder, what packages anew."""
        encoding = self.settings.encoding
        prospect = ProspectEnvironment(
            **self._stock.model_dump(),
            capacity=encoding.first_capacity,
            sizes=encoding.sizes.model_dump_json(),
            at_once=encoding.max_parallel_jobs,
            on_demand_vcpus=encoding.on_demand_max_vcpus,
            sla_hours=encoding.sla_hours,
            floors=json.dumps({tier: floor.model_dump() for tier, floor in encoding.floors.items()}),
        ).model_dump()
        plan = ServiceFunction(
            self,
            "Plan",
            handler=f"{HANDLERS}.plan",
            environment=PlanEnvironment(
                **prospect,
                media_bucket=self._media.bucket_name,
                ladder=packed(encoding.ladder),
                chunk_segments=encoding.chunk_segments,
                segment_s=encoding.segment_s,
                shortcuts=encoding.shortcuts.model_dump_json(),
                search=encoding.search.model_dump_json(),
                sound=encoding.sound.model_dump_json(),
                **self._mode.variables,
            ),
            description="Plans a version up to the search for its ladder, and predicts what it will cost.",
        )
        grant_objects(self._mezzanine, plan.execution_role, Access.READ, prefix=ANALYSIS_PREFIX)
        grant_objects(self._mezzanine, plan.execution_role, Access.READ, prefix=ANY_LADDER)
        self._mode.let_read(plan.execution_role)
        grant_objects(self._mezzanine, plan.execution_role, Access.SEND, prefix=WORK_PREFIX)
        choose = ServiceFunction(
            self,
            "ChooseLadder",
            handler="lambdas.encoding.ladder_handlers.choose_ladder",
            environment=ChooseEnvironment(**prospect, event_bus=self._bus.event_bus_name),
            description="Puts the ladder that was found into a version's plan, and answers its chunk and rung jobs.",
        )
        for prefix in (ANY_PLAN, ANY_LADDER):
            grant_objects(self._mezzanine, choose.execution_role, Access.READ, prefix=prefix)
        grant_objects(self._mezzanine, choose.execution_role, Access.SEND, prefix=WORK_PREFIX)
        self._bus.grant_put_events_to(choose)
        plan_repackaging = ServiceFunction(
            self,
            "PlanRepackaging",
            handler="lambdas.encoding.repackaging_handlers.plan_repackaging",
            environment=RepackageEnvironment(**prospect, event_bus=self._bus.event_bus_name),
            description="Plans a version that has the tracks of another, packaged anew.",
        )
        grant_objects(self._mezzanine, plan_repackaging.execution_role, Access.READ, prefix=MADE_PREFIX)
        grant_objects(self._mezzanine, plan_repackaging.execution_role, Access.SEND, prefix=WORK_PREFIX)
        self._bus.grant_put_events_to(plan_repackaging)
        return plan, choose, plan_repackaging

    @staticmethod
    def _planning_anew(
        states: Construct, key_service: lambda_.IFunction, plan: ServiceFunction, *, failures: FailureRecorder
    ) -> tuple[sfn.Choice, sfn.CustomState]:
        """Return the steps before tracks that are there are packaged anew: the first of them, and the last."""
        opening = lambda_step(
            states,
            "Open a key period",
            function=key_service,
            payload={"title_id.$": "$.title.title_id", "opened_for.$": "$.version_id"},
            result_path="$.issued",
        )
        planning = lambda_step(states, "Plan to package anew", function=plan)
        failures.guard(opening, planning)
        choice = sfn.Choice(states, "New keys?")
        choice.when(sfn.Condition.boolean_equals("$.repackages.new_keys", value=True), opening.next(planning))
        return choice.otherwise(planning), planning

    @staticmethod
    def _again(states: Construct) -> sfn.Chain:
        """Return the steps that make the jobs of what is not good enough those to run next."""
        chunks = sfn.Pass(states, "Chunks again", input_path="$.quality.chunk_jobs", result_path="$.chunk_jobs")
        rungs = sfn.Pass(states, "Rungs again", input_path="$.quality.rung_jobs", result_path="$.rung_jobs")
        return sfn.Chain.start(chunks).next(rungs)

    def _taking_stock(self, states: Construct, function: ServiceFunction, *, before: str, job: str) -> sfn.CustomState:
        """Return the step before a phase whose first job is at the path `job`."""
        return lambda_step(
            states,
            f"Take stock before {before}",
            function=function,
            payload={
                "version_id.$": "$.version_id",
                "title_id.$": "$.title_id",
                "spot_until.$": f"{job}.spot_until",
            },
            result_path="$.farm",
        )

    def _encoder(self) -> iam.Role:
        """Return the role of what decodes films, which strangers have made: no key, and nothing that viewers get."""
        role = self._worker("EncoderRole", description="Reads sources, and encodes them in the mezzanine bucket.")
        for prefix in ANY_ENCODED:
            grant_objects(self._mezzanine, role, Access.WRITE, prefix=prefix)
        return role

    def _packager(self) -> iam.Role:
        """Return the role of what packages and checks: it opens content keys, and writes what viewers get."""
        role = self._worker("PackagerRole", description="Encrypts and packages what was encoded, and reads it back.")
        for prefix in (ANY_PACKAGE, ANY_VERIFICATION):
            grant_objects(self._mezzanine, role, Access.WRITE, prefix=prefix)
        # A package that the check finds at fault does not count any more.
        grant_objects(self._mezzanine, role, Access.REMOVE, prefix=ANY_PACKAGE)
        grant_objects(self._mezzanine, role, Access.READ_VERSIONS, prefix=ANY_THUMBNAIL)
        grant_objects(self._media, role, Access.READ_WRITE)
        allow_content_keys(self._content_key, role, "kms:Decrypt")
        return role

    def _worker(self, construct_id: str, *, description: str) -> iam.Role:
        """Return a role with what all jobs of an encode may do: read sources and what was made of them, and claim."""
        role = iam.Role(
            self,
            construct_id,
            assumed_by=iam.ServicePrincipal("ecs-tasks.amazonaws.com"),
            description=description,
        )
        grant_objects(self._raw, role, Access.READ_VERSIONS)
        grant_objects(self._mezzanine, role, Access.READ_VERSIONS, prefix=WORK_PREFIX)
        allow(self._jobs, role, "dynamodb:GetItem", "dynamodb:PutItem")
        return role

    def _operators(self, state_machine: sfn.StateMachine) -> None:
        """What people call with their own AWS credentials; the output tells them the name."""
        jobs = ServiceFunction(
            self,
            "ListJobs",
            handler="lambdas.encoding.farm_handlers.jobs",
            environment=JobsEnvironment(
                **self._spending.environment.model_dump(),
                work_bucket=self._mezzanine.bucket_name,
                job_queues=self._progress.job_queues,
            ),
            description="Tells the jobs of a version, their attempts, how far they are, and what they cost.",
        )
        self._progress.let_look(jobs)
        self._spending.let_look(jobs)
        CfnOutput(self, "JobsFunction", value=jobs.function_name)
        retry = ServiceFunction(
            self,
            "RetryVersion",
            handler="lambdas.encoding.operator_handlers.retry_version",
            environment=RetryVersionEnvironment(state_machine_arn=state_machine.state_machine_arn),
            description="Starts the encode of a version again that ended without a result.",
        )
        state_machine.grant_start_execution(retry)
        self._let_describe(state_machine, retry)
        CfnOutput(self, "RetryFunction", value=retry.function_name)

    def _let_describe(self, state_machine: sfn.StateMachine, function: ServiceFunction) -> None:
        def executions_of(name: str) -> str:
            return self.format_arn(
                service="states",
                resource="execution",
                resource_name=f"{name}:*",
                arn_format=ArnFormat.COLON_RESOURCE_NAME,
            )

        function.add_to_role_policy(
            iam.PolicyStatement(
                actions=["states:DescribeExecution"], resources=[executions_of(state_machine.state_machine_name)]
            )
        )
        machine_id = self.resolve(cast("CfnElement", state_machine.node.default_child).logical_id)
        acknowledge(
            function.execution_role,
            reason="The executions of one state machine, which are named after what they encode.",
            rules=(wildcard_finding(self, executions_of(f"<{machine_id}.Name>")),),
        )

    def _start_on_acceptance(self, state_machine: sfn.StateMachine) -> None:
        window = self.settings.encoding.off_peak
        start = ServiceFunction(
            self,
            "Start",
            handler=f"{HANDLERS}.start",
            environment=StartEnvironment(
                state_machine_arn=state_machine.state_machine_arn,
                off_peak=window.model_dump_json() if window else "",
            ),
            description="Starts one execution a version.",
        )
        state_machine.grant_start_execution(start)
        subscribe_to_any(self, "OnSourceAccepted", _NEW_VERSIONS, bus=self._bus, function=start)
