"""Catalog: the one truth of which title is published in which version."""

from __future__ import annotations

from aws_cdk import CfnOutput
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_events as events
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from constructs import Construct

from lambdas.catalog.environment import ListEnvironment, PublishEnvironment, RecordEnvironment
from lambdas.common.events import SourceAccepted, VersionPackaged
from stacks.constructs.bus_subscription import subscribe
from stacks.constructs.context_stack import ContextStack
from stacks.constructs.service_function import ServiceFunction
from stacks.constructs.table import allow, table
from stacks.settings import Settings

HANDLERS = "lambdas.catalog.handlers"
PUBLISHED_INDEX = "published"


class CatalogStack(ContextStack):
    """Titles, versions, and the transaction that publishes."""

    def __init__(
        self, scope: Construct, *, settings: Settings, data_key: kms.IKey, bus: events.IEventBus, alarms: sns.ITopic
    ) -> None:
        super().__init__(
            scope,
            "catalog",
            settings=settings,
            region=settings.primary_region,
            data_key=data_key,
            alarms=alarms,
            description="Marquee: titles and versions, published by conditional transaction.",
        )
        titles = table(self, "Titles", partition_key="pk", sort_key="sk")
        titles.add_global_secondary_index(
            index_name=PUBLISHED_INDEX,
            partition_key=dynamodb.Attribute(name="listing", type=dynamodb.AttributeType.STRING),
            sort_key=dynamodb.Attribute(name="name", type=dynamodb.AttributeType.STRING),
        )
        record = ServiceFunction(
            self,
            "RecordVersion",
            handler=f"{HANDLERS}.on_source_accepted",
            environment=RecordEnvironment(titles_table=titles.table_name),
            description="Records the version that an accepted source will become.",
        )
        allow(titles, record, "dynamodb:PutItem")
        subscribe(self, SourceAccepted, bus=bus, function=record)
        publish = ServiceFunction(
            self,
            "Publish",
            handler=f"{HANDLERS}.on_version_packaged",
            environment=PublishEnvironment(titles_table=titles.table_name, event_bus=bus.event_bus_name),
            description="Makes a packaged version the title's current one, with an audit record.",
        )
        allow(
            titles,
            publish,
            "dynamodb:GetItem",
            "dynamodb:PutItem",
            "dynamodb:UpdateItem",
        )
        bus.grant_put_events_to(publish)
        subscribe(self, VersionPackaged, bus=bus, function=publish)
        self.list_titles = ServiceFunction(
            self,
            "ListTitles",
            handler=f"{HANDLERS}.list_titles",
            environment=ListEnvironment(titles_table=titles.table_name),
            description="GET /api/catalog/titles",
        )
        allow(titles, self.list_titles, "dynamodb:Query", index=PUBLISHED_INDEX)
        CfnOutput(self, "TitlesTable", value=titles.table_name)
