"""S3 by ``s3://`` address: objects are read as streams and written whole, so that what exists is finished."""

from __future__ import annotations

import hashlib
import os
import random
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, TypeVar

import boto3
from boto3.exceptions import Boto3Error
from botocore.client import BaseClient
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from pydantic import BaseModel, ValidationError
from urllib3.exceptions import HTTPError

from encoder.errors import AddressError, DocumentInvalidError, ObjectMissingError, RefusedError, StorageError
from lambdas.common.media import ObjectRef

# One connection to S3 brings some 80 MB/s; several ranges at once bring what the machine's network does. Whoever wants
# the first bytes only, or seeks, asks for little: blocks and what is read ahead grow as the reading goes on.
_FIRST_BLOCK, _LARGEST_BLOCK = 1 << 18, 1 << 23
_MOST_AHEAD = 8
_CONNECTIONS = 32
# A read that stalls is given up, and tried again here with its body, long before a media tool loses its patience.
_CONFIG = Config(
    max_pool_connections=_CONNECTIONS,
    connect_timeout=5,
    read_timeout=10,
    retries={"mode": "standard", "total_max_attempts": 2},
)
_READS, _FIRST_PAUSE_S = 3, 0.5
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


class Head(NamedTuple):
    """What S3 says of an object before it is read."""

    ref: ObjectRef
    """The object, with the version that is the newest where none was asked for."""
    size_bytes: int


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
    except (BotoCoreError, Boto3Error, HTTPError) as error:
        # Botocore passes on what its HTTP library says while a body is read.
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
        self._readers = ThreadPoolExecutor(_CONNECTIONS, thread_name_prefix="s3")

    @classmethod
    def connect(cls) -> ObjectStore:
        """Return the store of the region and the account that the environment names."""
        return cls(boto3.client("s3", config=_CONFIG))

    def head(self, ref: ObjectRef) -> Head:
        """Return the object's size, and the version that is read from now on.

        Raises
        ------
        ObjectMissingError, RefusedError, StorageError
            As `aws_errors` says.
        """
        with aws_errors(f"look up {ref.uri}"):
            answer = self._client.head_object(Bucket=ref.bucket, Key=ref.key, **_version(ref))
        pinned = ref.model_copy(update={"version_id": answer.get("VersionId")})
        return Head(ref=pinned, size_bytes=answer["ContentLength"])

    def blocks(self, ref: ObjectRef, *, start: int, end: int) -> Iterator[bytes]:
        """Yield the bytes from `start` up to `end`, in order and in pieces; some pieces are read ahead.

        Raises
        ------
        ObjectMissingError, RefusedError, StorageError
            As `aws_errors` says.
        """
        coming: deque[Future[bytes]] = deque()
        size, ahead = _FIRST_BLOCK, 1
        try:
            while coming or start < end:
                while start < end and len(coming) < ahead:
                    stop = min(start + size, end)
                    coming.append(self._readers.submit(self._range, ref, start=start, stop=stop))
                    start = stop
                yield coming.popleft().result()
                size, ahead = min(2 * size, _LARGEST_BLOCK), min(ahead + 1, _MOST_AHEAD)
        finally:
            for block in coming:
                block.cancel()

    def _range(self, ref: ObjectRef, *, start: int, stop: int) -> bytes:
        asked = {"Range": f"bytes={start}-{stop - 1}", **_version(ref)}
        for attempt in range(_READS):
            try:
                with aws_errors(f"read {ref.uri}"):
                    found = self._client.get_object(Bucket=ref.bucket, Key=ref.key, **asked)["Body"].read()
            except StorageError:
                if attempt == _READS - 1:
                    raise
                time.sleep(random.uniform(0, _FIRST_PAUSE_S * 2**attempt))  # noqa: S311 - jitter
                continue
            if len(found) != stop - start:
                raise RefusedError(f"read {ref.uri}: it changed while it was read")
            return bytes(found)
        raise AssertionError  # every try of the loop returns or raises

    def measure(self, ref: ObjectRef) -> Fetched:
        """Read an object to its end and say what it was; nothing of it is kept.

        Raises
        ------
        ObjectMissingError, RefusedError, StorageError
            As `aws_errors` says.
        """
        return self.fetch(ref, Path(os.devnull))

    def fetch(self, ref: ObjectRef, path: Path) -> Fetched:
        """Stream an object to `path` and measure it on the way.

        Raises
        ------
        ObjectMissingError, RefusedError, StorageError
            As `aws_errors` says.
        """
        head = self.head(ref)
        digest = hashlib.sha256()
        with path.open("wb") as file:
            for block in self.blocks(head.ref, start=0, end=head.size_bytes):
                digest.update(block)
                file.write(block)
        return Fetched(size_bytes=head.size_bytes, sha256=digest.hexdigest(), version_id=head.ref.version_id)

    def read(self, ref: ObjectRef, model: type[Document]) -> Document:
        """Return the JSON document at `ref`.

        Raises
        ------
        DocumentInvalidError
            If it is not a valid `model`; the message names the fields.
        """
        with aws_errors(f"read {ref.uri}"):
            text = self._client.get_object(Bucket=ref.bucket, Key=ref.key, **_version(ref))["Body"].read()
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

    def exists(self, ref: ObjectRef) -> bool:
        """Say whether there is an object at `ref`."""
        try:
            self.head(ref)
        except ObjectMissingError:
            return False
        return True

    def copy(self, ref: ObjectRef, target: ObjectRef) -> None:
        """Copy an object within S3; it appears at `target` when it is complete, and not before."""
        with aws_errors(f"copy {ref.uri}"):
            self._client.copy({"Bucket": ref.bucket, "Key": ref.key}, target.bucket, target.key)

    def delete(self, ref: ObjectRef) -> None:
        """Remove an object, if there is one."""
        with aws_errors(f"remove {ref.uri}"):
            self._client.delete_object(Bucket=ref.bucket, Key=ref.key)

    def has(self, ref: ObjectRef, *, fingerprint: str) -> bool:
        """Say whether `ref` exists and was made from what `fingerprint` says."""
        try:
            with aws_errors(f"look up {ref.uri}"):
                head = self._client.head_object(Bucket=ref.bucket, Key=ref.key)
        except ObjectMissingError:
            return False
        return bool(head["Metadata"].get(_FINGERPRINT) == fingerprint)


def _version(ref: ObjectRef) -> dict[str, str]:
    return {"VersionId": ref.version_id} if ref.version_id else {}
