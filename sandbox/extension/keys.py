"""KMS: replicas of multi-Region keys from a template."""

import json
from typing import Any

from ministack.core.arn import parse_arn
from ministack.core.responses import get_account_id, get_region, request_scope
from ministack.services import kms

from sandbox.extension.pinned import accepted, resource


def apply() -> None:
    """Register the resource type."""
    resource(
        "AWS::KMS::ReplicaKey",
        create=_create,
        update=_update,
        delete=lambda key_id, _: kms._keys.pop(key_id, None),
        why="Stock CloudFormation lacks it, though its API replicates keys",
    )


def _create(logical_id: str, properties: dict[str, Any], stack: str) -> tuple[str, dict[str, Any]]:
    primary = parse_arn(properties["PrimaryKeyArn"])
    request = {
        "KeyId": properties["PrimaryKeyArn"],
        "ReplicaRegion": get_region(),
        "Policy": json.dumps(properties["KeyPolicy"]),
        "Description": properties.get("Description", ""),
    }
    with request_scope(get_account_id(), primary.region):
        answer = kms._replicate_key(request)
    accepted(answer, what=f"AWS::KMS::ReplicaKey {logical_id} of {stack}")
    return _described(primary.resource.removeprefix("key/"))


def _update(
    physical_id: str, _old: dict[str, Any], new: dict[str, Any], _stack: str, _logical_id: str
) -> tuple[str, dict[str, Any]]:
    kms._keys[physical_id] |= {
        "Policy": json.dumps(new["KeyPolicy"]),
        "Description": new.get("Description", ""),
    }
    return _described(physical_id)


def _described(key_id: str) -> tuple[str, dict[str, Any]]:
    return key_id, {"Arn": kms._keys[key_id]["Arn"], "KeyId": key_id}
