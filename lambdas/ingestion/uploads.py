"""The upload API's use cases: what a studio may ask for, and what it is answered. The state is S3's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Final, Literal, NamedTuple

from pydantic import AwareDatetime, Field

from lambdas.common.errors import ConflictError
from lambdas.common.keys import DeliveryLocation
from lambdas.common.media import Record
from lambdas.ingestion.models import MAX_FILE_BYTES, FileName
from lambdas.ingestion.parts import MAX_PART_BYTES, MAX_PARTS, PartPlan

CHECKSUM_ALGORITHM: Final = "CRC64NVME"
"""The checksum that can be had of each part, and of the whole from those of its parts."""
MAX_BATCH = 100
"""Parts presigned at once: their request stays below the 8 KiB that the web ACL's managed rules let through."""
_TOLD_MISSING = 10

Checksum = Annotated[str, Field(pattern=r"^[A-Za-z0-9+/]{11}=$", description="CRC64NVME in base 64")]
PartNumber = Annotated[int, Field(ge=1, le=MAX_PARTS)]


class FileQuery(Record):
    """Which file of which delivery; the studio is the token's."""

    delivery_id: FileName
    name: FileName


class SizedFileQuery(FileQuery):
    """The same, and the size that decides how it is cut."""

    size_bytes: Annotated[int, Field(ge=1, le=MAX_FILE_BYTES)]


class PartsQuery(FileQuery):
    """Which parts have arrived, after part `after`."""

    after: Annotated[int, Field(ge=0, le=MAX_PARTS)] = 0


class PartToSend(Record):
    """A part that its sender has read and will send."""

    number: PartNumber
    size_bytes: Annotated[int, Field(ge=1, le=MAX_PART_BYTES)]
    checksum: Checksum


class PartsRequest(FileQuery):
    """Which parts to presign."""

    parts: Annotated[tuple[PartToSend, ...], Field(min_length=1, max_length=MAX_BATCH)]


class CompletionRequest(SizedFileQuery):
    """What the whole file is, whose parts have arrived."""

    parts: PartNumber
    checksum: Checksum


class ReceivedPart(NamedTuple):
    """A part that S3 has."""

    number: int
    size_bytes: int
    checksum: str | None
    etag: str


class OpenUpload(Record):
    """An upload in progress."""

    upload_id: str
    started_at: AwareDatetime


class StoredFile(Record):
    """A file that has arrived as a whole."""

    size_bytes: int
    checksum: str | None = Field(description="none: it came another way")
    object_version: str | None
    arrived_at: AwareDatetime | None = Field(
        default=None, description="S3's time of it: of an upload in parts, when that was begun"
    )


class PlannedUpload(Record):
    """How a client cuts a file."""

    part_bytes: int = Field(description="of every part but the last")
    parts: int
    checksum_algorithm: Literal["CRC64NVME"] = CHECKSUM_ALGORITHM


class CreatedUpload(PlannedUpload):
    """Answer of ``POST /api/ingest/uploads``."""

    upload_id: str


class FoundUploads(PlannedUpload):
    """Answer of ``GET /api/ingest/uploads``: what a client that remembers nothing needs to go on."""

    uploads: tuple[OpenUpload, ...] = Field(description="the newest first")
    stored: StoredFile | None


class PresignedPart(Record):
    """Where one part is sent to, by ``PUT``, and nothing else: its length and checksum are signed."""

    number: int
    url: str
    headers: dict[str, str]


class PresignedParts(Record):
    """Answer of ``POST /api/ingest/uploads/{upload_id}/parts``."""

    parts: tuple[PresignedPart, ...]
    expires_s: int


class ArrivedPart(Record):
    """A part that has arrived."""

    number: int
    size_bytes: int
    checksum: str | None


class ArrivedParts(Record):
    """Answer of ``GET /api/ingest/uploads/{upload_id}/parts``."""

    parts: tuple[ArrivedPart, ...]
    next_after: int | None = Field(description="after which part to go on; none: these are the last")


class CompletedUpload(Record):
    """Answer of ``POST /api/ingest/uploads/{upload_id}/complete``."""

    size_bytes: int
    checksum: str
    object_version: str | None


def key_of(file: FileQuery, *, studio: str) -> str:
    """Return the key of a studio's file."""
    return DeliveryLocation(studio=studio, delivery_id=file.delivery_id).file(file.name)


def found(uploads: Sequence[OpenUpload], *, stored: StoredFile | None, plan: PartPlan) -> FoundUploads:
    """Return what a client that remembers nothing needs to go on: newest upload first, and the file that is there."""
    newest_first = sorted(uploads, key=lambda upload: upload.started_at, reverse=True)
    return FoundUploads(part_bytes=plan.part_bytes, parts=plan.parts, uploads=tuple(newest_first), stored=stored)


def chosen(received: Mapping[int, ReceivedPart], *, count: int) -> list[ReceivedPart]:
    """Return the parts 1 to `count`; what else has arrived is no part of the file.

    Raises
    ------
    ConflictError
        If one of them has not arrived.
    """
    missing = [number for number in range(1, count + 1) if number not in received]
    if missing:
        told = ", ".join(map(str, missing[:_TOLD_MISSING])) + (", …" if len(missing) > _TOLD_MISSING else "")
        raise ConflictError(f"{len(missing)} of {count} parts have not arrived: {told}")
    return [received[number] for number in range(1, count + 1)]


def is_the_same(stored: StoredFile | None, request: CompletionRequest) -> bool:
    """Whether the file that is there is the one that is to be completed: then somebody has completed it already."""
    return stored is not None and stored.size_bytes == request.size_bytes and stored.checksum == request.checksum
