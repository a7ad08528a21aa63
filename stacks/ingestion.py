"""Ingestion: studios deliver by SFTP; the manifest's arrival starts the workflow that accepts or rejects."""

from __future__ import annotations

from aws_cdk import CfnOutput
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from lambdas.common.events import ReviewRequested
from lambdas.common.keys import MANIFEST_NAME
from lambdas.ingestion.environment import DecideReviewEnvironment, ListReviewsEnvironment, StartEnvironment
from stacks.constructs.context_stack import ContextStack
from stacks.constructs.delivery_status import DeliveryStatus
from stacks.constructs.encoder_farm import EncoderFarm
from stacks.constructs.ingestion_workflow import HANDLERS, IngestionWorkflow
from stacks.constructs.media_bucket import MediaBucket
from stacks.constructs.notifications import Notifications
from stacks.constructs.service_function import ServiceFunction
from stacks.constructs.sftp_endpoint import SftpEndpoint
from stacks.constructs.studio_api import StudioApi
from stacks.constructs.table import allow, table
from stacks.constructs.upload_api import UploadApi
from stacks.settings import Settings

REVIEW_HANDLERS = "lambdas.ingestion.review_handlers"


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
        self._raw, self._bus = raw, bus
        self.sftp: SftpEndpoint | None = None
        if settings.ingestion.sftp:
            self.sftp = SftpEndpoint(self, "Sftp", bucket=raw, studios=settings.ingestion.studios)
        self.api = StudioApi(self, "Studios")
        UploadApi(self, "Uploads", api=self.api, raw=raw)
        self._deliveries = table(self, "Deliveries", partition_key="pk", sort_key="sk", expires_at="expires_at")
        self._workflow = IngestionWorkflow(
            self, "States", raw=raw, mezzanine=mezzanine, deliveries=self._deliveries, bus=bus, farm=farm
        )
        self._start_on_arrival(self._workflow.machine)
        self._reviews(alarms)
        DeliveryStatus(self, "Status", api=self.api, deliveries=self._deliveries, mezzanine=mezzanine, bus=bus)
        self.notifications = Notifications(self, "Notifications", bus=bus, data_key=data_key).topic
        CfnOutput(self, "StudioPoolId", value=self.api.pool.user_pool_id)
        CfnOutput(self, "StudioClientId", value=self.api.client.user_pool_client_id)
        CfnOutput(self, "StudioApiId", value=self.api.http_api.api_id)
        CfnOutput(self, "RawBucket", value=raw.bucket_name)
        CfnOutput(self, "WorkflowArn", value=self._workflow.machine.state_machine_arn)
        CfnOutput(self, "NotificationsTopic", value=self.notifications.topic_arn)

    def _reviews(self, alarms: sns.ITopic) -> None:
        """Declare what operators call to see what waits for them, and to answer."""
        listing = ServiceFunction(
            self,
            "ListReviews",
            handler=f"{REVIEW_HANDLERS}.list_reviews",
            environment=ListReviewsEnvironment(deliveries_table=self._deliveries.table_name),
            description="Lists the deliveries that wait for a person.",
        )
        allow(self._deliveries, listing, "dynamodb:Query")
        deciding = ServiceFunction(
            self,
            "DecideReview",
            handler=f"{REVIEW_HANDLERS}.decide_review",
            environment=DecideReviewEnvironment(
                deliveries_table=self._deliveries.table_name, event_bus=self._bus.event_bus_name
            ),
            description="Takes a person's answer for a delivery that waits.",
        )
        allow(self._deliveries, deciding, "dynamodb:GetItem", "dynamodb:UpdateItem")
        self._bus.grant_put_events_to(deciding)
        events.Rule(
            self,
            "CallReviewers",
            event_bus=self._bus,
            description="Operators hear of what waits for a person, and again when nobody has answered in time.",
            event_pattern=events.EventPattern(
                source=[ReviewRequested.source], detail_type=[ReviewRequested.detail_type()]
            ),
            targets=[
                targets.SnsTopic(
                    alarms,
                    dead_letter_queue=self.dead_letters,
                    message=events.RuleTargetInput.from_text(
                        f"Delivery {events.EventField.from_path('$.detail.delivery_id')} of "
                        f"{events.EventField.from_path('$.detail.studio')} waits for a person until "
                        f"{events.EventField.from_path('$.detail.until')} (escalated: "
                        f"{events.EventField.from_path('$.detail.escalated')}). See: marquee review list"
                    ),
                )
            ],
        )
        CfnOutput(self, "ListReviewsFunction", value=listing.function_name)
        CfnOutput(self, "DecideReviewFunction", value=deciding.function_name)
        self._workflow.machine.grant(deciding, "states:SendTaskSuccess")

    def _start_on_arrival(self, state_machine: sfn.StateMachine) -> None:
        start = ServiceFunction(
            self,
            "Start",
            handler=f"{HANDLERS}.start",
            environment=StartEnvironment(
                state_machine_arn=state_machine.state_machine_arn, event_bus=self._bus.event_bus_name
            ),
            description="Starts one execution a delivery, named after the manifest's version.",
        )
        state_machine.grant_start_execution(start)
        self._bus.grant_put_events_to(start)
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
