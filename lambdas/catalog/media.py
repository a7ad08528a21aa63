"""The media bucket, as the catalog needs it: whether a version is still there."""

from __future__ import annotations

from botocore.exceptions import ClientError

from lambdas.common.aws import client, error_code, transient_errors
from lambdas.common.media import Manifests

_ABSENT = {"404", "NoSuchKey"}


@transient_errors()
def in_place(manifests: Manifests, *, bucket: str) -> bool:
    """Say whether both manifests of a version exist.

    Raises
    ------
    TransientError
        If S3 is throttling or away.
    """
    try:
        for key in (manifests.dash, manifests.hls):
            client("s3").head_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if error_code(error) in _ABSENT:
            return False
        raise
    return True
