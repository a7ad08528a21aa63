"""S3 by ``s3://`` address: objects are read as streams and written whole, so that what exists is finished."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, TypeVar

import boto3
from boto3.exceptions import Boto3Error
from botocore.client import BaseClient
from botocore.exceptions import BotoCoreError, ClientError
from pydantic import BaseModel, ValidationError

from encoder.errors import AddressError, DocumentInvalidError, ObjectMissingError, RefusedError, StorageError
from lambdas.common.media import ObjectRef

_BLOCK = 1 << 20
_FINGERPRINT = "fingerprint"
_MISSING = frozenset({"404", "NoSuchKey", "NoSuchBucket", "NoSuchVersion"})
_THROTTLED = frozenset({408, 429})
_SERVER_ERROR = 500

Document = TypeVar("Document", bound=BaseModel)


class Fetched(NamedTuple):
    """What a download measured."""

    size_bytes: int
    sha256: str
    version_id: str | None


@contextmanager
def aws_errors(what: str) -> Iterator[None]:
    """Turn what boto3 raises within into the encoder's own errors, which say `what` was tried.

    Raises
    ------
    ObjectMissingError
        If the object or the bucket does not exist.
    RefusedError
        If the request itself is at fault (4xx other than throttling).
    StorageError
        If another try may succeed.
    """
    try:
        yield
    except ClientError as error:
        code = error.response["Error"]["Code"]
        status = error.response["ResponseMetadata"].get("HTTPStatusCode", _SERVER_ERROR)
        if code in _MISSING:
            raise ObjectMissingError(f"{what}: it does not exist") from error
        if status in _THROTTLED or status >= _SERVER_ERROR or "Throttl" in code:
            raise StorageError(f"{what}: {error}") from error
        raise RefusedError(f"{what}: {error}") from error
    except (BotoCoreError, Boto3Error) as error:
        raise StorageError(f"{what}: {error}") from error


def parse_uri(uri: str) -> ObjectRef:
    """Return the object that ``s3://bucket/key`` names.

    Raises
    ------
    AddressError
        If `uri` is anything else.
    """
    scheme, _, rest = uri.partition("://")
    bucket, _, key = rest.partition("/")
    if scheme != "s3" or not bucket or not key:
        raise AddressError(f"{uri!r} is not s3://bucket/key")
    return ObjectRef(bucket=bucket, key=key)


class ObjectStore:
    """The buckets, as the tasks see them."""

    def __init__(self, client: BaseClient) -> None:
        self._client = client

    @classmethod
    def connect(cls) -> ObjectStore:
        """Return the store of the region and the account that the environment names."""
        return cls(boto3.client("s3"))

    def fetch(self, ref: ObjectRef, path: Path) -> Fetched:
        """Stream an object to `path` and measure it on the way.

        Raises
        ------
        ObjectMissingError, RefusedError, StorageError
            As `aws_errors` says.
        """
        digest = hashlib.sha256()
        size = 0
        version = {"VersionId": ref.version_id} if ref.version_id else {}
        with aws_errors(f"read {ref.uri}"), path.open("wb") as file:
            answer = self._client.get_object(Bucket=ref.bucket, Key=ref.key, **version)
            for block in answer["Body"].iter_chunks(_BLOCK):
                digest.update(block)
                size += len(block)
                file.write(block)
        return Fetched(size_bytes=size, sha256=digest.hexdigest(), version_id=answer.get("VersionId"))

    def read(self, ref: ObjectRef, model: type[Document]) -> Document:
        """Return the JSON document at `ref`.

        Raises
        ------
        DocumentInvalidError
            If it is not a valid `model`; the message names the fields.
        """
        version = {"VersionId": ref.version_id} if ref.version_id else {}
        with aws_errors(f"read {ref.uri}"):
            text = self._client.get_object(Bucket=ref.bucket, Key=ref.key, **version)["Body"].read()
        try:
            return model.model_validate_json(text)
        except ValidationError as error:
            fields = "; ".join(
                f"{'.'.join(map(str, fault['loc'])) or 'document'}: {fault['msg']}" for fault in error.errors()
            )
            raise DocumentInvalidError(f"{ref.uri} is not a valid {model.__name__}: {fields}") from error

    def write(self, document: BaseModel, ref: ObjectRef, *, fingerprint: str = "") -> None:
        """Write `document` as JSON to `ref`; `fingerprint` as in `put`."""
        with aws_errors(f"write {ref.uri}"):
            self._client.put_object(
                Bucket=ref.bucket,
                Key=ref.key,
                Body=document.model_dump_json(indent=2).encode(),
                ContentType="application/json",
                Metadata={_FINGERPRINT: fingerprint},
            )

    def put(
        self, path: Path, ref: ObjectRef, *, content_type: str, cache_control: str = "", fingerprint: str = ""
    ) -> None:
        """Upload a file; the object appears when it is complete, and not before.

        Parameters
        ----------
        fingerprint
            What the object was made from; `has` compares it.
        """
        attributes: dict[str, object] = {"ContentType": content_type}
        if cache_control:
            attributes["CacheControl"] = cache_control
        if fingerprint:
            attributes["Metadata"] = {_FINGERPRINT: fingerprint}
        with aws_errors(f"write {ref.uri}"):
            self._client.upload_file(str(path), ref.bucket, ref.key, ExtraArgs=attributes)

    def sizes(self, *, bucket: str, prefix: str) -> dict[str, int]:
        """Return the size of every object below `prefix`, in bytes, by its key."""
        with aws_errors(f"list s3://{bucket}/{prefix}"):
            pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
            return {entry["Key"]: entry["Size"] for page in pages for entry in page.get("Contents", ())}

    def has(self, ref: ObjectRef, *, fingerprint: str) -> bool:
        """Say whether `ref` exists and was made from what `fingerprint` says."""
        try:
            with aws_errors(f"look up {ref.uri}"):
                head = self._client.head_object(Bucket=ref.bucket, Key=ref.key)
        except ObjectMissingError:
            return False
        return bool(head["Metadata"].get(_FINGERPRINT) == fingerprint)
