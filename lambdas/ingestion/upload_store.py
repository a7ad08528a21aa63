"""Multipart uploads in the raw bucket."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from lambdas.common.aws import client, error_code, transient_errors
from lambdas.common.errors import ConflictError, NotFoundError
from lambdas.ingestion.uploads import (
    CHECKSUM_ALGORITHM,
    OpenUpload,
    PartToSend,
    PresignedPart,
    ReceivedPart,
    StoredFile,
)

_CHECKSUM = f"Checksum{CHECKSUM_ALGORITHM}"
_ABSENT = {"NoSuchKey", "404"}
_UNFIT = {
    "BadDigest": "the parts that have arrived are not the file that the checksum was made of",
    "InvalidRequest": "the parts that have arrived do not have the file's size",
    "InvalidPart": "a part was replaced meanwhile: list the parts again",
    "EntityTooSmall": "a part other than the last is smaller than 5 MiB",
}
# S3 may take minutes to complete an upload of thousands of parts, and the API waits for half a minute. A client that
# asks again is answered once it is done.
_PATIENT = Config(connect_timeout=3, read_timeout=25, retries={"total_max_attempts": 1})
# A URL has no other checksum in it than the one that its sender gave.
_SIGNING = Config(
    signature_version="s3v4",
    request_checksum_calculation="when_required",
    s3={"us_east_1_regional_endpoint": "regional"},
)


@cache
def _signer() -> Any:  # noqa: ANN401 - boto3 makes its clients at run time
    return boto3.client("s3", config=_SIGNING)


@cache
def _patient() -> Any:  # noqa: ANN401 - the same
    return boto3.client("s3", config=_PATIENT)


class UploadStore:
    """The uploads of one object.

    Parameters
    ----------
    bucket, key
        Where the object is to lie.
    """

    def __init__(self, *, bucket: str, key: str) -> None:
        self._target = {"Bucket": bucket, "Key": key}

    @transient_errors()
    def create(self) -> str:
        """Begin an upload, and return its id."""
        created = client("s3").create_multipart_upload(
            **self._target, ChecksumAlgorithm=CHECKSUM_ALGORITHM, ChecksumType="FULL_OBJECT"
        )
        return str(created["UploadId"])

    @transient_errors()
    def open_uploads(self) -> list[OpenUpload]:
        """Return the uploads that are neither completed nor aborted."""
        bucket, key = self._target["Bucket"], self._target["Key"]
        pages = client("s3").get_paginator("list_multipart_uploads").paginate(Bucket=bucket, Prefix=key)
        return [
            OpenUpload(upload_id=upload["UploadId"], started_at=upload["Initiated"])
            for page in pages
            for upload in page.get("Uploads", [])
            if upload["Key"] == key
        ]

    @transient_errors()
    def stored(self) -> StoredFile | None:
        """Return the object, if there is one."""
        try:
            head = client("s3").head_object(**self._target, ChecksumMode="ENABLED")
        except ClientError as error:
            if error_code(error) in _ABSENT:
                return None
            raise
        return StoredFile(
            size_bytes=head["ContentLength"],
            checksum=head.get(_CHECKSUM),
            object_version=head.get("VersionId"),
            arrived_at=head["LastModified"],
        )

    def presigned(self, part: PartToSend, *, upload_id: str, expires_s: int) -> PresignedPart:
        """Return the URL to which one part can be sent, and nothing else: its length and checksum are signed."""
        url = _signer().generate_presigned_url(
            "upload_part",
            Params={
                **self._target,
                "UploadId": upload_id,
                "PartNumber": part.number,
                "ContentLength": part.size_bytes,
                _CHECKSUM: part.checksum,
            },
            ExpiresIn=expires_s,
        )
        headers = {
            "content-length": str(part.size_bytes),
            f"x-amz-checksum-{CHECKSUM_ALGORITHM.lower()}": part.checksum,
        }
        return PresignedPart(number=part.number, url=url, headers=headers)

    @transient_errors()
    def parts(self, *, upload_id: str, after: int) -> tuple[list[ReceivedPart], int | None]:
        """Return the next parts that have arrived, in their order, and after which one to go on, if there are more.

        Raises
        ------
        NotFoundError
            If there is no such upload of this object.
        """
        with _of_an_upload():
            page = client("s3").list_parts(**self._target, UploadId=upload_id, PartNumberMarker=after)
        parts = [
            ReceivedPart(
                number=part["PartNumber"], size_bytes=part["Size"], checksum=part.get(_CHECKSUM), etag=part["ETag"]
            )
            for part in page.get("Parts", [])
        ]
        return parts, parts[-1].number if page["IsTruncated"] else None

    def all_parts(self, *, upload_id: str) -> Mapping[int, ReceivedPart]:
        """Return every part that has arrived, by number.

        Raises
        ------
        NotFoundError
            If there is no such upload of this object.
        """
        received: dict[int, ReceivedPart] = {}
        after: int | None = 0
        while after is not None:
            page, after = self.parts(upload_id=upload_id, after=after)
            received |= {part.number: part for part in page}
        return received

    @transient_errors()
    def complete(self, parts: list[ReceivedPart], *, upload_id: str, size_bytes: int, checksum: str) -> str | None:
        """Make the object out of `parts`, and return its version.

        Raises
        ------
        NotFoundError
            If there is no such upload of this object.
        ConflictError
            If what has arrived is not the file of that size and checksum; the upload stays open.
        """
        named = [{"PartNumber": part.number, "ETag": part.etag, _CHECKSUM: part.checksum} for part in parts]
        with _of_an_upload():
            done = _patient().complete_multipart_upload(
                **self._target,
                UploadId=upload_id,
                MultipartUpload={"Parts": named},
                MpuObjectSize=size_bytes,
                ChecksumType="FULL_OBJECT",
                **{_CHECKSUM: checksum},
            )
        version = done.get("VersionId")
        return str(version) if version else None

    @transient_errors()
    def abort(self, *, upload_id: str) -> None:
        """Forget an upload and its parts.

        Raises
        ------
        NotFoundError
            If there is no such upload of this object.
        """
        with _of_an_upload():
            client("s3").abort_multipart_upload(**self._target, UploadId=upload_id)


@contextmanager
def _of_an_upload() -> Iterator[None]:
    """Translate what S3 says of an upload that is not there, or whose parts are not the file."""
    try:
        yield
    except ClientError as error:
        code = error_code(error)
        if code == "NoSuchUpload":
            raise NotFoundError("there is no such upload: it was completed or aborted, or is another file's") from error
        if code in _UNFIT:
            raise ConflictError(_UNFIT[code]) from error
        raise
