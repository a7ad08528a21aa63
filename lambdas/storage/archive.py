"""S3, as storage asks it: what it keeps of an object, and copies out of the archive."""

from __future__ import annotations

from typing import Any, NamedTuple

from botocore.exceptions import ClientError

from lambdas.common.aws import client, error_code, s3_in, transient_errors
from lambdas.common.errors import NotFoundError, TransientError
from lambdas.common.media import ObjectRef
from lambdas.storage.models import ArchivedObject, Checksum, SourceObject, Tier
from lambdas.storage.restoring import availability

_VERSION_ABSENT = {"404", "NoSuchKey", "NoSuchVersion"}
_ABSENT = _VERSION_ABSENT | {"NoSuchBucket"}
_ALGORITHMS = ("CRC64NVME", "SHA256", "CRC32C", "SHA1", "CRC32")
_COPY_EXISTS = "RestoreAlreadyInProgress"
_NOT_ARCHIVED = "ObjectAlreadyInActiveTierError"
_NO_CAPACITY = "GlacierExpeditedRetrievalNotAvailable"


class Held(NamedTuple):
    """What a bucket holds under a key and a version."""

    version_id: str | None
    size_bytes: int
    etag: str
    storage_class: str
    restore: str | None
    checksum: Checksum | None
    replication_status: str | None


@transient_errors()
def held(ref: ObjectRef, *, region: str | None = None) -> Held | None:
    """Return what S3 keeps of an object, if it is there; nothing of its bytes is read.

    Raises
    ------
    TransientError
        If S3 is throttling or away.
    """
    try:
        answer = s3_in(region).head_object(**_named(ref), ChecksumMode="ENABLED")
    except ClientError as error:
        if error_code(error) in _ABSENT:
            return None
        raise
    return Held(
        version_id=answer.get("VersionId"),
        size_bytes=answer["ContentLength"],
        etag=answer["ETag"].strip('"'),
        storage_class=answer.get("StorageClass", "STANDARD"),
        restore=answer.get("Restore"),
        checksum=_checksum(answer),
        replication_status=answer.get("ReplicationStatus"),
    )


@transient_errors()
def tags(ref: ObjectRef, *, region: str | None = None) -> dict[str, str] | None:
    """Return an object version's tags, or none if that version is gone.

    It takes no right to read the object, nor its key.

    Raises
    ------
    TransientError
        If S3 is throttling or away.
    """
    try:
        answer = s3_in(region).get_object_tagging(**_named(ref))
    except ClientError as error:
        if error_code(error) in _VERSION_ABSENT:
            return None
        raise
    return {tag["Key"]: tag["Value"] for tag in answer["TagSet"]}


def archived(source: SourceObject) -> ArchivedObject:
    """Return a source object with what S3 says of its storage class and its readable copy.

    Raises
    ------
    NotFoundError
        If that version of it is gone.
    """
    found = held(source.ref)
    if found is None:
        message = f"{source.ref.uri} (version {source.ref.version_id}) is gone: look for it in a replica region"
        raise NotFoundError(message)
    copy = availability(found.storage_class, found.restore)
    return ArchivedObject(source=source, storage_class=found.storage_class, readable=copy.readable, until=copy.until)


@transient_errors()
def ask_for_copy(ref: ObjectRef, *, tier: Tier, days: int) -> None:
    """Ask S3 for a readable copy of an archived object; asking again is harmless.

    Raises
    ------
    TransientError
        If S3 is away, or has no capacity for expedited retrievals just now.
    """
    request = {"Days": days, "GlacierJobParameters": {"Tier": tier.value}}
    try:
        client("s3").restore_object(**_named(ref), RestoreRequest=request)
    except ClientError as error:
        if error_code(error) in {_COPY_EXISTS, _NOT_ARCHIVED}:
            return
        if error_code(error) == _NO_CAPACITY:
            raise TransientError(f"no expedited retrieval of {ref.uri} now: try again, or take Standard") from error
        raise


def _named(ref: ObjectRef) -> dict[str, Any]:
    return {"Bucket": ref.bucket, "Key": ref.key} | ({"VersionId": ref.version_id} if ref.version_id else {})


def _checksum(answer: dict[str, Any]) -> Checksum | None:
    for algorithm in _ALGORITHMS:
        if value := answer.get(f"Checksum{algorithm}"):
            return Checksum(algorithm=algorithm, value=value, whole=answer.get("ChecksumType") != "COMPOSITE")
    return None
