"""CloudFront: public keys, key groups, and key value stores filled at creation."""

import json
from typing import Any

from ministack.core.responses import new_uuid, now_iso
from ministack.services import cloudfront, cloudfront_keyvaluestore, s3
from ministack.services.cloudformation import provisioners

from sandbox.extension.pinned import physical_name, resource

Created = tuple[str, dict[str, Any]]
Properties = dict[str, Any]

_WHY = "Stock CloudFormation lacks it"


def apply() -> None:
    """Register the resource types."""
    resource(
        "AWS::CloudFront::PublicKey",
        create=_create_public_key,
        update=_update_public_key,
        delete=lambda physical_id, _: cloudfront._public_keys.pop(physical_id, None),
        why=_WHY,
    )
    resource(
        "AWS::CloudFront::KeyGroup",
        create=_create_key_group,
        update=_update_key_group,
        delete=lambda physical_id, _: cloudfront._key_groups.pop(physical_id, None),
        why=_WHY,
    )
    _import_key_value_stores()


def _create_public_key(logical_id: str, properties: Properties, stack: str) -> Created:
    given = properties["PublicKeyConfig"]
    identity = cloudfront._pk_id()
    cloudfront._public_keys[identity] = {
        "Id": identity,
        "ETag": new_uuid(),
        "CreatedTime": now_iso(),
        "Config": {
            "CallerReference": given.get("CallerReference", identity),
            "Name": given.get("Name") or physical_name(stack, logical_id),
            "EncodedKey": given["EncodedKey"],
            "Comment": given.get("Comment", ""),
        },
    }
    return identity, {"Id": identity, "CreatedTime": cloudfront._public_keys[identity]["CreatedTime"]}


def _update_public_key(physical_id: str, old: Properties, new: Properties, stack: str, logical_id: str) -> Created:
    if {**old["PublicKeyConfig"], "Comment": ""} != {**new["PublicKeyConfig"], "Comment": ""}:
        # Only the comment of a key may change; anything else is another key.
        return _create_public_key(logical_id, new, stack)
    record = cloudfront._public_keys[physical_id]
    record["Config"]["Comment"] = new["PublicKeyConfig"].get("Comment", "")
    return physical_id, {"Id": physical_id, "CreatedTime": record["CreatedTime"]}


def _group_config(properties: Properties, *, logical_id: str, stack: str) -> Properties:
    given = properties["KeyGroupConfig"]
    unknown = [key for key in given["Items"] if key not in cloudfront._public_keys]
    if unknown:
        raise ValueError(f"AWS::CloudFront::KeyGroup: public keys {unknown} do not exist")
    return {
        "Name": given.get("Name") or physical_name(stack, logical_id),
        "Items": list(given["Items"]),
        "Comment": given.get("Comment", ""),
    }


def _create_key_group(logical_id: str, properties: Properties, stack: str) -> Created:
    identity = cloudfront._kg_id()
    cloudfront._key_groups[identity] = {"Id": identity}
    return _update_key_group(identity, {}, properties, stack, logical_id)


def _update_key_group(physical_id: str, _old: Properties, new: Properties, stack: str, logical_id: str) -> Created:
    record = cloudfront._key_groups[physical_id]
    record["Config"] = _group_config(new, logical_id=logical_id, stack=stack)
    record |= {"ETag": new_uuid(), "LastModifiedTime": now_iso()}
    return physical_id, {"Id": physical_id, "LastModifiedTime": record["LastModifiedTime"]}


def _import_key_value_stores() -> None:
    handlers = dict(provisioners._RESOURCE_HANDLERS["AWS::CloudFront::KeyValueStore"])

    def create(logical_id: str, properties: Properties, stack: str) -> Created:
        name, attributes = handlers["create"](logical_id, properties, stack)
        source = properties.get("ImportSource")
        if source:
            items = _read_import(source["SourceArn"])
            cloudfront_keyvaluestore._stores[attributes["Arn"]] = {"etag": new_uuid(), "items": items}
        return name, attributes

    def update(physical_id: str, old: Properties, new: Properties, stack: str, logical_id: str) -> Created:
        if old.get("ImportSource") != new.get("ImportSource"):
            # The import source cannot change on AWS: a new store replaces the old one, with the new content.
            return create(logical_id, new, stack)
        name, attributes = handlers["update"](physical_id, old, new, stack)
        return name, attributes

    def delete(physical_id: str, properties: Properties) -> None:
        cloudfront_keyvaluestore._stores.pop(cloudfront._kvs_arn(physical_id), None)
        handlers["delete"](physical_id, properties)

    resource(
        "AWS::CloudFront::KeyValueStore",
        create=create,
        update=update,
        delete=delete,
        why="Stock creates the store empty, whatever its ImportSource",
    )


def _read_import(source_arn: str) -> dict[str, str]:
    bucket, _, key = source_arn.partition(":::")[2].partition("/")
    body = s3._get_object_data(bucket, key)
    if body is None:
        raise ValueError(f"AWS::CloudFront::KeyValueStore: nothing at {source_arn}")
    try:
        return {entry["key"]: entry["value"] for entry in json.loads(body)["data"]}
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f'AWS::CloudFront::KeyValueStore: {source_arn} is not {{"data": [{{"key": ..., "value": ...}}]}}: {error}'
        ) from error
