"""Restoring from the archive, decided: what may be asked for, how long to wait, and whether it is what it was."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import NamedTuple

from lambdas.common.batch import Job, scheduling_priority
from lambdas.common.errors import NotFoundError, PermanentError
from lambdas.common.keys import RestoreFolder
from lambdas.common.media import Priority
from lambdas.storage.models import (
    ARCHIVES,
    ArchivedObject,
    FixityReport,
    RestoredObject,
    RestoreReport,
    RestoreRequest,
    RestoreState,
    SourceObject,
    SourceRecord,
    Tier,
)

_FIRST_WAIT_S, _LONGEST_WAIT_S = 2, 900
_EXPIRY = re.compile(r'expiry-date="([^"]+)"')


class TierUnavailableError(PermanentError):
    """A tier was asked for that an object's archive does not have; the message names those it has."""


class FixityError(PermanentError):
    """What was restored is not what was accepted: the message names the objects and where else they lie."""


class Availability(NamedTuple):
    """What S3 says of an archived object's readable copy."""

    readable: bool
    until: datetime | None


def availability(storage_class: str, restore: str | None) -> Availability:
    """Return whether an object can be read, from its storage class and its ``x-amz-restore`` header.

    >>> availability("DEEP_ARCHIVE", 'ongoing-request="true"').readable
    False
    """
    if storage_class not in ARCHIVES:
        return Availability(readable=True, until=None)
    if not restore or 'ongoing-request="false"' not in restore:
        return Availability(readable=False, until=None)
    expiry = _EXPIRY.search(restore)
    return Availability(readable=True, until=parsedate_to_datetime(expiry[1]) if expiry else None)


def chosen(records: Sequence[SourceRecord], *, request: RestoreRequest) -> SourceRecord:
    """Return the version of the title that was asked for; the newest accepted one, if none was named.

    Raises
    ------
    NotFoundError
        If no such version was ever accepted; the message names those that were.
    """
    known = sorted(records, key=lambda record: record.accepted_at)
    wanted = [record for record in known if request.version_id in {None, record.version_id}]
    if not wanted:
        named = ", ".join(record.version_id for record in known) or "none"
        message = f"title {request.title_id!r} has no source {request.version_id or ''}: accepted versions are {named}"
        raise NotFoundError(message)
    return wanted[-1]


def check_tier(objects: Sequence[ArchivedObject], *, tier: Tier) -> None:
    """Refuse a tier that an archive does not have.

    Raises
    ------
    TierUnavailableError
        If expedited retrieval is asked for of something in Deep Archive.
    """
    deep = [found.source.ref.uri for found in objects if found.storage_class == "DEEP_ARCHIVE" and not found.readable]
    if tier is Tier.EXPEDITED and deep:
        message = (
            f"Expedited is not available for Deep Archive, where {len(deep)} object(s) lie ({deep[0]}): ask for "
            "Standard (within 12 hours) or Bulk (within 48 hours)"
        )
        raise TierUnavailableError(message)


def begun(
    record: SourceRecord, objects: Sequence[ArchivedObject], *, request: RestoreRequest, reports_bucket: str
) -> RestoreState:
    """Return the state with which the workflow begins."""
    folder = RestoreFolder(request.restore_id)
    return RestoreState(
        restore_id=request.restore_id,
        title_id=record.title_id,
        version_id=record.version_id,
        tier=request.tier,
        days=request.days,
        by=request.by,
        objects=tuple(objects),
        pending=_pending(objects),
        wait_s=_FIRST_WAIT_S,
        jobs=tuple(
            _reading(found.source, name=f"checksum-{record.version_id}-{index}", to=f"s3://{reports_bucket}/{key}")
            for index, found in enumerate(objects)
            for key in (folder.fixity(index),)
        ),
    )


def looked(state: RestoreState, objects: Sequence[ArchivedObject]) -> RestoreState:
    """Return the state after another look; each waits twice as long as the one before, a quarter of an hour at most."""
    return state.model_copy(
        update={
            "objects": tuple(objects),
            "pending": _pending(objects),
            "looks": state.looks + 1,
            "wait_s": min(state.wait_s * 2, _LONGEST_WAIT_S),
        }
    )


def judged(state: RestoreState, read: Sequence[FixityReport]) -> RestoreReport:
    """Return the report of a restoring, from what the jobs read of each object, in the objects' order."""
    return RestoreReport(
        title_id=state.title_id,
        version_id=state.version_id,
        tier=state.tier,
        by=state.by,
        objects=tuple(_restored(found, report) for found, report in zip(state.objects, read, strict=True)),
    )


def require_sound(report: RestoreReport) -> None:
    """Refuse a report that has damage in it.

    Raises
    ------
    FixityError
        If anything is not what it was.
    """
    if report.damaged:
        named = ", ".join(found.ref.uri for found in report.damaged)
        message = (
            f"{named}: what was read is not what was accepted. The replica regions hold the same version ids: "
            "read it there, see docs/storage.md"
        )
        raise FixityError(message)


def _pending(objects: Sequence[ArchivedObject]) -> int:
    return sum(not found.readable for found in objects)


def _reading(source: SourceObject, *, name: str, to: str) -> Job:
    version = ("--object-version", source.ref.version_id) if source.ref.version_id else ()
    return Job(
        name=name,
        command=("checksum", "--object", source.ref.uri, *version, "--report", to),
        priority=scheduling_priority(Priority.ORIGINAL),  # somebody waits for it
    )


def _restored(found: ArchivedObject, read: FixityReport) -> RestoredObject:
    source = found.source
    same = read.size_bytes == source.size_bytes and source.sha256 in {None, read.sha256}
    return RestoredObject(
        ref=source.ref,
        size_bytes=read.size_bytes,
        sha256=read.sha256,
        storage_class=found.storage_class,
        until=found.until,
        proof="damaged" if not same else "sha256" if source.sha256 else "size",
    )
