"""What operators have said of versions' caps, in DynamoDB: one item each time, none of them ever changed."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError

from lambdas.common.aws import client, condition_failed, transient_errors
from lambdas.common.errors import ConflictError
from lambdas.encoding.caps import Cap


class CapStore:
    """The caps in one table, by ``version_id`` and ``at``.

    Every method raises `TransientError` if DynamoDB is throttling or away.
    """

    def __init__(self, table: str) -> None:
        self._table = table

    @transient_errors()
    def add(self, cap: Cap) -> None:
        """Note a cap.

        Raises
        ------
        ConflictError
            If another one was noted at the same moment.
        """
        try:
            client("dynamodb").put_item(
                TableName=self._table,
                Item={
                    "version_id": {"S": cap.version_id},
                    "at": {"S": cap.at.isoformat(timespec="microseconds")},
                    "cap": {"S": cap.model_dump_json()},
                },
                ConditionExpression="attribute_not_exists(version_id)",
            )
        except ClientError as error:
            if condition_failed(error):
                raise ConflictError(f"the cap of {cap.version_id} was changed just now: look at it again") from error
            raise

    @transient_errors()
    def of_version(self, version_id: str) -> tuple[Cap, ...]:
        """Return what was said of a version, the newest first."""
        pages = (
            client("dynamodb")
            .get_paginator("query")
            .paginate(
                TableName=self._table,
                KeyConditionExpression="version_id = :version",
                ExpressionAttributeValues={":version": {"S": version_id}},
                ScanIndexForward=False,
                ConsistentRead=True,
            )
        )
        return tuple(_cap(item) for page in pages for item in page["Items"])


def _cap(item: dict[str, dict[str, Any]]) -> Cap:
    return Cap.model_validate_json(item["cap"]["S"])
