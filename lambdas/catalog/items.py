"""The items of the catalog's table, and how Python's values become DynamoDB's and back.

================== ============================ =====================================================
pk                 sk                           item
================== ============================ =====================================================
``TITLE#{id}``     ``TITLE``                    the title; ``listing`` and ``name`` put it in the index
``TITLE#{id}``     ``VERSION#{version}``        a version
``TITLE#{id}``     ``AUDIT#{revision}``         who replaced what, when and why; never changed
``CAMPAIGN#{n}``   ``TITLE#{id}#{version}``     a version that a campaign asked for; never changed
================== ============================ =====================================================

The sparse index ``published`` (``listing``, ``name``) holds the published titles, by name.
"""

from __future__ import annotations

import json
from datetime import datetime
from decimal import Decimal

from pydantic import BaseModel

from lambdas.catalog.changes import Change
from lambdas.catalog.models import AuditRecord, CampaignEntry, Version, VersionState
from lambdas.common.attributes import Item, to_dynamodb
from lambdas.common.events import ReencodeRequested, SourceAccepted

INDEX = "published"
LISTED = "PUBLISHED"
VERSIONS = "VERSION#"
TITLES = "TITLE#"
AUDIT = "AUDIT#"


def partition(title_id: str) -> str:
    """Return the partition of a title."""
    return f"{TITLES}{title_id}"


def title_key(title_id: str) -> Item:
    """Return the key of a title."""
    return to_dynamodb({"pk": partition(title_id), "sk": "TITLE"})


def version_key(title_id: str, version_id: str) -> Item:
    """Return the key of a version."""
    return to_dynamodb({"pk": partition(title_id), "sk": f"{VERSIONS}{version_id}"})


def audit_key(title_id: str, revision: int) -> Item:
    """Return the key of the record of a change; in the order of the changes, whatever any clock says."""
    return to_dynamodb({"pk": partition(title_id), "sk": f"{AUDIT}{revision:08d}"})


def campaign_partition(campaign: str) -> str:
    """Return the partition of a campaign."""
    return f"CAMPAIGN#{campaign}"


def new_version(
    source: SourceAccepted, *, at: datetime, campaign: str | None = None, replaces: str | None = None
) -> Item:
    """Return the item of a version whose source was just accepted, or is to be encoded anew."""
    version = Version(
        version_id=source.version_id,
        state=VersionState.ENCODING,
        studio=source.studio,
        delivery_id=source.delivery_id,
        title=source.title,
        priority=source.priority,
        delivered_at=source.delivered_at,
        accepted_at=at,
        media=source.media,
        analysis=source.analysis,
        facts=source.facts,
        rights=source.rights,
        thumbnails=source.thumbnails,
        subtitles=source.subtitles,
        fixity=source.fixity,
        campaign=campaign,
        replaces=replaces,
    )
    return version_key(source.title.title_id, source.version_id) | to_dynamodb(plain(version))


def campaign_entry(request: ReencodeRequested, *, at: datetime) -> Item:
    """Return the item that says that a campaign asked for a version."""
    entry = CampaignEntry(
        campaign=request.campaign,
        title_id=request.accepted.title.title_id,
        version_id=request.accepted.version_id,
        replaces=request.replaces,
        off_peak=request.off_peak,
        at=at,
        by=request.by,
    )
    key = {"pk": campaign_partition(entry.campaign), "sk": f"{TITLES}{entry.title_id}#{entry.version_id}"}
    return to_dynamodb(key | plain(entry))


def changed_title(change: Change, *, at: datetime) -> Item:
    """Return the item of a title after `change`."""
    return title_key(change.title_id) | to_dynamodb(
        {
            **plain(change.version.title),
            "studio": change.version.studio,
            "current_version": change.version.version_id,
            "revision": change.revision,
            "newest": [change.newest.at.isoformat(), change.newest.version_id],
            "duration_s": Decimal(str(change.packaged.duration_s)),
            "poster": change.packaged.poster,
            "published_at": at.isoformat(),
            "listing": LISTED,
        }
    )


def audit_record(change: Change, *, at: datetime) -> AuditRecord:
    """Return the record of `change`."""
    return AuditRecord(
        revision=change.revision,
        action=change.action,
        version_id=change.version.version_id,
        previous_version=change.before.current_version if change.before else None,
        at=at,
        by=change.by,
        reason=change.reason,
    )


def plain(model: BaseModel) -> Item:
    """Return `model` as plain values, with decimals for the floats, which DynamoDB does not have."""
    values: Item = json.loads(model.model_dump_json(), parse_float=Decimal)
    return values
