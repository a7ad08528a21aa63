"""S3 Inventory, written on demand: the reports that a bucket is configured for, in S3's own format.

CloudFormation hands over each bucket's configurations; `write` writes all of them now.
"""

import csv
import gzip
import hashlib
import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote_plus
from uuid import uuid4

from ministack.core.responses import AccountScopedDict
from ministack.services import s3

from sandbox.extension.pinned import accepted

configurations: Any = AccountScopedDict()
"""By bucket, its inventory configurations as its template has them."""

_ENCRYPTION: Final = {"aws:kms": "SSE-KMS", "aws:kms:dsse": "DSSE-KMS"}
# In the order in which S3 writes them.
_OPTIONAL: Final = (
    "Size",
    "LastModifiedDate",
    "ETag",
    "StorageClass",
    "IsMultipartUploaded",
    "ReplicationStatus",
    "EncryptionStatus",
    "ChecksumAlgorithm",
)


def write() -> list[str]:
    """Write every configured inventory, and return the keys of their manifests as ``s3://bucket/key``.

    Raises
    ------
    ValueError
        If a destination does not take it.
    """
    return [
        _write_one(bucket, configuration)
        for bucket, found in list(configurations.items())
        for configuration in found
        if str(configuration["Enabled"]).lower() == "true"
    ]


def _write_one(bucket: str, configuration: dict[str, Any]) -> str:
    destination = configuration["Destination"]
    if destination["Format"] != "CSV":
        raise ValueError(f"the embedded cloud writes inventories as CSV, not as {destination['Format']}: see {bucket}")
    to = str(destination["BucketArn"]).split(":::")[-1]
    every_version = configuration["IncludedObjectVersions"] == "All"
    asked = set(configuration.get("OptionalFields", []))
    columns = [
        "Bucket",
        "Key",
        *(("VersionId", "IsLatest", "IsDeleteMarker") if every_version else ()),
        *(name for name in _OPTIONAL if name in asked),
    ]
    folder = "/".join(part for part in (destination.get("Prefix", "").strip("/"), bucket, configuration["Id"]) if part)
    began = datetime.now(UTC)
    text = io.StringIO(newline="")
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerows([row[name] for name in columns] for row in _rows(bucket) if every_version or row["current"])
    packed = gzip.compress(text.getvalue().encode())
    data = f"{folder}/data/{uuid4()}.csv.gz"
    accepted(s3._put_object(to, data, packed, {}), what=f"the inventory s3://{to}/{data}")
    manifest = {
        "sourceBucket": bucket,
        "destinationBucket": destination["BucketArn"],
        "version": "2016-11-30",
        "creationTimestamp": str(int(began.timestamp() * 1000)),
        "fileFormat": "CSV",
        "fileSchema": ", ".join(columns),
        "files": [{"key": data, "size": len(packed), "MD5checksum": hashlib.md5(packed).hexdigest()}],  # noqa: S324
    }
    key = f"{folder}/{began:%Y-%m-%dT%H-%MZ}/manifest.json"
    accepted(s3._put_object(to, key, json.dumps(manifest).encode(), {}), what=f"the inventory s3://{to}/{key}")
    return f"s3://{to}/{key}"


def _rows(bucket: str) -> Iterator[dict[str, Any]]:
    for key in [key for name, key in s3._object_versions if name == bucket]:
        for version in list(s3._object_versions[bucket, key]):
            marker = bool(version.get("is_delete_marker"))
            headers = version.get("preserved_headers", {})
            yield {
                "current": bool(version["is_latest"]) and not marker,
                "Bucket": bucket,
                "Key": quote_plus(key, safe="/"),
                "VersionId": version["version_id"],
                "IsLatest": str(bool(version["is_latest"])).lower(),
                "IsDeleteMarker": str(marker).lower(),
                "Size": "" if marker else version["size"],
                "LastModifiedDate": version["last_modified"],
                "ETag": version["etag"].strip('"'),
                "StorageClass": "" if marker else version["storage_class"],
                "IsMultipartUploaded": str(bool(version.get("parts"))).lower(),
                "ReplicationStatus": version.get("replication_status") or "",
                "EncryptionStatus": _ENCRYPTION.get(headers.get("x-amz-server-side-encryption", ""), "SSE-S3"),
                "ChecksumAlgorithm": ",".join(sorted(version.get("checksums") or {})),
            }
