"""S3: bucket settings from a template, and the version in EventBridge events.

The emulator's own API handles these settings, replication included, but inventories, which `inventory` keeps; stock
CloudFormation only does not pass them on. They are spelled as S3's XML by botocore's own serializer.
"""

import json
from collections.abc import Callable
from contextvars import ContextVar
from functools import cache
from typing import Any, Final

from ministack.core.responses import get_account_id, get_region
from ministack.services import eventbridge, s3
from ministack.services.cloudformation import provisioners

from sandbox.extension import inventory
from sandbox.extension.pinned import Emulated, accepted, patch, resource

Created = tuple[str, dict[str, Any]]
Properties = dict[str, Any]

_KEY_HEADER: Final = "x-amz-server-side-encryption-aws-kms-key-id"

_version_of_event: ContextVar[str | None] = ContextVar("version_of_event", default=None)


def apply() -> None:
    """Install the corrections."""
    _apply_bucket_settings()
    _provide_managed_key()
    _put_version_into_events()


def _lifecycle(setting: Properties) -> Properties:
    return {"LifecycleConfiguration": {"Rules": [_lifecycle_rule(rule) for rule in setting["Rules"]]}}


def _lifecycle_rule(rule: Properties) -> Properties:
    tags = rule.get("TagFilters") or []
    limits = {key: int(rule[key]) for key in ("ObjectSizeGreaterThan", "ObjectSizeLessThan") if key in rule}
    prefix = rule.get("Prefix", "")
    if tags or limits:
        rule_filter: Properties = {"And": {"Prefix": prefix, **({"Tags": tags} if tags else {}), **limits}}
    else:
        rule_filter = {"Prefix": prefix}
    shaped: Properties = {"Status": rule["Status"], "Filter": rule_filter}
    if "Id" in rule:
        shaped["ID"] = rule["Id"]
    if "ExpirationInDays" in rule:
        shaped["Expiration"] = {"Days": int(rule["ExpirationInDays"])}
    elif "ExpiredObjectDeleteMarker" in rule:
        shaped["Expiration"] = {"ExpiredObjectDeleteMarker": _true(rule["ExpiredObjectDeleteMarker"])}
    if "Transitions" in rule:
        shaped["Transitions"] = [
            {"Days": int(entry["TransitionInDays"]), "StorageClass": entry["StorageClass"]}
            for entry in rule["Transitions"]
        ]
    if "NoncurrentVersionTransitions" in rule:
        shaped["NoncurrentVersionTransitions"] = [
            {"NoncurrentDays": int(entry["TransitionInDays"]), "StorageClass": entry["StorageClass"]}
            for entry in rule["NoncurrentVersionTransitions"]
        ]
    noncurrent = rule.get("NoncurrentVersionExpiration")
    if noncurrent:
        shaped["NoncurrentVersionExpiration"] = {key: int(value) for key, value in noncurrent.items()}
    abort = rule.get("AbortIncompleteMultipartUpload")
    if abort:
        shaped["AbortIncompleteMultipartUpload"] = {"DaysAfterInitiation": int(abort["DaysAfterInitiation"])}
    return shaped


def _replication(setting: Properties) -> Properties:
    rules = [_replication_rule(rule) for rule in setting["Rules"]]
    return {"ReplicationConfiguration": {"Role": setting["Role"], "Rules": rules}}


def _replication_rule(rule: Properties) -> Properties:
    shaped = {key: value for key, value in rule.items() if key not in {"Id", "Filter", "Priority"}}
    if "Id" in rule:
        shaped["ID"] = rule["Id"]
    if "Priority" in rule:
        shaped["Priority"] = int(rule["Priority"])
    if "Filter" in rule:
        shaped["Filter"] = _replication_filter(rule["Filter"])
    destination = dict(rule["Destination"])
    for key, field in (("ReplicationTime", "Time"), ("Metrics", "EventThreshold")):
        if key in destination and field in destination[key]:
            minutes = {"Minutes": int(destination[key][field]["Minutes"])}
            destination[key] = {**destination[key], field: minutes}
    return {**shaped, "Destination": destination}


def _replication_filter(given: Properties) -> Properties:
    if "And" in given:
        both = given["And"]
        return {"And": {"Prefix": both.get("Prefix", ""), "Tags": both.get("TagFilters", [])}}
    if "TagFilter" in given:
        return {"Tag": given["TagFilter"]}
    return {"Prefix": given.get("Prefix", "")}


def _encryption(setting: Properties) -> Properties:
    rules = []
    for rule in setting["ServerSideEncryptionConfiguration"]:
        shaped: Properties = {"BucketKeyEnabled": _true(rule.get("BucketKeyEnabled", False))}
        if "ServerSideEncryptionByDefault" in rule:
            shaped["ApplyServerSideEncryptionByDefault"] = rule["ServerSideEncryptionByDefault"]
        rules.append(shaped)
    return {"ServerSideEncryptionConfiguration": {"Rules": rules}}


def _logging(setting: Properties) -> Properties:
    target = {
        "TargetBucket": setting.get("DestinationBucketName", ""),
        "TargetPrefix": setting.get("LogFilePrefix", ""),
    }
    return {"BucketLoggingStatus": {"LoggingEnabled": target}}


