"""The ingestion's state machine: read, inspect, validate, analyse, judge, ask a person where it takes one, decide."""

from __future__ import annotations

from aws_cdk import Aws, Duration
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from lambdas.common.keys import ANALYSIS_PREFIX, WORK_PREFIX
from lambdas.common.qc import Verdict
from lambdas.ingestion.environment import (
    AcceptEnvironment,
    JudgeEnvironment,
    LabelsEnvironment,
    ReadManifestEnvironment,
    RejectEnvironment,
    ReviewEnvironment,
    ValidateEnvironment,
)
from stacks.constructs.acknowledgement import acknowledge
from stacks.constructs.context_stack import ContextStack
from stacks.constructs.encoder_farm import EncoderFarm
from stacks.constructs.failure_recorder import FailureRecorder
from stacks.constructs.media_bucket import MediaBucket
from stacks.constructs.object_access import Access, grant_objects
from stacks.constructs.service_function import ServiceFunction
from stacks.constructs.table import allow
from stacks.constructs.workflow import Workflow, answered_step, batch_step, lambda_step

HANDLERS = "lambdas.ingestion.handlers"
_WORKING = Duration.hours(72)
"""How long reading, inspecting and analysing may take, jobs' queues included; a review's hours come on top."""
_VERDICT = "$.verdict"
_REKOGNITION_TRANSIENT = [
    "Rekognition.ThrottlingException",
    "Rekognition.ProvisionedThroughputExceededException",
    "Rekognition.LimitExceededException",
    "Rekognition.InternalServerErrorException",
]


