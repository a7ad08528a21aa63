"""What storage knows of objects: sources and how to get them back, and buckets and their replicas."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from lambdas.common.batch import Job
from lambdas.common.media import ObjectRef, Record, Slug

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
ARCHIVES = frozenset({"GLACIER", "DEEP_ARCHIVE"})
"""The storage classes whose objects cannot be read until they are restored."""


class Tier(StrEnum):
    """How fast, and how dearly, S3 takes objects out of the archive."""

    EXPEDITED = "Expedited"
    STANDARD = "Standard"
    BULK = "Bulk"


class Checksum(Record):
    """What S3 itself keeps of an object's bytes."""

    algorithm: str
    value: str
    whole: bool = Field(description="of all bytes; else of the checksums of the parts")


class SourceObject(Record):
    """One object that a version was made from."""

    ref: ObjectRef
    size_bytes: int
    checksum: Checksum | None = None
    sha256: Sha256 | None = Field(default=None, description="as the inspection measured it")


class SourceRecord(Record):
    """What a version was made from."""

    title_id: Slug
    version_id: str
    studio: str
    delivery_id: str
    accepted_at: datetime
    objects: Annotated[tuple[SourceObject, ...], Field(min_length=1)]


class RestoreRequest(Record):
    """What an operator asks for: the input of the restoring workflow."""

    restore_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,80}$", description="the execution's name")]
    title_id: Slug
    version_id: str | None = Field(default=None, description="the newest accepted one by default")
    tier: Tier = Tier.STANDARD
    days: Annotated[int, Field(ge=1, le=90, description="how long the copies stay readable")] = 7
    by: str


class ArchivedObject(Record):
    """A source object on its way out of the archive."""

    source: SourceObject
    storage_class: str
    readable: bool
    until: datetime | None = None


class RestoreState(BaseModel):
    """What one step of the restoring workflow hands to the next."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    restore_id: str
    title_id: str
    version_id: str
    tier: Tier
    days: int
    by: str
    objects: tuple[ArchivedObject, ...]
    pending: int = Field(description="objects that cannot be read yet")
    looks: int = 0
    wait_s: int = Field(description="until the next look")
    jobs: tuple[Job, ...] = Field(description="what reads every byte, one job an object")


class FixityReport(Record):
    """What a job read of an object, every byte of it."""

    ref: ObjectRef
    size_bytes: int
    sha256: Sha256


class RestoredObject(Record):
    """What became of a source object."""

    ref: ObjectRef
    size_bytes: int
    sha256: Sha256
    storage_class: str
    until: datetime | None
    proof: Literal["sha256", "size", "damaged"] = Field(
        description="what shows that it is what it was: `size` alone where nobody had measured its digest"
    )


class RestoreReport(Record):
    """What an operator is told of a restoring."""

    title_id: str
    version_id: str
    tier: Tier
    by: str
    objects: tuple[RestoredObject, ...]

    @property
    def damaged(self) -> tuple[RestoredObject, ...]:
        """What is not what it was."""
        return tuple(found for found in self.objects if found.proof == "damaged")


class ReplicaPair(Record):
    """A bucket and its replica in another region, and where the inventories of both lie."""

    bucket: str
    region: str
    reports: str
    replica: str
    replica_region: str
    replica_reports: str
    gathers: bool = Field(
        default=False,
        description="the replica takes objects from elsewhere too, and lets them go by rules of its own: what it alone "
        "has, or has had, says nothing",
    )


class CheckRequest(BaseModel):
    """What calls a check: a schedule, whose event says nothing of this, or an operator."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    lag_minutes: Annotated[int, Field(ge=0)] | None = None
    seed: str | None = Field(default=None, description="of the sample; the month by default")
