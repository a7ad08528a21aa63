"""The table of sources: which objects each version of a title was made from.

=================== ======================= =====================================================
pk                  sk                      item
=================== ======================= =====================================================
``TITLE#{title}``   ``VERSION#{version}``   a `SourceRecord`, as JSON in ``record``
=================== ======================= =====================================================
"""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError

from lambdas.common.aws import client, condition_failed, transient_errors
from lambdas.storage.models import SourceRecord


class SourceStore:
    """The table of sources. Every method raises `TransientError` if DynamoDB is throttling or away."""

    def __init__(self, table: str) -> None:
        self._table = table

    @transient_errors()
    def add(self, record: SourceRecord) -> bool:
        """Keep a record for good; return whether it was new."""
        item = _key(record.title_id, record.version_id) | {"record": {"S": record.model_dump_json()}}
        try:
            client("dynamodb").put_item(
                TableName=self._table, Item=item, ConditionExpression="attribute_not_exists(pk)"
            )
        except ClientError as error:
            if condition_failed(error):
                return False
            raise
        return True

    @transient_errors()
    def of_title(self, title_id: str) -> tuple[SourceRecord, ...]:
        """Return every source that was ever accepted of a title."""
        pages = (
            client("dynamodb")
            .get_paginator("query")
            .paginate(
                TableName=self._table,
                KeyConditionExpression="pk = :title",
                ExpressionAttributeValues={":title": {"S": f"TITLE#{title_id}"}},
                ConsistentRead=True,
            )
        )
        items = (item for page in pages for item in page["Items"])
        return tuple(SourceRecord.model_validate_json(item["record"]["S"]) for item in items)


def _key(title_id: str, version_id: str) -> dict[str, Any]:
    return {"pk": {"S": f"TITLE#{title_id}"}, "sk": {"S": f"VERSION#{version_id}"}}
