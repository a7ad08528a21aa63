"""What becomes of a delivered object: tagging its version, which the raw bucket's lifecycle rules read."""

from __future__ import annotations

from botocore.exceptions import ClientError

from lambdas.common.aws import client, error_code, transient_errors
from lambdas.common.dispositions import TAG, Disposition
from lambdas.common.handling import logger
from lambdas.common.media import ObjectRef
from lambdas.common.objects import of_version

_ABSENT = {"NoSuchKey", "NoSuchVersion", "404", "405", "MethodNotAllowed"}
_ARCHIVED = {"GLACIER", "DEEP_ARCHIVE"}


@transient_errors()
def tag(ref: ObjectRef, disposition: Disposition) -> None:
    """Tag one object version; its other tags are replaced. One that is gone needs none: its sender has deleted it.

    Raises
    ------
    UnversionedError
        If `ref` names no version.
    TransientError
        If S3 is throttling or away.
    """
    try:
        client("s3").put_object_tagging(
            **of_version(ref), Tagging={"TagSet": [{"Key": TAG, "Value": disposition.value}]}
        )
    except ClientError as error:
        if error_code(error) not in _ABSENT:
            raise
        logger.warning("no object to tag", extra={"object": ref.uri, "disposition": disposition.value})


@transient_errors()
def readable(ref: ObjectRef) -> bool:
    """Return whether an object version is there, and can be read without restoring it from an archive.

    Raises
    ------
    UnversionedError
        If `ref` names no version.
    TransientError
        If S3 is throttling or away.
    """
    try:
        head = client("s3").head_object(**of_version(ref))
    except ClientError as error:
        if error_code(error) in _ABSENT:
            return False
        raise
    return head.get("StorageClass") not in _ARCHIVED
