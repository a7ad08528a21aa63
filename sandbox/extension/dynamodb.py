"""DynamoDB: time to live and point-in-time recovery of tables declared in a template."""

from typing import Any

from ministack.core.responses import get_region
from ministack.services import dynamodb
from ministack.services.cloudformation import provisioners

from sandbox.extension.pinned import resource

Created = tuple[str, dict[str, Any]]
Properties = dict[str, Any]


def apply() -> None:
    """Extend both kinds of table."""
    for resource_type in ("AWS::DynamoDB::Table", "AWS::DynamoDB::GlobalTable"):
        _extend(resource_type)


def _extend(resource_type: str) -> None:
    handlers = dict(provisioners._RESOURCE_HANDLERS[resource_type])
    stock_create, stock_update = handlers["create"], handlers["update"]
    takes_logical_id = handlers.get("update_with_logical_id", False)

    def create(logical_id: str, properties: Properties, stack: str) -> Created:
        name, attributes = stock_create(logical_id, properties, stack)
        _configure(name, properties)
        return name, attributes

    def update(physical_id: str, old: Properties, new: Properties, stack: str, logical_id: str) -> Created:
        if takes_logical_id:
            name, attributes = stock_update(physical_id, old, new, stack, logical_id)
        else:
            # Stock would derive another name for an unnamed global table, and replace it with an empty one.
            named = {"TableName": physical_id}
            name, attributes = stock_update(physical_id, named | old, named | new, stack)
        _configure(name, new)
        return name, attributes

    resource(
        resource_type,
        create=create,
        update=update,
        delete=handlers["delete"],
        why="Stock ignores TimeToLiveSpecification and PointInTimeRecoverySpecification",
    )
    provisioners._RESOURCE_HANDLERS[resource_type] = handlers | provisioners._RESOURCE_HANDLERS[resource_type]


def _configure(name: str, properties: Properties) -> None:
    time_to_live = properties.get("TimeToLiveSpecification")
    if time_to_live and (dynamodb._ttl_settings.get(name) or {}).get("TimeToLiveStatus") != "ENABLED":
        enabled = str(time_to_live.get("Enabled", True)).lower() == "true"
        dynamodb._update_ttl(
            {
                "TableName": name,
                "TimeToLiveSpecification": {"Enabled": enabled, "AttributeName": time_to_live["AttributeName"]},
            }
        )
    recovery = _own_replica(properties).get("PointInTimeRecoverySpecification")
    if recovery:
        enabled = str(recovery.get("PointInTimeRecoveryEnabled", False)).lower() == "true"
        dynamodb._update_continuous_backups(
            {"TableName": name, "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": enabled}}
        )


def _own_replica(properties: Properties) -> Properties:
    """Where a global table keeps the settings of the stack's own region; a plain table keeps them at the top."""
    for replica in properties.get("Replicas") or []:
        if replica["Region"] == get_region():
            return dict(replica)
    return properties
