"""The arrival of a manifest: which delivery it announces, and under which name that is processed once."""

from __future__ import annotations

import hashlib

from pydantic import BaseModel, Field

from lambdas.common.errors import PermanentError
from lambdas.common.keys import delivery_of
from lambdas.common.parsing import parse
from lambdas.ingestion.states import Arrival

_VERSION_DIGITS = 16


class _Bucket(BaseModel):
    name: str


class _Object(BaseModel):
    key: str
    etag: str
    version_id: str | None = Field(default=None, alias="version-id")


class _ObjectCreated(BaseModel):
    """What S3 says on the bus of a new object, as far as it matters here."""

    bucket: _Bucket
    object: _Object


def arrival_of(detail: object) -> Arrival:
    """Return the arrival that the detail of an S3 "Object Created" event announces.

    The same object version gives the same `version_id`, however often its event is delivered. Without
    versioning the entity tag stands in for the object's version.

    Raises
    ------
    InvalidInputError
        If the detail is not that of an "Object Created" event.
    PermanentError
        If the object is not a delivery's manifest.
    """
    created = parse(_ObjectCreated, detail)
    bucket, created_object = created.bucket.name, created.object
    try:
        delivery_of(created_object.key)
    except ValueError as error:
        message = f"{error}: put a delivery's files and its manifest into one folder of the studio's folder"
        raise PermanentError(message) from error
    identity = f"{bucket}/{created_object.key}@{created_object.version_id or created_object.etag}"
    return Arrival(
        raw_bucket=bucket,
        manifest_key=created_object.key,
        object_version=created_object.version_id,
        version_id=f"v{hashlib.sha256(identity.encode()).hexdigest()[:_VERSION_DIGITS]}",
    )
