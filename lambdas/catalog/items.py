"""The items of the catalog's table, and how Python's values become DynamoDB's and back.

================ ================================ =====================================================
pk               sk                               item
================ ================================ =====================================================
``TITLE#{id}``   ``TITLE``                        the title; ``listing`` and ``name`` put it in the index
``TITLE#{id}``   ``VERSION#{version}``            a version
``TITLE#{id}``   ``AUDIT#{time}#{version}``       who replaced what, and when; never changed
================ ================================ =====================================================

The sparse index ``published`` (``listing``, ``name``) holds the published titles, by name.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from pydantic import BaseModel

from lambdas.catalog.models import Title, Version, VersionState
from lambdas.common.events import SourceAccepted, VersionPackaged

INDEX = "published"
LISTED = "PUBLISHED"

Item = dict[str, Any]
_serializer = TypeSerializer()
_deserializer = TypeDeserializer()


def title_key(title_id: str) -> Item:
    """Return the key of a title."""
    return to_dynamodb({"pk": f"TITLE#{title_id}", "sk": "TITLE"})


def version_key(title_id: str, version_id: str) -> Item:
    """Return the key of a version."""
    return to_dynamodb({"pk": f"TITLE#{title_id}", "sk": f"VERSION#{version_id}"})


def new_version(source: SourceAccepted, *, at: datetime) -> Item:
    """Return the item of a version whose source was just accepted."""
    return version_key(source.title.title_id, source.version_id) | to_dynamodb(
        {
            "version_id": source.version_id,
            "state": VersionState.ENCODING.value,
            "studio": source.studio,
            "delivery_id": source.delivery_id,
            "title": plain(source.title),
            "accepted_at": at.isoformat(),
        }
    )


def published_title(packaged: VersionPackaged, *, version: Version, revision: int, at: datetime) -> Item:
    """Return the item of a title whose current version is `version`, from now on."""
    return title_key(packaged.title_id) | to_dynamodb(
        {
            **plain(version.title),
            "studio": version.studio,
            "current_version": version.version_id,
            "revision": revision,
            "duration_s": Decimal(str(packaged.duration_s)),
            "poster": packaged.poster,
            "published_at": at.isoformat(),
            "listing": LISTED,
        }
    )


def audit_record(*, title_id: str, version: Version, before: Title | None, at: datetime) -> Item:
    """Return the record of a change of a title's current version."""
    return to_dynamodb(
        {
            "pk": f"TITLE#{title_id}",
            "sk": f"AUDIT#{at.isoformat()}#{version.version_id}",
            "action": "publish",
            "studio": version.studio,
            "version_id": version.version_id,
            "previous_version": before.current_version if before else None,
            "at": at.isoformat(),
        }
    )


def plain(model: BaseModel) -> Item:
    """Return `model` as plain values, with decimals for the floats, which DynamoDB does not have."""
    values: Item = json.loads(model.model_dump_json(), parse_float=Decimal)
    return values


def to_dynamodb(values: Mapping[str, object]) -> Item:
    """Return plain values in DynamoDB's notation, ``{"name": {"S": "…"}}``."""
    return {name: _serializer.serialize(value) for name, value in values.items()}


def from_dynamodb(item: Mapping[str, Any]) -> Item:
    """Return the plain values of an item."""
    return {name: _deserializer.deserialize(value) for name, value in item.items()}
