"""Who owns a title: the studio whose delivery of it was accepted first, for good."""

from __future__ import annotations

from botocore.exceptions import ClientError

from lambdas.common.aws import client, condition_failed, transient_errors
from lambdas.common.events import Finding
from lambdas.ingestion.findings import finding

_OWNER = "OWNER"


class OwnerStore:
    """The owners in the deliveries table: ``TITLE#{title_id}``, ``OWNER``.

    Every method raises `TransientError` if DynamoDB is throttling or away.
    """

    def __init__(self, table: str) -> None:
        self._table = table

    @transient_errors()
    def owner(self, title_id: str) -> str | None:
        """Return the studio that owns a title; none, if nobody does yet."""
        answer = client("dynamodb").get_item(TableName=self._table, Key=_key(title_id), ConsistentRead=True)
        return str(answer["Item"]["studio"]["S"]) if "Item" in answer else None

    @transient_errors()
    def claim(self, title_id: str, *, studio: str) -> bool:
        """Make `studio` the owner of a title that nobody owns; return whether it is the owner now."""
        try:
            client("dynamodb").put_item(
                TableName=self._table,
                Item=_key(title_id) | {"studio": {"S": studio}},
                ConditionExpression="attribute_not_exists(pk) OR studio = :studio",
                ExpressionAttributeValues={":studio": {"S": studio}},
            )
        except ClientError as error:
            if condition_failed(error):
                return False
            raise
        return True


def title_taken(title_id: str) -> Finding:
    """Return the finding of a delivery of another studio's title; it does not say whose."""
    return finding(
        "TITLE_TAKEN",
        subject="title.title_id",
        message=f"another studio has delivered a title with the id {title_id!r}",
        remedy="Choose another title_id, for example with your studio's name in front, and upload manifest.json again.",
    )


def _key(title_id: str) -> dict[str, dict[str, str]]:
    return {"pk": {"S": f"TITLE#{title_id}"}, "sk": {"S": _OWNER}}
