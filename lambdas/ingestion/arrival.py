"""The arrival of a manifest: which delivery it announces, and under which name that is processed once."""

from __future__ import annotations

import hashlib

from pydantic import AwareDatetime, BaseModel, Field

from lambdas.common.errors import PermanentError
from lambdas.common.keys import delivery_of
from lambdas.common.parsing import parse
from lambdas.ingestion.states import Arrival

_VERSION_DIGITS = 16


class MisplacedManifestError(PermanentError):
    """A manifest does not lie at ``{studio}/{delivery}/manifest.json``."""

    def __init__(self, key: str, *, version_id: str) -> None:
        super().__init__(
            f"{key!r}: put a delivery's files and its manifest into one folder of the studio's folder, whose name has "
            "letters, digits, dots, hyphens and underscores"
        )
        self.key, self.version_id = key, version_id


class _Bucket(BaseModel):
    name: str


class _Object(BaseModel):
    key: str
    version_id: str = Field(alias="version-id")


class _Detail(BaseModel):
    bucket: _Bucket
    object: _Object


class _ObjectCreated(BaseModel):
    """What S3 says on the bus of a new object, as far as it matters here."""

    time: AwareDatetime
    detail: _Detail


def version_id_of(bucket: str, key: str, object_version: str) -> str:
    """Return the version id under which a manifest is processed, and by which its execution is called."""
    identity = f"{bucket}/{key}@{object_version}"
    return f"v{hashlib.sha256(identity.encode()).hexdigest()[:_VERSION_DIGITS]}"


def arrival_of(event: object) -> Arrival:
    """Return the arrival that an S3 "Object Created" event announces.

    The same object version gives the same `version_id`, however often its event is delivered.

    Raises
    ------
    InvalidInputError
        If it is no "Object Created" event, or of a bucket without versions.
    MisplacedManifestError
        If the object does not lie where a delivery's manifest does.
    """
    created = parse(_ObjectCreated, event)
    bucket, created_object = created.detail.bucket.name, created.detail.object
    version_id = version_id_of(bucket, created_object.key, created_object.version_id)
    try:
        delivery_of(created_object.key)
    except ValueError as error:
        raise MisplacedManifestError(created_object.key, version_id=version_id) from error
    return Arrival(
        raw_bucket=bucket,
        manifest_key=created_object.key,
        object_version=created_object.version_id,
        version_id=version_id,
        delivered_at=created.time,
    )
