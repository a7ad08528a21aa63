"""What an operator is told of a title: its versions, and every change of the current one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lambdas.catalog.models import AuditRecord, Title, Version
from lambdas.catalog.rollback import UnknownTitleError


def overview(
    title_id: str, *, title: Title | None, versions: Sequence[Version], trail: Sequence[AuditRecord]
) -> dict[str, Any]:
    """Return a title's versions, newest delivery first, and its audit trail, oldest change first; as JSON values.

    A version has its `renditions` as they were measured, and its `ladder`, a `LadderReport`, if it was searched for.

    Raises
    ------
    UnknownTitleError
        If the catalog has no version of it.
    """
    if not versions:
        message = f"the catalog has no version of {title_id!r}: `marquee titles` lists what is published"
        raise UnknownTitleError(message)
    return {
        "title_id": title_id,
        "current_version": title.current_version if title else None,
        "revision": title.revision if title else 0,
        "versions": [_told(version) for version in reversed(versions)],
        "audit": [record.model_dump(mode="json") for record in trail],
    }


def _told(version: Version) -> dict[str, Any]:
    known = version.model_dump(
        mode="json",
        include={
            *("version_id", "state", "studio", "delivery_id", "priority", "rights", "facts", "campaign", "replaces"),
            *("delivered_at", "accepted_at", "packaged_at", "published_at"),
        },
    )
    packaged = version.packaged
    renditions = packaged.renditions if packaged else ()
    top = max(renditions, key=lambda rendition: rendition.height * rendition.width, default=None)
    return known | {
        "verified": version.verified,
        "degraded": version.degraded,
        "renditions": [rendition.model_dump(mode="json") for rendition in renditions],
        "vmaf_top": top.vmaf_mean if top else None,
        "ladder": packaged.ladder.model_dump(mode="json") if packaged and packaged.ladder else None,
    }
