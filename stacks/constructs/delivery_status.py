"""What a studio sees of its deliveries: a projection of the bus, and the routes that read it."""

from __future__ import annotations

from collections.abc import Iterable

from aws_cdk import Duration
from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_events as events
from constructs import Construct

from lambdas.common.events import Event
from lambdas.common.keys import ANALYSIS_PREFIX, ANY_PICTURE
from lambdas.ingestion.status import FOLLOWED
from lambdas.ingestion.status_environment import FollowEnvironment, StatusEnvironment, StillEnvironment
from lambdas.ingestion.status_store import INDEX
from stacks.constructs.bus_subscription import subscribe_to_any
from stacks.constructs.context_stack import ContextStack
from stacks.constructs.media_bucket import MediaBucket
from stacks.constructs.object_access import Access, grant_objects
from stacks.constructs.service_function import ServiceFunction
from stacks.constructs.studio_api import StudioApi
from stacks.constructs.table import allow

_HANDLERS = "lambdas.ingestion.status_handlers"
_DELIVERIES = "/api/ingest/deliveries"
_DELIVERY = f"{_DELIVERIES}/{{delivery_id}}"
_STILL = f"{_DELIVERY}/versions/{{version_id}}/stills/{{name}}"


class DeliveryStatus(Construct):
    """Follows the bus, and answers the studios.

    Parameters
    ----------
    deliveries
        Ingestion's table; it gets an index of the deliveries of a studio by their time.
    mezzanine
        Where the stills of the analysis lie, and the worst frames of what the quality gate rejects.
    """

    def __init__(
        self,
        stack: ContextStack,
        construct_id: str,
        *,
        api: StudioApi,
        deliveries: dynamodb.TableV2,
        mezzanine: MediaBucket,
        bus: events.IEventBus,
    ) -> None:
        super().__init__(stack, construct_id)
        self._stack, self._api, self._deliveries = stack, api, deliveries
        deliveries.add_global_secondary_index(
            index_name=INDEX,
            partition_key=dynamodb.Attribute(name="listing", type=dynamodb.AttributeType.STRING),
            sort_key=dynamodb.Attribute(name="listed_at", type=dynamodb.AttributeType.STRING),
        )
        self._follow(FOLLOWED, bus)
        known = StatusEnvironment(deliveries_table=deliveries.table_name)
        listing = self._route(_DELIVERIES, "ListDeliveries", "list_deliveries", known)
        allow(deliveries, listing, "dynamodb:Query", index=INDEX)
        getting = self._route(_DELIVERY, "GetDelivery", "get_delivery", known)
        allow(deliveries, getting, "dynamodb:Query")
        still = self._route(
            _STILL,
            "GetStill",
            "get_still",
            StillEnvironment(deliveries_table=deliveries.table_name, work_bucket=mezzanine.bucket_name),
        )
        allow(deliveries, still, "dynamodb:GetItem")
        grant_objects(mezzanine, still.execution_role, Access.READ, prefix=ANALYSIS_PREFIX)
        grant_objects(mezzanine, still.execution_role, Access.READ, prefix=ANY_PICTURE)

    def _follow(self, followed: Iterable[type[Event]], bus: events.IEventBus) -> None:
        function = ServiceFunction(
            self._stack,
            "FollowDelivery",
            handler=f"{_HANDLERS}.on_event",
            environment=FollowEnvironment(deliveries_table=self._deliveries.table_name),
            description="Adds what the bus says of a delivery to its status.",
            timeout=Duration.seconds(30),
        )
        allow(self._deliveries, function, "dynamodb:GetItem", "dynamodb:PutItem")
        subscribe_to_any(self._stack, "FollowDeliveries", followed, bus=bus, function=function)

    def _route(
        self, path: str, construct_id: str, handler: str, environment: StatusEnvironment | StillEnvironment
    ) -> ServiceFunction:
        function = ServiceFunction(
            self._stack,
            construct_id,
            handler=f"{_HANDLERS}.{handler}",
            environment=environment,
            description=f"GET {path}",
        )
        self._api.route(apigateway.HttpMethod.GET, path, function)
        return function
