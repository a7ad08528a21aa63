"""Recovery: getting sources back out of the archive, and the proof that the replicas are what they should be."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import CfnOutput, Duration, Size
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct
from pydantic import TypeAdapter

from lambdas.common.environment import Environment
from lambdas.common.events import ReencodeRequested, RepackageRequested, SourceAccepted
from lambdas.common.keys import CHECKS_PREFIX, INVENTORY_PREFIX, RESTORES_PREFIX
from lambdas.storage.environment import CheckEnvironment, FindEnvironment, RecordEnvironment, ReportEnvironment
from lambdas.storage.models import ReplicaPair
from stacks.constructs.bus_subscription import subscribe_to_any
from stacks.constructs.context_stack import ContextStack
from stacks.constructs.encoder_farm import EncoderFarm
from stacks.constructs.object_access import Access, grant_objects
from stacks.constructs.service_function import ServiceFunction
from stacks.constructs.table import allow, table
from stacks.constructs.workflow import Workflow, batch_step, lambda_step
from stacks.ingest_region import IngestRegionStack
from stacks.settings import Settings
from stacks.storage import StorageReplicaStack, StorageStack

HANDLERS = "lambdas.storage.handlers"
_READ_AT_ONCE = 10


class RecoveryStack(ContextStack):
    """The restoring workflow, the monthly verification, and the daily comparison of inventories."""

    def __init__(
        self,
        scope: Construct,
        *,
        settings: Settings,
        storage: StorageStack,
        replicas: Sequence[StorageReplicaStack],
        second: IngestRegionStack | None,
        data_key: kms.IKey,
        bus: events.IEventBus,
        farm: EncoderFarm,
        alarms: sns.ITopic,
    ) -> None:
        super().__init__(
            scope,
            "storage",
            part="recovery",
            settings=settings,
            region=settings.primary_region,
            data_key=data_key,
            alarms=alarms,
            description="Marquee: restoring from the archive, verification of the replicas.",
        )
        self._storage, self._replicas, self._bus, self._farm = storage, replicas, bus, farm
        self._second = second
        self._sources = table(self, "Sources", partition_key="pk", sort_key="sk")
        self._record_sources()
        workflow = self._workflow()
        self._tell_of_failures(workflow, alarms)
        pairs = self._pairs()
        self._check(
            "VerifyReplicas",
            handler=f"{HANDLERS}.verify_replicas",
            pairs=pairs,
            schedule=events.Schedule.cron(minute="0", hour="3", day="1", month="*"),
            description="Compares the checksums of a sample of objects between regions, every month.",
            verifies=True,
        )
        self._check(
            "CompareInventories",
            handler=f"{HANDLERS}.compare_inventories",
            pairs=(*pairs, *self._landing_pair()),
            schedule=events.Schedule.cron(minute="0", hour="12"),
            description="Compares the inventories of each bucket and its replicas, every day.",
        )
        self.alarm(
            "ReplicasDiffer",
            metric=cloudwatch.Metric(
                namespace="Marquee/Storage",
                metric_name="ReplicaFaults",
                dimensions_map={"service": self.node.id},
                period=Duration.minutes(5),
                statistic="Sum",
            ),
            description="A replica lacks an object, has another, or could not be checked: read reports and log.",
        )
        CfnOutput(self, "RestoreWorkflowArn", value=workflow.state_machine.state_machine_arn)
        CfnOutput(self, "SourcesTable", value=self._sources.table_name)
        CfnOutput(self, "ReportsBucket", value=storage.reports.known_name)
        CfnOutput(self, "ReplicaPairs", value=_json(pairs))

    def _record_sources(self) -> None:
        record = ServiceFunction(
            self,
            "RecordSource",
            handler=f"{HANDLERS}.on_source_accepted",
            environment=RecordEnvironment(sources_table=self._sources.table_name),
            description="Keeps which objects each version was made from.",
        )
        allow(self._sources, record, "dynamodb:PutItem")
        grant_objects(self._storage.raw, record.execution_role, Access.READ_VERSIONS)
        new_versions = (SourceAccepted, ReencodeRequested, RepackageRequested)
        subscribe_to_any(self, "OnSourceAccepted", new_versions, bus=self._bus, function=record)

    def _workflow(self) -> Workflow:
        """Find the objects, ask for copies, look until they are there, read every byte, report."""
        raw, reports = self._storage.raw, self._storage.reports
        find = ServiceFunction(
            self,
            "FindSource",
            handler=f"{HANDLERS}.find_source",
            environment=FindEnvironment(sources_table=self._sources.table_name, reports_bucket=reports.known_name),
            description="Finds the objects that a version was made from, and where they lie.",
        )
        allow(self._sources, find, "dynamodb:Query")
        grant_objects(raw, find.execution_role, Access.READ_NAMED_VERSIONS)
        request = self._step_function("RequestCopies", "request_copies", "Asks S3 for readable copies.")
        grant_objects(raw, request.execution_role, Access.RESTORE)
        look = self._step_function("LookForCopies", "look_for_copies", "Looks which copies have come.")
        grant_objects(raw, look.execution_role, Access.READ_NAMED_VERSIONS)
        report = ServiceFunction(
            self,
            "ReportRestore",
            handler=f"{HANDLERS}.report_restore",
            environment=ReportEnvironment(reports_bucket=reports.known_name, event_bus=self._bus.event_bus_name),
            description="Judges what was read of a restored source, and reports.",
        )
        for access in (Access.READ, Access.SEND):
            grant_objects(reports, report.execution_role, access, prefix=RESTORES_PREFIX)
        self._bus.grant_put_events_to(report)

        states = Construct(self, "States")
        finding = lambda_step(states, "Find the source", function=find)
        requesting = lambda_step(states, "Ask for copies", function=request)
        looking = lambda_step(states, "Look for the copies", function=look)
        reporting = lambda_step(states, "Report", function=report)
        waiting = sfn.Wait(states, "Wait", time=sfn.WaitTime.seconds_path("$.wait_s"))
        reading = sfn.Map(
            states,
            "Read every byte",
            items_path="$.jobs",
            max_concurrency=_READ_AT_ONCE,
            result_path=sfn.JsonPath.DISCARD,
        ).item_processor(
            batch_step(
                states,
                "Read",
                # 5 TiB in that time are 77 MB a second, over up to eight connections; it was not measured on S3.
                definition=self._farm.job_definition(
                    self, "ChecksumJob", role=self._reader(), timeout=Duration.hours(20)
                ),
                queue=self._farm.inspection_queue,
                job="$",
            )
        )
        here = sfn.Choice(states, "All here?")
        finding.next(requesting).next(here)
        here.when(sfn.Condition.number_equals("$.pending", 0), reading).otherwise(waiting)
        waiting.next(looking).next(here)
        reading.next(reporting).next(sfn.Succeed(states, "Restored"))
        return Workflow(
            self,
            "Restore",
            start=finding,
            functions=(find, request, look, report),
            queues=(self._farm.inspection_queue,),
            timeout=Duration.days(4),
            comment="One execution a restoring: bulk retrievals from Deep Archive take up to two days.",
        )

    def _tell_of_failures(self, workflow: Workflow, alarms: sns.ITopic) -> None:
        """Tell operators which restoring came to no good end: its alarms only count, and not what was stopped."""
        name, status, error, execution = (
            events.EventField.from_path(f"$.detail.{field}") for field in ("name", "status", "error", "executionArn")
        )
        events.Rule(
            self,
            "RestoreEnded",
            description="Operators hear of a restoring that failed, timed out or was stopped, and where to read why.",
            event_pattern=events.EventPattern(
                source=["aws.states"],
                detail_type=["Step Functions Execution Status Change"],
                detail={
                    "stateMachineArn": [workflow.state_machine.state_machine_arn],
                    "status": ["FAILED", "TIMED_OUT", "ABORTED"],
                },
            ),
            targets=[
                targets.SnsTopic(
                    alarms,
                    dead_letter_queue=self.dead_letters,
                    # Not the cause itself: it is text of any length, with quotes that a template does not escape.
                    message=events.RuleTargetInput.from_text(
                        f"Restoring {name} ended as {status} ({error}). Its input and cause: "
                        f"aws stepfunctions describe-execution --execution-arn {execution}"
                    ),
                )
            ],
        )

    def _step_function(self, construct_id: str, handler: str, description: str) -> ServiceFunction:
        return ServiceFunction(
            self,
            construct_id,
            handler=f"{HANDLERS}.{handler}",
            environment=Environment(),
            description=description,
            timeout=Duration.minutes(1),
        )

    def _reader(self) -> iam.Role:
        role = iam.Role(
            self,
            "ReaderRole",
            assumed_by=iam.ServicePrincipal("ecs-tasks.amazonaws.com"),
            description="Reads restored sources and writes what it read of each.",
        )
        grant_objects(self._storage.raw, role, Access.READ_VERSIONS)
        grant_objects(self._storage.reports, role, Access.WRITE, prefix=RESTORES_PREFIX)
        return role

    def _pairs(self) -> tuple[ReplicaPair, ...]:
        return tuple(
            ReplicaPair(
                bucket=source.known_name,
                region=self._storage.region,
                reports=self._storage.reports.known_name,
                replica=replica.replicas[role].known_name,
                replica_region=replica.region,
                replica_reports=replica.reports.known_name,
            )
            for replica in self._replicas
            for role, source in (("raw", self._storage.raw), ("media", self._storage.media))
        )

    def _landing_pair(self) -> tuple[ReplicaPair, ...]:
        """Return what the second ingest region sends to the first one, where there is one."""
        if self._second is None:
            return ()
        reports = next(found.reports for found in self._replicas if found.region == self._second.region)
        return (
            ReplicaPair(
                bucket=self._second.landing.known_name,
                region=self._second.region,
                reports=reports.known_name,
                replica=self._storage.raw.known_name,
                replica_region=self._storage.region,
                replica_reports=self._storage.reports.known_name,
                gathers=True,
            ),
        )

    def _check(
        self,
        construct_id: str,
        *,
        handler: str,
        pairs: tuple[ReplicaPair, ...],
        schedule: events.Schedule,
        description: str,
        verifies: bool = False,
    ) -> None:
        storage = self.settings.storage
        reports = self._storage.reports
        function = ServiceFunction(
            self,
            construct_id,
            handler=handler,
            environment=CheckEnvironment(
                reports_bucket=reports.known_name,
                pairs=_json(pairs),
                lag_minutes=storage.consistency_lag_minutes,
                sample=storage.verification_sample,
            ),
            description=description,
            timeout=Duration.minutes(15),
            memory_mib=2048,
            scratch=Size.gibibytes(10) if self.settings.production else None,
        )
        role = function.execution_role
        grant_objects(reports, role, Access.SEND, prefix=CHECKS_PREFIX)
        for lists in (reports, *(replica.reports for replica in self._replicas)):
            grant_objects(lists, role, Access.READ, prefix=f"{INVENTORY_PREFIX}/")
        for name, source in (("raw", self._storage.raw), ("media", self._storage.media)):
            if not verifies:
                # A comparison of lists asks of no more than whether what a replica lacks expires at its source too.
                grant_objects(source, role, Access.READ_TAGS)
                continue
            for bucket in (source, *(replica.replicas[name] for replica in self._replicas)):
                grant_objects(bucket, role, Access.READ_VERSIONS)
        if self._second and not verifies:
            grant_objects(self._second.landing, role, Access.READ_TAGS)
        events.Rule(
            self,
            f"{construct_id}Schedule",
            description=description,
            schedule=schedule,
            targets=[targets.LambdaFunction(function, dead_letter_queue=self.dead_letters, retry_attempts=2)],
        )
        CfnOutput(self, f"{construct_id}Function", value=function.function_name)


def _json(pairs: tuple[ReplicaPair, ...]) -> str:
    return TypeAdapter(tuple[ReplicaPair, ...]).dump_json(pairs, exclude_defaults=True).decode()
