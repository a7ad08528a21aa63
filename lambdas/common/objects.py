"""Small JSON objects in S3: reports, plans and manifests."""

from __future__ import annotations

from botocore.exceptions import ClientError

from lambdas.common.aws import client, error_code, s3_in, transient_errors
from lambdas.common.errors import NotFoundError, PermanentError

_ABSENT = {"NoSuchKey", "NoSuchVersion", "404"}


class TooLargeError(PermanentError):
    """An object is larger than what its reader is ready to hold."""


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
