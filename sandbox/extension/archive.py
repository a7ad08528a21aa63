"""S3's archives: restoring a version by its id, the tiers that each archive has, and how long it takes here.

The emulator restores the current version only, and forgets which storage class has which tier. A restore takes
``MARQUEE_RESTORE_SECONDS`` (2 by default) in place of minutes or hours.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from http import HTTPStatus
from typing import Any, Final

from ministack.services import s3

from sandbox.extension.pinned import Emulated, patch

DELAY_VARIABLE: Final = "MARQUEE_RESTORE_SECONDS"

_reading_restored: ContextVar[bool] = ContextVar("reading_restored", default=False)


def apply() -> None:
    """Install the corrections."""
    if DELAY_VARIABLE in os.environ:
        patch(
            s3,
            "_RESTORE_DELAY_SECONDS",
            float(os.environ[DELAY_VARIABLE]),
            why="How long a restore takes is the user's choice",
        )
    _restore_by_version()
    _read_by_version()


def _restore_by_version() -> None:
    def dispatch(
        method: str, bucket: str, key: str, headers: Emulated, body: bytes, query: dict[str, Emulated]
    ) -> Emulated:
        if method != "POST" or not key or "restore" not in query:
            return stock(method, bucket, key, headers, body, query)
        wanted = s3._qp(query, "versionId", "")
        version = _version(bucket, key, wanted)
        if wanted and version is None:
            return s3._error("NoSuchVersion", "The specified version does not exist.", HTTPStatus.NOT_FOUND)
        if b"Expedited" in body and (version or {}).get("storage_class") == "DEEP_ARCHIVE":
            message = "Retrieval option is not supported by this storage class"
            return s3._error("InvalidArgument", message, HTTPStatus.BAD_REQUEST, f"/{bucket}/{key}")
        with _as_current(bucket, key, version) as stored:
            answer = stock(method, bucket, key, headers, body, query)
            if version is not None and stored is not None and stored.get("restore"):
                version["restore"] = stored["restore"]
            return answer

    stock = patch(s3, "_dispatch", dispatch, why="Stock restores the current version only, at any tier")


def _read_by_version() -> None:
    def record(version: dict[str, Any]) -> dict[str, Any]:
        rebuilt: dict[str, Any] = stock_record(version)
        restore = version.get("restore")
        if restore:
            rebuilt["restore"] = restore
            if _reading_restored.get() and restore["available_at"] <= time.time() < restore["expires_at"]:
                rebuilt["storage_class"] = "STANDARD"
        return rebuilt

    def get_object(bucket: str, key: str, headers: Emulated, query: Emulated = None) -> Emulated:
        version = _version(bucket, key, s3._qp(query or {}, "versionId", ""))
        token = _reading_restored.set(True)
        try:
            status, answered, body = stock_get(bucket, key, headers, query)
        finally:
            _reading_restored.reset(token)
        if status == HTTPStatus.OK and version is not None and version.get("restore"):
            answered["x-amz-storage-class"] = version["storage_class"]
        return status, answered, body

    why = "Stock says nothing of a restored version that is asked for by its id, and does not read it"
    stock_record = patch(s3, "_object_record_from_version", record, why=why)
    stock_get = patch(s3, "_get_object", get_object, why=why)


def _version(bucket: str, key: str, version_id: str) -> dict[str, Any] | None:
    """Return a version; the newest, if none is named."""
    versions = s3._object_versions.get((bucket, key), [])
    if not version_id:
        return versions[-1] if versions else None
    return next((version for version in versions if version["version_id"] == version_id), None)


@contextmanager
def _as_current(bucket: str, key: str, version: dict[str, Any] | None) -> Iterator[dict[str, Any] | None]:
    """Let an old version stand where the emulator looks for the current one, for as long as it looks."""
    held = s3._buckets.get(bucket)
    if held is None:
        yield None
        return
    objects = held["objects"]
    current = objects.get(key)
    if version is None or (current is not None and current.get("version_id") == version["version_id"]):
        yield current
        return
    objects[key] = s3._object_record_from_version(version)
    try:
        yield objects[key]
    finally:
        if current is None:
            objects.pop(key, None)
        else:
            objects[key] = current
