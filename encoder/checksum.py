"""Task ``checksum``: read every byte of an object, as a proof that it can be read, and say what it was."""

from __future__ import annotations

from encoder.log import say
from encoder.storage import ObjectStore, parse_uri
from lambdas.storage.models import FixityReport


def checksum(*, target: str, version: str | None, report: str, store: ObjectStore) -> None:
    """Read an object (``s3://…``) to its end and write a `FixityReport` to `report`; nothing of it is kept.

    Raises
    ------
    AddressError
        If an address is not ``s3://bucket/key``.
    ObjectMissingError, RefusedError, StorageError
        If it cannot be read; one that is still archived is refused.
    """
    ref = parse_uri(target).model_copy(update={"version_id": version})
    read = store.measure(ref)
    say("read", object=ref.uri, bytes=read.size_bytes, sha256=read.sha256)
    store.write(FixityReport(ref=ref, size_bytes=read.size_bytes, sha256=read.sha256), parse_uri(report))
