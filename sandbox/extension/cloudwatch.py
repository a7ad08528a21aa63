"""CloudWatch: composite alarms from a template."""

from typing import Any

from ministack.core.responses import get_account_id, get_region
from ministack.services import cloudwatch

from sandbox.extension.pinned import accepted, physical_name, resource


def apply() -> None:
    """Register the resource type."""
    resource(
        "AWS::CloudWatch::CompositeAlarm",
        create=_create,
        delete=_delete,
        why="Stock CloudFormation lacks it, though its API evaluates composite alarms",
    )


def _create(logical_id: str, properties: dict[str, Any], stack: str) -> tuple[str, dict[str, Any]]:
    name = properties.get("AlarmName") or physical_name(stack, logical_id)
    request = {**properties, "AlarmName": name}
    # The suppressor is not evaluated; the emulator refuses parameters it does not know.
    for key in [key for key in request if key.startswith("ActionsSuppressor")]:
        del request[key]
    answer = cloudwatch._put_composite_alarm({}, request, is_cbor=False, is_json=True)
    accepted(answer, what=f"AWS::CloudWatch::CompositeAlarm {name}")
    return name, {"Arn": f"arn:aws:cloudwatch:{get_region()}:{get_account_id()}:alarm:{name}"}


def _delete(physical_id: str, _: dict[str, Any]) -> None:
    cloudwatch._delete_alarms({}, {"AlarmNames": [physical_id]}, is_cbor=False, is_json=True)