class IngestionWorkflow(Construct):
    """One execution a delivery, from its manifest to ``SourceAccepted`` or ``DeliveryRejected``.

    Parameters
    ----------
    stack
        The ingestion stack.
    raw, mezzanine
        Where deliveries lie, and where inspections and analyses are written.
    deliveries
        The deliveries table.
    bus
        Where everything that happens is announced.
    farm
        Where files are inspected and analysed.
    """

    def __init__(
        self,
        stack: ContextStack,
        construct_id: str,
        *,
        raw: MediaBucket,
        mezzanine: MediaBucket,
        deliveries: dynamodb.ITableV2,
        bus: events.IEventBus,
        farm: EncoderFarm,
    ) -> None:
        super().__init__(stack, construct_id)
        self._stack, self._raw, self._mezzanine = stack, raw, mezzanine
        self._deliveries, self._bus, self._farm = deliveries, bus, farm
        settings = stack.settings.ingestion
        read, validate, judge = self._reader(), self._validator(), self._judge()
        ask, accept, reject = self._asker(), self._accepter(), self._rejecter()

        reading = lambda_step(self, "Read the manifest", function=read)
        # A delivery to the second ingest region: its manifest may be replicated hours before a film of terabytes.
        reading.add_retry(
            errors=["FilesOnTheirWayError"],
            interval=Duration.seconds(30),
            backoff_rate=1.5,
            max_delay=Duration.minutes(15),
            max_attempts=160,
            jitter_strategy=sfn.JitterType.FULL,
        )
        inspecting = self._job("Inspect the files", "InspectJob", role=self._inspector(), job="$.inspect")
        validating = lambda_step(self, "Validate", function=validate)
        analysing = self._job("Analyse", "AnalyseJob", role=self._analyst(), job="$.analyse")
        judging = lambda_step(self, "Judge", function=judge)
        asking = _review(self, "Wait for a review", ask, hours=settings.review_hours, escalated=False)
        escalating = _review(self, "Escalate", ask, hours=settings.review_escalated_hours, escalated=True)
        accepting = lambda_step(self, "Accept", function=accept)
        rejecting = lambda_step(self, "Reject", function=reject)
        asking.add_catch(escalating, errors=[sfn.Errors.TIMEOUT], result_path=sfn.JsonPath.DISCARD)
        failures = FailureRecorder(stack, "Failures", pipeline="ingestion", bus=bus, job_logs=farm.log_group)
        failures.guard(reading, inspecting, validating, analysing, judging, asking, escalating, accepting, rejecting)

        def when(name: str, outcomes: dict[str, sfn.IChainable]) -> sfn.Choice:
            choice = sfn.Choice(self, name)
            for verdict, following in outcomes.items():
                choice.when(sfn.Condition.string_equals(_VERDICT, verdict), following)
            return choice.otherwise(rejecting)

        decided = sfn.Choice(self, "Approved?")
        decided.when(sfn.Condition.boolean_equals("$.review.approved", value=True), accepting).otherwise(rejecting)
        accepted = sfn.Succeed(self, "Accepted")
        following, labeller = self._labelling(accepted) if settings.rekognition else (accepted, None)
        rejecting.next(sfn.Succeed(self, "Rejected"))
        reading.next(when("Readable?", {"readable": inspecting}))
        inspecting.next(validating).next(when("Valid?", {"valid": analysing}))
        analysing.next(judging).next(
            when("Good enough?", {Verdict.PASS.value: accepting, Verdict.REVIEW.value: asking})
        )
        asking.next(decided)
        escalating.next(decided)
        accepting.next(when("Still free?", {"accepted": following}))
        self.machine = Workflow(
            stack,
            "Ingest",
            start=reading,
            functions=(
                *(read, validate, judge, ask, accept, reject, *failures.functions),
                *((labeller,) if labeller else ()),
            ),
            queues=(farm.inspection_queue,),
            timeout=_WORKING.plus(Duration.hours(settings.review_hours + settings.review_escalated_hours)),
            comment="One execution a delivery, however often its manifest is announced.",
        ).state_machine
        failures.watch(self.machine)
        # A policy of its own: the machine needs the function, so the function must not need the machine.
        iam.Policy(
            self,
            "AnswerAgain",
            roles=[ask.execution_role],
            statements=[
                iam.PolicyStatement(actions=["states:SendTaskSuccess"], resources=[self.machine.state_machine_arn])
            ],
        )
        if labeller:
            self._let_it_label()

    def _reader(self) -> ServiceFunction:
        function = ServiceFunction(
            self._stack,
            "ReadManifest",
            handler=f"{HANDLERS}.read_manifest",
            environment=ReadManifestEnvironment(
                raw_bucket=self._raw.bucket_name,
                work_bucket=self._mezzanine.bucket_name,
                event_bus=self._bus.event_bus_name,
            ),
            description="Parses a delivery's manifest.",
        )
        grant_objects(self._raw, function.execution_role, Access.READ_VERSIONS)
        self._bus.grant_put_events_to(function)
        return function

    def _validator(self) -> ServiceFunction:
        function = ServiceFunction(
            self._stack,
            "Validate",
            handler=f"{HANDLERS}.validate",
            environment=ValidateEnvironment(
                work_bucket=self._mezzanine.bucket_name, deliveries_table=self._deliveries.table_name
            ),
            description="Judges what the inspection of a delivery measured.",
        )
        grant_objects(self._raw, function.execution_role, Access.READ_VERSIONS)
        grant_objects(self._mezzanine, function.execution_role, Access.READ, prefix=WORK_PREFIX)
        allow(self._deliveries, function, "dynamodb:GetItem")
        return function

    def _judge(self) -> ServiceFunction:
        function = ServiceFunction(
            self._stack,
            "Judge",
            handler=f"{HANDLERS}.judge",
            environment=JudgeEnvironment(
                work_bucket=self._mezzanine.bucket_name,
                event_bus=self._bus.event_bus_name,
                thresholds=self._stack.settings.ingestion.quality.model_dump_json(),
            ),
            description="Judges what the analysis of a feature measured.",
        )
        for access in (Access.READ, Access.SEND):
            grant_objects(self._mezzanine, function.execution_role, access, prefix=ANALYSIS_PREFIX)
        self._bus.grant_put_events_to(function)
        return function

    def _asker(self) -> ServiceFunction:
        settings = self._stack.settings.ingestion
        function = ServiceFunction(
            self._stack,
            "RequestReview",
            handler="lambdas.ingestion.review_handlers.request_review",
            environment=ReviewEnvironment(
                work_bucket=self._mezzanine.bucket_name,
                event_bus=self._bus.event_bus_name,
                deliveries_table=self._deliveries.table_name,
                review_hours=settings.review_hours,
                review_escalated_hours=settings.review_escalated_hours,
            ),
            description="Asks a person about a delivery.",
        )
        grant_objects(self._mezzanine, function.execution_role, Access.READ, prefix=ANALYSIS_PREFIX)
        allow(self._deliveries, function, "dynamodb:PutItem")
        self._bus.grant_put_events_to(function)
        return function

    def _accepter(self) -> ServiceFunction:
        function = ServiceFunction(
            self._stack,
            "Accept",
            handler=f"{HANDLERS}.accept",
            environment=AcceptEnvironment(
                work_bucket=self._mezzanine.bucket_name,
                deliveries_table=self._deliveries.table_name,
                event_bus=self._bus.event_bus_name,
            ),
            description="Keeps each file once, and announces an accepted source.",
            # A delivery of a hundred files is a few hundred short calls.
            timeout=Duration.minutes(2),
        )
        grant_objects(self._raw, function.execution_role, Access.READ_AND_TAG)
        allow(self._deliveries, function, "dynamodb:GetItem", "dynamodb:PutItem")
        self._bus.grant_put_events_to(function)
        return function

    def _rejecter(self) -> ServiceFunction:
        function = ServiceFunction(
            self._stack,
            "Reject",
            handler=f"{HANDLERS}.reject",
            environment=RejectEnvironment(
                deliveries_table=self._deliveries.table_name, event_bus=self._bus.event_bus_name
            ),
            description="Announces a rejected delivery, with its findings.",
            timeout=Duration.minutes(2),
        )
        grant_objects(self._raw, function.execution_role, Access.TAG)
        allow(self._deliveries, function, "dynamodb:GetItem")
        self._bus.grant_put_events_to(function)
        return function

    def _job(self, name: str, definition: str, *, role: iam.Role, job: str) -> sfn.CustomState:
        return batch_step(
            self,
            name,
            definition=self._farm.job_definition(
                self._stack,
                definition,
                role=role,
                # A film's length, and not a chunk's: it is read and decoded from end to end.
                timeout=Duration.hours(self._stack.settings.ingestion.inspection_hours),
            ),
            queue=self._farm.inspection_queue,
            job=job,
        )

    def _inspector(self) -> iam.Role:
        role = iam.Role(
            self._stack,
            "InspectorRole",
            assumed_by=iam.ServicePrincipal("ecs-tasks.amazonaws.com"),
            description="Reads a delivery and writes the inspection's report.",
        )
        grant_objects(self._raw, role, Access.READ_VERSIONS)
        grant_objects(self._mezzanine, role, Access.WRITE, prefix=WORK_PREFIX)
        return role

    def _analyst(self) -> iam.Role:
        role = iam.Role(
            self._stack,
            "AnalystRole",
            assumed_by=iam.ServicePrincipal("ecs-tasks.amazonaws.com"),
            description="Reads a delivery's feature and writes its analysis, unless that is there already.",
        )
        grant_objects(self._raw, role, Access.READ_VERSIONS)
        grant_objects(self._mezzanine, role, Access.READ_WRITE, prefix=ANALYSIS_PREFIX)
        return role

    def _labelling(self, accepted: sfn.Succeed) -> tuple[sfn.IChainable, ServiceFunction]:
        """Let Rekognition look at a source that it can read. It comes after the acceptance, and stops nothing."""
        collect = ServiceFunction(
            self._stack,
            "CollectLabels",
            handler=f"{HANDLERS}.collect_labels",
            environment=LabelsEnvironment(work_bucket=self._mezzanine.bucket_name),
            description="Keeps the labels that Rekognition found in a film.",
            timeout=Duration.minutes(5),
        )
        grant_objects(self._mezzanine, collect.execution_role, Access.SEND, prefix=ANALYSIS_PREFIX)
        collect.add_to_role_policy(iam.PolicyStatement(actions=["rekognition:GetLabelDetection"], resources=["*"]))
        starting = sfn.CustomState(
            self,
            "Start label detection",
            state_json={
                "Type": "Task",
                "Resource": f"arn:{Aws.PARTITION}:states:::aws-sdk:rekognition:startLabelDetection",
                "Parameters": {
                    "Video": {
                        "S3Object": {
                            "Bucket.$": "$.media.bucket",
                            "Name.$": "$.media.key",
                            "Version.$": "$.media.version_id",
                        }
                    },
                    "MinConfidence": 70,
                    # The same version started twice is one job.
                    "ClientRequestToken.$": "$.version_id",
                    "JobTag.$": "$.version_id",
                },
                "ResultPath": "$.labels",
            },
        )
        starting.add_retry(
            errors=_REKOGNITION_TRANSIENT,
            interval=Duration.seconds(30),
            backoff_rate=2,
            max_attempts=6,
            jitter_strategy=sfn.JitterType.FULL,
        )
        collecting = lambda_step(self, "Collect the labels", function=collect, result_path="$.collected")
        collecting.add_retry(
            errors=["LabelsPendingError"],
            interval=Duration.minutes(1),
            backoff_rate=1.5,
            max_delay=Duration.minutes(15),
            max_attempts=40,
            jitter_strategy=sfn.JitterType.FULL,
        )
        for step in (starting, collecting):
            step.add_catch(accepted, errors=[sfn.Errors.ALL], result_path="$.unlabelled")
        starting.next(collecting).next(accepted)
        choice = sfn.Choice(self, "Can Rekognition read it?")
        choice.when(sfn.Condition.boolean_equals("$.labelled", value=True), starting).otherwise(accepted)
        return choice, collect

    def _let_it_label(self) -> None:
        """Rekognition reads the film with the rights of who asks, which is the state machine."""
        role = self.machine.role
        grant_objects(self._raw, role, Access.READ_VERSIONS)
        self.machine.add_to_role_policy(
            iam.PolicyStatement(actions=["rekognition:StartLabelDetection"], resources=["*"])
        )
        acknowledge(
            role,
            reason="Rekognition's StartLabelDetection knows no resources; what it may read is the raw bucket.",
            rules=("AwsSolutions-IAM5[Resource::*]",),
        )


def _review(scope: Construct, name: str, ask: ServiceFunction, *, hours: int, escalated: bool) -> sfn.CustomState:
    return answered_step(
        scope,
        name,
        function=ask,
        payload={"delivery.$": "$", "token.$": "$$.Task.Token", "escalated": escalated},
        timeout=Duration.hours(hours),
        result_path="$.review",
    )
