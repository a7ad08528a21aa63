"""Deliveries from the second ingest region: their objects come one by one, and the manifest may come first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from lambdas.common.aws import client, error_code, transient_errors
from lambdas.common.errors import TransientError
from lambdas.common.media import ObjectRef
from lambdas.common.objects import of_version

_ABSENT = {"404", "NoSuchKey"}


class FilesOnTheirWayError(TransientError):
    """The manifest is a replica, and some of its files have not been replicated yet: they will come, so wait."""


def require_files(manifest: ObjectRef, *, sizes: Mapping[str, int]) -> None:
    """Refuse to go on with a replicated manifest before all of its files are there, each in the size that it names.

    A studio sends the manifest last, but S3 replicates objects in no order, and a large one takes longer. Of a
    manifest that was sent here, a missing file is the fault of the studio; the inspection finds it. A file of another
    size is most likely that of an earlier delivery under the same name, so the new one is waited for. An earlier file
    of the very same size is taken for the new one, if the manifest overtakes that: it is inspected, and the delivery
    rejected with ``CHECKSUM_MISMATCH``. Only reading all of it would tell the two apart.

    Parameters
    ----------
    sizes
        By key, the bytes that the manifest says.

    Raises
    ------
    FilesOnTheirWayError
        If a file has not come yet.
    TransientError
        If S3 is throttling or away.
    """
    head = _head(of_version(manifest))
    if head is None or head.get("ReplicationStatus") != "REPLICA":
        return
    missing = [key for key, size in sizes.items() if _size({"Bucket": manifest.bucket, "Key": key}) != size]
    if missing:
        message = f"{len(missing)} files of {manifest.uri} are still on their way, {missing[0]} among them"
        raise FilesOnTheirWayError(message)


def _size(which: dict[str, str]) -> int | None:
    head = _head(which)
    return head["ContentLength"] if head else None


@transient_errors()
def _head(which: dict[str, str]) -> dict[str, Any] | None:
    try:
        head: dict[str, Any] = client("s3").head_object(**which)
    except ClientError as error:
        if error_code(error) in _ABSENT:
            return None
        raise
    return head
