"""Recovering a bucket's objects from what is left of them: old versions here, replicas elsewhere. Decided, not done."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from lambdas.storage.models import Checksum


class Remedy(StrEnum):
    """What brings an object back, from the cheapest to the dearest."""

    NONE = "intact"
    UNDELETE = "undeleted"
    """Only delete markers lie over the good version: they are taken away."""
    PUT_BACK = "put back"
    """The good version is still there under another one: it is copied on top. Nothing is deleted."""
    COPY = "copied"
    """It is copied from the replica region."""


class Good(NamedTuple):
    """An object as it should be, which the replica region knows: its version there, and what S3 keeps of it."""

    version_id: str
    size_bytes: int
    checksum: Checksum | None


class Entry(NamedTuple):
    """One entry of an object's history in the damaged bucket."""

    version_id: str
    delete_marker: bool


def remedy(good: Good, *, history: tuple[Entry, ...]) -> Remedy:
    """Return what brings an object back.

    Parameters
    ----------
    history
        Its versions and delete markers in the damaged bucket, the newest first. A version id never stands for
        other bytes, so that the good one's presence is enough.
    """
    newest_version = next((entry.version_id for entry in history if not entry.delete_marker), None)
    if history and history[0].version_id == good.version_id:
        return Remedy.NONE
    if newest_version == good.version_id:
        return Remedy.UNDELETE
    if any(entry.version_id == good.version_id for entry in history):
        return Remedy.PUT_BACK
    return Remedy.COPY


def plan(good: Mapping[str, Good], *, histories: Mapping[str, tuple[Entry, ...]]) -> dict[str, Remedy]:
    """Return, by key, what brings each object back; one without a history is gone for good here."""
    return {key: remedy(wanted, history=histories.get(key, ())) for key, wanted in good.items()}


def is_good(good: Good, *, size_bytes: int, checksum: Checksum | None) -> bool:
    """Return whether what is there now is what should be: by S3's checksum, or by size where none is kept."""
    same_size = size_bytes == good.size_bytes
    if good.checksum is None or checksum is None or good.checksum.algorithm != checksum.algorithm:
        return same_size
    # A copy of an object of many parts has a checksum of the whole, and not of its parts.
    return same_size and (good.checksum.value == checksum.value or good.checksum.whole != checksum.whole)
