"""Catalog: the one truth of which title is published in which version."""

from __future__ import annotations

from aws_cdk import CfnOutput, Duration
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_events as events
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from constructs import Construct

from lambdas.catalog.environment import (
    CampaignEnvironment,
    PublishEnvironment,
    ReadEnvironment,
    RecordEnvironment,
    RollbackEnvironment,
)
from lambdas.common.events import SourceAccepted, VersionPackaged
from lambdas.common.keys import ANY_MANIFEST
from stacks.constructs.bus_subscription import subscribe
from stacks.constructs.context_stack import ContextStack
from stacks.constructs.media_bucket import MediaBucket
from stacks.constructs.object_access import Access, grant_objects
from stacks.constructs.service_function import ServiceFunction
from stacks.constructs.table import allow, table
from stacks.limits import LimitsStack
from stacks.settings import Settings

HANDLERS = "lambdas.catalog.handlers"
PUBLISHED_INDEX = "published"


class CatalogStack(ContextStack):
    """Titles, versions, and the transaction that publishes or rolls back."""

    def __init__(
        self,
        scope: Construct,
        *,
        settings: Settings,
        media: MediaBucket,
        data_key: kms.IKey,
        bus: events.IEventBus,
        limits: LimitsStack | None,
        alarms: sns.ITopic,
    ) -> None:
        super().__init__(
            scope,
            "catalog",
            settings=settings,
            region=settings.primary_region,
            data_key=data_key,
            alarms=alarms,
            description="Marquee: titles and versions, published and rolled back by conditional transaction.",
        )
        self._bus = bus
        self._titles = table(self, "Titles", partition_key="pk", sort_key="sk")
        self._titles.add_global_secondary_index(
            index_name=PUBLISHED_INDEX,
            partition_key=dynamodb.Attribute(name="listing", type=dynamodb.AttributeType.STRING),
            sort_key=dynamodb.Attribute(name="name", type=dynamodb.AttributeType.STRING),
        )
        self._follow_the_bus()
        self._operators(media)
        self._campaigns()
        self.list_titles = ServiceFunction(
            self,
            "ListTitles",
            handler=f"{HANDLERS}.list_titles",
            environment=ReadEnvironment(titles_table=self._titles.table_name),
            description="GET /api/catalog/titles",
            limit=limits.catalog if limits else None,
        )
        allow(self._titles, self.list_titles, "dynamodb:Query", index=PUBLISHED_INDEX)
        CfnOutput(self, "TitlesTable", value=self._titles.table_name)

    def _follow_the_bus(self) -> None:
        """Record what was accepted, publish what was packaged."""
        record = ServiceFunction(
            self,
            "RecordVersion",
            handler=f"{HANDLERS}.on_source_accepted",
            environment=RecordEnvironment(titles_table=self._titles.table_name),
            description="Records the version that an accepted source will become.",
        )
        allow(self._titles, record, "dynamodb:PutItem")
        subscribe(self, SourceAccepted, bus=self._bus, function=record)
        publish = ServiceFunction(
            self,
            "Publish",
            handler=f"{HANDLERS}.on_version_packaged",
            environment=PublishEnvironment(titles_table=self._titles.table_name, event_bus=self._bus.event_bus_name),
            description="Makes a packaged version the title's current one, with an audit record.",
        )
        allow(self._titles, publish, "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem")
        self._bus.grant_put_events_to(publish)
        subscribe(self, VersionPackaged, bus=self._bus, function=publish)

    def _operators(self, media: MediaBucket) -> None:
        """What people call with their own AWS credentials; the outputs tell them the names."""
        rollback = ServiceFunction(
            self,
            "Rollback",
            handler=f"{HANDLERS}.rollback",
            environment=RollbackEnvironment(
                titles_table=self._titles.table_name,
                media_bucket=media.bucket_name,
                event_bus=self._bus.event_bus_name,
            ),
            description="Makes an earlier version of a title current again, with an audit record.",
        )
        allow(self._titles, rollback, "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem")
        grant_objects(media, rollback.execution_role, Access.READ, prefix=ANY_MANIFEST)
        self._bus.grant_put_events_to(rollback)
        versions = ServiceFunction(
            self,
            "Versions",
            handler=f"{HANDLERS}.versions",
            environment=ReadEnvironment(titles_table=self._titles.table_name),
            description="Tells a title's versions and its audit trail.",
        )
        allow(self._titles, versions, "dynamodb:GetItem", "dynamodb:Query")
        repackage = ServiceFunction(
            self,
            "Repackage",
            handler=f"{HANDLERS}.repackage",
            environment=CampaignEnvironment(titles_table=self._titles.table_name, event_bus=self._bus.event_bus_name),
            description="Asks for a title's current version to be packaged anew, from its own tracks.",
        )
        allow(self._titles, repackage, "dynamodb:GetItem", "dynamodb:PutItem")
        self._bus.grant_put_events_to(repackage)
        CfnOutput(self, "RepackageFunction", value=repackage.function_name)
        CfnOutput(self, "RollbackFunction", value=rollback.function_name)
        CfnOutput(self, "VersionsFunction", value=versions.function_name)

    def _campaigns(self) -> None:
        """What encodes published titles anew: operators call it, too."""
        start = ServiceFunction(
            self,
            "StartCampaign",
            handler=f"{HANDLERS}.start_campaign",
            environment=CampaignEnvironment(titles_table=self._titles.table_name, event_bus=self._bus.event_bus_name),
            description="Asks for published titles to be encoded anew.",
            timeout=Duration.minutes(5),
        )
        allow(self._titles, start, "dynamodb:GetItem", "dynamodb:PutItem")
        allow(self._titles, start, "dynamodb:Query", index=PUBLISHED_INDEX)
        self._bus.grant_put_events_to(start)
        show = ServiceFunction(
            self,
            "ShowCampaign",
            handler=f"{HANDLERS}.show_campaign",
            environment=ReadEnvironment(titles_table=self._titles.table_name),
            description="Tells what became of each version that a campaign asked for.",
            timeout=Duration.minutes(1),
        )
        allow(self._titles, show, "dynamodb:GetItem", "dynamodb:Query")
        CfnOutput(self, "StartCampaignFunction", value=start.function_name)
        CfnOutput(self, "ShowCampaignFunction", value=show.function_name)
