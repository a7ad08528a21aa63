"""S3 Inventory: the newest list of a bucket's objects, read as a stream.

S3 does not promise an order of the rows, so `in_order` sorts them: pieces that fit into memory are sorted and
written to disk, and merged from there.
"""

from __future__ import annotations

import csv
import gzip
import heapq
import io
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import IO, Any, NamedTuple
from urllib.parse import unquote_plus

from pydantic import BaseModel, ConfigDict, Field

from lambdas.common.aws import s3_in, transient_errors
from lambdas.common.errors import PermanentError
from lambdas.common.keys import INVENTORY_PREFIX
from lambdas.common.objects import read_object
from lambdas.common.parsing import parse_json

ROWS_IN_MEMORY = 200_000
_MANIFEST_LIMIT = 16 * 1024 * 1024


class InventoryFormatError(PermanentError):
    """An inventory lacks a field that the checks need, or is not CSV: correct the bucket's configuration."""


class Row(NamedTuple):
    """One version of one object; `version_id` is empty in a bucket that was never versioned."""

    key: str
    version_id: str
    latest: bool
    delete_marker: bool
    size_bytes: int
    modified_at: datetime
    etag: str
    storage_class: str
    replication_status: str
    encryption: str
    checksum_algorithm: str


class _File(BaseModel):
    key: str


class _Manifest(BaseModel):
    model_config = ConfigDict(extra="ignore", populate_by_name=True)

    source: str = Field(alias="sourceBucket")
    created_ms: int = Field(alias="creationTimestamp")
    file_format: str = Field(alias="fileFormat")
    file_schema: str = Field(alias="fileSchema")
    files: tuple[_File, ...]


_COLUMNS = {
    "Key": "key",
    "VersionId": "version_id",
    "IsLatest": "latest",
    "IsDeleteMarker": "delete_marker",
    "Size": "size_bytes",
    "LastModifiedDate": "modified_at",
    "ETag": "etag",
    "StorageClass": "storage_class",
    "ReplicationStatus": "replication_status",
    "EncryptionStatus": "encryption",
    "ChecksumAlgorithm": "checksum_algorithm",
}
FIELDS = tuple(name for name in _COLUMNS if name not in {"Key", "VersionId", "IsLatest", "IsDeleteMarker"})
"""The optional fields that a bucket's inventory has to be configured with; the others come with all versions."""


class Inventory:
    """One inventory of one bucket.

    Parameters
    ----------
    created_at
        When S3 began to write it: younger objects are not in it.
    """

    def __init__(self, manifest: _Manifest, *, reports: str, region: str | None) -> None:
        self.created_at = datetime.fromtimestamp(manifest.created_ms / 1000, tz=UTC)
        self._manifest, self._reports, self._region = manifest, reports, region

    @classmethod
    def newest(cls, *, bucket: str, reports: str, region: str | None = None) -> Inventory | None:
        """Return the newest inventory of `bucket`, which lies in the bucket `reports`; none, if there is none yet.

        Raises
        ------
        InventoryFormatError
            If it is not what the checks can read.
        """
        key = _newest_manifest(bucket=bucket, reports=reports, region=region)
        if key is None:
            return None
        raw = read_object(bucket=reports, key=key, limit=_MANIFEST_LIMIT, region=region)
        manifest = parse_json(_Manifest, raw)
        if manifest.file_format != "CSV":
            raise InventoryFormatError(f"s3://{reports}/{key} is {manifest.file_format}: configure it as CSV")
        if missing := set(_COLUMNS) - set(_columns(manifest)):
            raise InventoryFormatError(f"s3://{reports}/{key} lacks {', '.join(sorted(missing))}: configure them")
        return cls(manifest, reports=reports, region=region)

    def rows(self) -> Iterator[Row]:
        """Yield every version of every object, in whatever order S3 wrote them."""
        columns = _columns(self._manifest)
        for file in self._manifest.files:
            with self._opened(file.key) as text:
                for values in csv.reader(text):
                    yield _row(dict(zip(columns, values, strict=True)))

    @contextmanager
    def _opened(self, key: str) -> Iterator[IO[str]]:
        with transient_errors():
            body = s3_in(self._region).get_object(Bucket=self._reports, Key=key)["Body"]
            with body, gzip.open(body) as unpacked, io.TextIOWrapper(unpacked, encoding="utf-8", newline="") as text:
                yield text


@contextmanager
def in_order(rows: Iterable[Row], *, at_once: int = ROWS_IN_MEMORY) -> Iterator[Iterator[Row]]:
    """Give `rows` in the order of key and version, with at most `at_once` of them in memory; the rest is on disk."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        pieces: list[Iterator[Row]] = []
        source = iter(rows)
        while piece := sorted(islice(source, at_once)):
            path = Path(folder) / f"{len(pieces)}.csv"
            with path.open("w", encoding="utf-8", newline="") as written:
                csv.writer(written).writerows(_plain(row) for row in piece)
            pieces.append(_read_back(stack.enter_context(path.open(encoding="utf-8", newline=""))))
        yield heapq.merge(*pieces)


def _newest_manifest(*, bucket: str, reports: str, region: str | None) -> str | None:
    """Return the key of the newest manifest: S3 puts each under a folder named by its time, and writes it last."""
    prefix = f"{INVENTORY_PREFIX}/{bucket}/"
    with transient_errors():
        pages = s3_in(region).get_paginator("list_objects_v2").paginate(Bucket=reports, Prefix=prefix)
        keys = [entry["Key"] for page in pages for entry in page.get("Contents", [])]
    manifests = [key for key in keys if key.endswith("/manifest.json")]
    return max(manifests, key=lambda key: key.split("/")[-2], default=None)


def _columns(manifest: _Manifest) -> list[str]:
    return [name.strip() for name in manifest.file_schema.split(",")]


def _row(values: dict[str, str]) -> Row:
    taken: dict[str, Any] = {field: values[name] for name, field in _COLUMNS.items()}
    return Row(
        **taken
        | {
            "key": unquote_plus(taken["key"]),
            "latest": taken["latest"] == "true",
            "delete_marker": taken["delete_marker"] == "true",
            "size_bytes": int(taken["size_bytes"] or 0),
            "modified_at": datetime.fromisoformat(taken["modified_at"]),
        }
    )


def _plain(row: Row) -> tuple[str, ...]:
    return tuple(
        value.isoformat() if isinstance(value, datetime) else str(int(value)) if isinstance(value, int) else value
        for value in row
    )


def _read_back(text: IO[str]) -> Iterator[Row]:
    for key, version, latest, marker, size, modified, *rest in csv.reader(text):
        yield Row(key, version, latest == "1", marker == "1", int(size), datetime.fromisoformat(modified), *rest)
