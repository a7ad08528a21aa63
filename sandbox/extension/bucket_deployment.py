"""CDK's own custom resources, done natively: BucketDeployment and auto-delete of objects.

On AWS they are functions that need the AWS CLI as a layer and the JavaScript SDK of the Lambda runtime; neither
is on this machine. The properties are those of ``aws-cdk-lib``'s handlers.
"""

import io
import json
import mimetypes
import zipfile
from fnmatch import fnmatchcase
from typing import Any, Final
from uuid import uuid4

from ministack.services import s3

from sandbox.extension.pinned import accepted, resource

Created = tuple[str, dict[str, Any]]
Properties = dict[str, Any]

_AUTO_DELETE_TAG: Final = "aws-cdk:auto-delete-objects"

# Types that a browser needs and the machine's own table may lack.
_TYPES: Final = {
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".mpd": "application/dash+xml",
    ".m3u8": "application/vnd.apple.mpegurl",
    ".mp4": "video/mp4",
    ".m4s": "video/iso.segment",
    ".vtt": "text/vtt",
    ".wasm": "application/wasm",
    ".woff2": "font/woff2",
    ".webmanifest": "application/manifest+json",
}


def apply() -> None:
    """Register both custom resources."""
    resource(
        "Custom::CDKBucketDeployment",
        create=_create_deployment,
        update=_update_deployment,
        delete=_delete_deployment,
        why="The function behind it needs the AWS CLI layer",
    )
    resource(
        "Custom::S3AutoDeleteObjects",
        create=lambda _, properties, __: (f"auto-delete-{properties['BucketName']}", {}),
        delete=lambda _, properties: _empty(str(properties["BucketName"])),
        why="The function behind it needs the JavaScript SDK of the Lambda runtime",
    )


def _create_deployment(_logical_id: str, properties: Properties, _stack: str) -> Created:
    _deploy(properties)
    return f"aws.cdk.s3deployment.{uuid4()}", _attributes(properties)


def _update_deployment(physical_id: str, old: Properties, new: Properties, _stack: str, _logical_id: str) -> Created:
    if not _flag(old, "RetainOnDelete", default=True) and _target(old) != _target(new):
        _delete_deployment(physical_id, old)
    _deploy(new)
    return physical_id, _attributes(new)


def _delete_deployment(_physical_id: str, properties: Properties) -> None:
    if _flag(properties, "RetainOnDelete", default=True):
        return
    bucket, prefix = _target(properties)
    for key in _keys(bucket, prefix):
        s3._delete_object(bucket, key)


def _attributes(properties: Properties) -> Properties:
    return {
        "DestinationBucketArn": f"arn:aws:s3:::{properties['DestinationBucketName']}",
        "SourceObjectKeys": properties["SourceObjectKeys"],
    }


def _deploy(properties: Properties) -> None:
    bucket, prefix = _target(properties)
    if s3._ensure_bucket(bucket) is None:
        raise ValueError(f"BucketDeployment: the destination bucket {bucket} does not exist")
    files = _collect(properties)
    headers = _headers(properties)
    for path, content in files.items():
        guessed = _TYPES.get(path[path.rfind(".") :].lower()) or mimetypes.guess_type(path)[0]
        content_type = {"content-type": guessed or "binary/octet-stream"}
        answer = s3._put_object(bucket, prefix + path, content, {**content_type, **headers})
        accepted(answer, what=f"BucketDeployment: {bucket}/{prefix + path}")
    if _flag(properties, "Prune", default=True):
        for key in _keys(bucket, prefix):
            path = key.removeprefix(prefix)
            if path not in files and _selected(path, properties):
                s3._delete_object(bucket, key)


def _collect(properties: Properties) -> dict[str, bytes]:
    """Every file of every source, markers replaced; a later source wins."""
    buckets, keys = properties["SourceBucketNames"], properties["SourceObjectKeys"]
    markers = properties.get("SourceMarkers") or [{}] * len(keys)
    configs = properties.get("SourceMarkersConfig") or [{}] * len(keys)
    files: dict[str, bytes] = {}
    for bucket, key, replacements, config in zip(buckets, keys, markers, configs, strict=True):
        archive = s3._get_object_data(bucket, key)
        if archive is None:
            raise ValueError(f"BucketDeployment: the source {bucket}/{key} does not exist")
        if not _flag(properties, "Extract", default=True):
            files[key.rsplit("/", 1)[-1]] = archive
            continue
        with zipfile.ZipFile(io.BytesIO(archive)) as source:
            for entry in source.infolist():
                if not entry.is_dir() and _selected(entry.filename, properties):
                    files[entry.filename] = _without_markers(source.read(entry), replacements, config)
    return files


def _without_markers(content: bytes, replacements: dict[str, str], config: Properties) -> bytes:
    escape = str(config.get("jsonEscape", False)).lower() == "true"
    for marker, value in replacements.items():
        # Inside a JSON document the value stands between quotes, which it must not break.
        text = json.dumps(value)[1:-1] if escape else str(value)
        content = content.replace(marker.encode(), text.encode())
    return content


def _headers(properties: Properties) -> dict[str, str]:
    system = {key.lower(): str(value) for key, value in (properties.get("SystemMetadata") or {}).items()}
    user = properties.get("UserMetadata") or {}
    named = {key.lower().removeprefix("x-amz-meta-"): str(value) for key, value in user.items()}
    return {**system, **{f"x-amz-meta-{key}": value for key, value in named.items()}}


def _selected(path: str, properties: Properties) -> bool:
    """The AWS CLI's filters: exclusions first, then inclusions undo them."""
    excluded = any(fnmatchcase(path, pattern) for pattern in properties.get("Exclude") or [])
    included = any(fnmatchcase(path, pattern) for pattern in properties.get("Include") or [])
    return included or not excluded


def _target(properties: Properties) -> tuple[str, str]:
    prefix = str(properties.get("DestinationBucketKeyPrefix") or "").strip("/")
    return properties["DestinationBucketName"], f"{prefix}/" if prefix else ""


def _keys(bucket: str, prefix: str) -> list[str]:
    record = s3._ensure_bucket(bucket)
    return [key for key in list(record["objects"]) if key.startswith(prefix)] if record else []


def _flag(properties: Properties, name: str, *, default: bool) -> bool:
    return str(properties.get(name, default)).lower() == "true"


def _empty(bucket: str) -> None:
    """Remove every object and version of a bucket that still carries CDK's consent."""
    record = s3._ensure_bucket(bucket)
    if record is None or (s3._bucket_tags.get(bucket) or {}).get(_AUTO_DELETE_TAG) != "true":
        return
    record["objects"].clear()
    for key in [key for key in s3._object_versions.keys() if key[0] == bucket]:  # noqa: SIM118
        s3._object_versions.pop(key, None)