# Property, S3 operation, its parameters, the emulator's put and delete. Replication comes last: it needs the rest.
_SETTINGS: Final[tuple[tuple[str, str, Callable[[Properties], Properties], Any, Any], ...]] = (
    (
        "LifecycleConfiguration",
        "PutBucketLifecycleConfiguration",
        _lifecycle,
        s3._put_bucket_lifecycle,
        s3._delete_bucket_lifecycle,
    ),
    ("BucketEncryption", "PutBucketEncryption", _encryption, s3._put_bucket_encryption, s3._delete_bucket_encryption),
    (
        "LoggingConfiguration",
        "PutBucketLogging",
        _logging,
        s3._put_bucket_logging,
        lambda name: s3._bucket_logging_config.pop(name, None),
    ),
    (
        "ReplicationConfiguration",
        "PutBucketReplication",
        _replication,
        s3._put_bucket_replication,
        s3._delete_bucket_replication,
    ),
)


@cache
def _model() -> Emulated:
    from botocore.session import get_session  # noqa: PLC0415  # only when a bucket has settings

    return get_session().get_service_model("s3")


def _xml(*, operation: str, bucket: str, parameters: Properties) -> bytes:
    from botocore.serialize import create_serializer  # noqa: PLC0415  # the same

    serializer = create_serializer("rest-xml", include_validation=False)
    request = serializer.serialize_to_request({"Bucket": bucket, **parameters}, _model().operation_model(operation))
    return bytes(request["body"])


def _apply_bucket_settings() -> None:
    handlers = dict(provisioners._RESOURCE_HANDLERS["AWS::S3::Bucket"])
    stock_create, stock_update, stock_delete = handlers["create"], handlers["update"], handlers["delete"]

    def create(logical_id: str, properties: Properties, stack: str) -> Created:
        name, attributes = stock_create(logical_id, properties, stack)
        try:
            _configure(name, properties, {})
        except ValueError:
            # The engine deletes only what a create returned; a half-made bucket would block the next try.
            delete(name, properties)
            raise
        return name, {**attributes, "DualStackDomainName": f"{name}.s3.dualstack.us-east-1.amazonaws.com"}

    def update(physical_id: str, old: Properties, new: Properties, stack: str, _logical_id: str) -> Created:
        name, attributes = stock_update(physical_id, old, new, stack)
        _configure(name, new, old)
        return name, attributes

    def delete(physical_id: str, properties: Properties) -> None:
        stock_delete(physical_id, properties)
        for store in (s3._bucket_replication, s3._bucket_logging_config, inventory.configurations):
            store.pop(physical_id, None)
        for key in [key for key in s3._object_versions.keys() if key[0] == physical_id]:  # noqa: SIM118
            s3._object_versions.pop(key, None)

    resource(
        "AWS::S3::Bucket",
        create=create,
        update=update,
        delete=delete,
        why="Stock ignores the template's tags, lifecycle, encryption, logging and replication",
    )
    provisioners._RESOURCE_HANDLERS["AWS::S3::Bucket"] = handlers | provisioners._RESOURCE_HANDLERS["AWS::S3::Bucket"]


def _configure(name: str, properties: Properties, before: Properties) -> None:
    if "Tags" in properties or "Tags" in before:
        s3._bucket_tags[name] = {tag["Key"]: tag["Value"] for tag in properties.get("Tags") or []}
    inventory.configurations[name] = properties.get("InventoryConfigurations") or []
    for setting, operation, shape, put, remove in _SETTINGS:
        if properties.get(setting):
            body = _xml(operation=operation, bucket=name, parameters=shape(properties[setting]))
            accepted(put(name, body), what=f"AWS::S3::Bucket {name}: {setting}")
        elif before.get(setting):
            remove(name)


def _provide_managed_key() -> None:
    def resolve(headers: Properties, bucket: str) -> object:
        if headers.get("x-amz-server-side-encryption") == "aws:kms" and not headers.get(_KEY_HEADER):
            managed = f"arn:aws:kms:{get_region()}:{get_account_id()}:alias/aws/s3"
            headers = {**headers, _KEY_HEADER: managed}
        return stock(headers, bucket)

    stock = patch(
        s3,
        "_resolve_sse_write_headers",
        resolve,
        why="Stock has no AWS managed key, which CDK's bootstrap bucket asks for",
    )


def _put_version_into_events() -> None:
    def fire(*arguments: Emulated, version_id: str | None = None, **options: Emulated) -> None:
        token = _version_of_event.set(version_id)
        try:
            stock_fire(*arguments, version_id=version_id, **options)
        finally:
            _version_of_event.reset(token)

    def dispatch(event: Properties, *arguments: Emulated) -> Emulated:
        version = _version_of_event.get()
        if version and event["Source"] == "aws.s3":
            detail = json.loads(event["Detail"])
            detail["object"]["version-id"] = version
            event = {**event, "Detail": json.dumps(detail)}
        return stock_dispatch(event, *arguments)

    why = "Stock leaves the object's version out of S3's EventBridge events"
    stock_fire = patch(s3, "_fire_s3_event", fire, why=why)
    stock_dispatch = patch(eventbridge, "_dispatch_event", dispatch, why=why)


def _true(value: Emulated) -> bool:
    return str(value).lower() == "true"
