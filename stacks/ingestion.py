"""Ingestion: studios deliver by SFTP; the manifest's arrival starts the workflow that accepts or rejects."""

from __future__ import annotations

from aws_cdk import CfnOutput, Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from lambdas.common.events import DeliveryRejected, PipelineFailed, SourceAccepted, TitlePublished
from lambdas.common.keys import MANIFEST_NAME, WORK_PREFIX
from lambdas.ingestion.environment import (
    AcceptEnvironment,
    ReadManifestEnvironment,
    RejectEnvironment,
    StartEnvironment,
    ValidateEnvironment,
)
from stacks.constructs.context_stack import ContextStack
from stacks.constructs.encoder_farm import EncoderFarm
from stacks.constructs.failure_recorder import FailureRecorder
from stacks.constructs.media_bucket import MediaBucket
from stacks.constructs.object_access import Access, grant_objects
from stacks.constructs.service_function import ServiceFunction
from stacks.constructs.sftp_endpoint import SftpEndpoint
from stacks.constructs.workflow import Workflow, batch_step, lambda_step
from stacks.settings import Settings

HANDLERS = "lambdas.ingestion.handlers"
_TOLD = (SourceAccepted, DeliveryRejected, PipelineFailed, TitlePublished)


class IngestionStack(ContextStack):
    """From a studio's upload to ``SourceAccepted`` or ``DeliveryRejected``."""

    def __init__(
        self,
        scope: Construct,
        *,
        settings: Settings,
        raw: MediaBucket,
        mezzanine: MediaBucket,
        data_key: kms.IKey,
        bus: events.IEventBus,
        farm: EncoderFarm,
        alarms: sns.ITopic,
    ) -> None:
        super().__init__(
            scope,
            "ingestion",
            settings=settings,
            region=settings.primary_region,
            data_key=data_key,
            alarms=alarms,
            description="Marquee: SFTP delivery, validation workflow, notifications.",
        )
        self._raw, self._mezzanine, self._bus, self._farm = raw, mezzanine, bus, farm
        if settings.ingestion.sftp:
            SftpEndpoint(self, "Sftp", bucket=raw, studios=settings.ingestion.studios)
        workflow = self._workflow()
        self._start_on_arrival(workflow.state_machine)
        self.notifications = self._notifications(data_key)
        CfnOutput(self, "RawBucket", value=raw.bucket_name)
        CfnOutput(self, "WorkflowArn", value=workflow.state_machine.state_machine_arn)
        CfnOutput(self, "NotificationsTopic", value=self.notifications.topic_arn)

    def _workflow(self) -> Workflow:
        """Read the manifest, inspect the files on the farm, judge, and accept or reject."""
        read = ServiceFunction(
            self,
            "ReadManifest",
            handler=f"{HANDLERS}.read_manifest",
            environment=ReadManifestEnvironment(
                raw_bucket=self._raw.bucket_name,
                work_bucket=self._mezzanine.bucket_name,
                event_bus=self._bus.event_bus_name,
            ),
            description="Parses a delivery's manifest.",
        )
        grant_objects(self._raw, read.execution_role, Access.READ)
        self._bus.grant_put_events_to(read)
        validate = ServiceFunction(
            self,
            "Validate",
            handler=f"{HANDLERS}.validate",
            environment=ValidateEnvironment(work_bucket=self._mezzanine.bucket_name),
            description="Judges what the inspection of a delivery measured.",
        )
        grant_objects(self._mezzanine, validate.execution_role, Access.READ, prefix=WORK_PREFIX)
        accept = ServiceFunction(
            self,
            "Accept",
            handler=f"{HANDLERS}.accept",
            environment=AcceptEnvironment(event_bus=self._bus.event_bus_name),
            description="Announces an accepted source.",
        )
        self._bus.grant_put_events_to(accept)
        reject = ServiceFunction(
            self,
            "Reject",
            handler=f"{HANDLERS}.reject",
            environment=RejectEnvironment(event_bus=self._bus.event_bus_name),
            description="Announces a rejected delivery, with its findings.",
        )
        self._bus.grant_put_events_to(reject)

        states = Construct(self, "States")
        reading = lambda_step(states, "Read the manifest", function=read)
        inspecting = batch_step(
            states,
            "Inspect the files",
            definition=self._farm.job_definition(self, "InspectJob", role=self._inspector()),
            queue=self._farm.inspection_queue,
            job="$.inspect",
        )
        validating = lambda_step(states, "Validate", function=validate)
        accepting = lambda_step(states, "Accept", function=accept)
        rejecting = lambda_step(states, "Reject", function=reject)
        failures = FailureRecorder(self, "Failures", pipeline="ingestion", bus=self._bus, job_logs=self._farm.log_group)
        failures.guard(reading, inspecting, validating, accepting, rejecting)

        accepting.next(sfn.Succeed(states, "Accepted"))
        rejecting.next(sfn.Succeed(states, "Rejected"))
        verdict = "$.verdict"
        reading.next(
            sfn.Choice(states, "Readable?")
            .when(sfn.Condition.string_equals(verdict, "readable"), inspecting)
            .otherwise(rejecting)
        )
        inspecting.next(validating).next(
            sfn.Choice(states, "Acceptable?")
            .when(sfn.Condition.string_equals(verdict, "accepted"), accepting)
            .otherwise(rejecting)
        )
        return Workflow(
            self,
            "Ingest",
            start=reading,
            functions=(read, validate, accept, reject, failures.function),
            timeout=Duration.hours(24),
            comment="One execution a delivery, however often its manifest is announced.",
        )

    def _inspector(self) -> iam.Role:
        role = iam.Role(
            self,
            "InspectorRole",
            assumed_by=iam.ServicePrincipal("ecs-tasks.amazonaws.com"),
            description="Reads a delivery and writes the inspection's report.",
        )
        grant_objects(self._raw, role, Access.READ)
        grant_objects(self._mezzanine, role, Access.WRITE, prefix=WORK_PREFIX)
        return role

    def _start_on_arrival(self, state_machine: sfn.StateMachine) -> None:
        start = ServiceFunction(
            self,
            "Start",
            handler=f"{HANDLERS}.start",
            environment=StartEnvironment(state_machine_arn=state_machine.state_machine_arn),
            description="Starts one execution a delivery, named after the manifest's version.",
        )
        state_machine.grant_start_execution(start)
        events.Rule(
            self,
            "ManifestArrived",
            description="A delivery is complete when its manifest has arrived.",
            event_pattern=events.EventPattern(
                source=["aws.s3"],
                detail_type=["Object Created"],
                detail={
                    "bucket": {"name": [self._raw.bucket_name]},
                    "object": {"key": [{"wildcard": f"*/{MANIFEST_NAME}"}]},
                },
            ),
            targets=[targets.LambdaFunction(start, dead_letter_queue=self.dead_letters, retry_attempts=185)],
        )

    def _notifications(self, data_key: kms.IKey) -> sns.Topic:
        """Declare the topic that tells studios what became of their deliveries."""
        topic = sns.Topic(self, "Notifications", master_key=data_key, enforce_ssl=True)
        events.Rule(
            self,
            "TellStudios",
            event_bus=self._bus,
            description="What a studio hears of: accepted, rejected, failed, published.",
            event_pattern=events.EventPattern(
                source=sorted({event.source for event in _TOLD}),
                detail_type=[event.detail_type() for event in _TOLD],
            ),
            targets=[targets.SnsTopic(topic, dead_letter_queue=self.dead_letters)],
        )
        for studio in self.settings.ingestion.studios:
            if studio.notification_email:
                topic.add_subscription(
                    subscriptions.EmailSubscription(
                        studio.notification_email,
                        filter_policy_with_message_body={
                            "detail": sns.FilterOrPolicy.policy(
                                {
                                    "studio": sns.FilterOrPolicy.filter(
                                        sns.SubscriptionFilter.string_filter(allowlist=[studio.name])
                                    )
                                }
                            )
                        },
                    )
                )
        return topic
