"""DynamoDB's attribute values, and Python's."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from pydantic import BaseModel

Item = dict[str, Any]
_serializer = TypeSerializer()
_deserializer = TypeDeserializer()


def to_dynamodb(values: Mapping[str, object]) -> Item:
    """Return values as an item's attributes."""
    return {name: _serializer.serialize(value) for name, value in values.items()}


def from_dynamodb(item: Mapping[str, Any]) -> Item:
    """Return an item's attributes as Python's values."""
    return {name: _deserializer.deserialize(value) for name, value in item.items()}


def values_of(record: BaseModel) -> Item:
    """Return a record's values for `to_dynamodb`: DynamoDB has decimals, and no floats; what is None is left out."""
    values: Item = json.loads(record.model_dump_json(exclude_none=True), parse_float=Decimal)
    return values
