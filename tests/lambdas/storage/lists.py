"""Inventories as S3 writes them, and their rows."""

import csv
import gzip
import io
import json
from datetime import UTC, datetime

from lambdas.common.aws import client
from lambdas.storage.inventory import FIELDS, Row

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
SCHEMA = ["Bucket", "Key", "VersionId", "IsLatest", "IsDeleteMarker", *FIELDS]


def row(key, version="v1", **changes):
    values = {
        "latest": True,
        "delete_marker": False,
        "size_bytes": 10,
        "modified_at": LONG_AGO,
        "etag": f"etag-of-{key}",
        "storage_class": "STANDARD",
        "replication_status": "COMPLETED",
        "encryption": "SSE-S3",
        "checksum_algorithm": "CRC64NVME",
    }
    return Row(key=key, version_id=version, **values | changes)


def columns(bucket, given):
    return {
        "Bucket": bucket,
        "Key": given.key.replace(" ", "+"),
        "VersionId": given.version_id,
        "IsLatest": str(given.latest).lower(),
        "IsDeleteMarker": str(given.delete_marker).lower(),
        "Size": "" if given.delete_marker else str(given.size_bytes),
        "LastModifiedDate": given.modified_at.isoformat().replace("+00:00", ".000Z"),
        "ETag": given.etag,
        "StorageClass": given.storage_class,
        "ReplicationStatus": given.replication_status,
        "EncryptionStatus": given.encryption,
        "ChecksumAlgorithm": given.checksum_algorithm,
    }


def write_inventory(*, bucket, reports, files, at=NOW, schema=SCHEMA, file_format="CSV"):
    """Write an inventory of `bucket`: its rows in as many files as `files` has lists."""
    s3 = client("s3")
    folder = f"inventory/{bucket}/daily"
    keys = []
    for number, rows in enumerate(files):
        text = io.StringIO(newline="")
        writer = csv.writer(text, quoting=csv.QUOTE_ALL)
        writer.writerows([columns(bucket, given)[name] for name in schema] for given in rows)
        keys.append(f"{folder}/data/{at:%s}-{number}.csv.gz")
        s3.put_object(Bucket=reports, Key=keys[-1], Body=gzip.compress(text.getvalue().encode()))
    manifest = {
        "sourceBucket": bucket,
        "destinationBucket": f"arn:aws:s3:::{reports}",
        "version": "2016-11-30",
        "creationTimestamp": str(int(at.timestamp() * 1000)),
        "fileFormat": file_format,
        "fileSchema": ", ".join(schema),
        "files": [{"key": key, "size": 1, "MD5checksum": "0" * 32} for key in keys],
    }
    key = f"{folder}/{at:%Y-%m-%dT%H-%MZ}/manifest.json"
    s3.put_object(Bucket=reports, Key=key, Body=json.dumps(manifest).encode())
