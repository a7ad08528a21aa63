"""Small JSON objects in S3: reports, plans and manifests."""

from __future__ import annotations

from botocore.exceptions import ClientError

from lambdas.common.aws import client, error_code, s3_in, transient_errors
from lambdas.common.errors import NotFoundError, PermanentError
from lambdas.common.media import ObjectRef

_ABSENT = {"NoSuchKey", "NoSuchVersion", "404"}


class TooLargeError(PermanentError):
    """An object is larger than what its reader is ready to hold."""


class UnversionedError(PermanentError):
    """A delivered object without a version: its bucket has versions, and it is asked for by one."""


def of_version(ref: ObjectRef) -> dict[str, str]:
    """Return by which parameters S3 knows one version of an object.

    Raises
    ------
    UnversionedError
        If `ref` names none. Roles that treat versions may not ask for whichever is current: S3 would say 403 only.
    """
    if ref.version_id is None:
        raise UnversionedError(f"{ref.uri} names no version: switch on versioning in its bucket, and deliver again")
    return {"Bucket": ref.bucket, "Key": ref.key, "VersionId": ref.version_id}


@transient_errors()
def read_object(*, bucket: str, key: str, version: str | None = None, limit: int, region: str | None = None) -> bytes:
    """Return the bytes of one object.

    Parameters
    ----------
    bucket, key
        Where it lies.
    version
        Which version of it; by default the current one.
    limit
        The most bytes that the caller is ready to hold.
    region
        The bucket's region, if that is not the function's own.

    Raises
    ------
    NotFoundError
        If there is no such object, or no such version.
    TooLargeError
        If it has more than `limit` bytes; nothing of it is read.
    TransientError
        If S3 is throttling or away.
    """
    which = {"Bucket": bucket, "Key": key} | ({"VersionId": version} if version else {})
    try:
        answer = s3_in(region).get_object(**which)
    except ClientError as error:
        if error_code(error) in _ABSENT:
            raise NotFoundError(f"there is no object s3://{bucket}/{key}") from error
        raise
    with answer["Body"] as body:
        if answer["ContentLength"] > limit:
            message = f"s3://{bucket}/{key} has {answer['ContentLength']} bytes, more than {limit}"
            raise TooLargeError(message)
        return bytes(body.read())


@transient_errors()
def write_json(*, bucket: str, key: str, text: str) -> None:
    """Write a JSON text to one object.

    Raises
    ------
    TransientError
        If S3 is throttling or away.
    """
    client("s3").put_object(Bucket=bucket, Key=key, Body=text.encode(), ContentType="application/json")
