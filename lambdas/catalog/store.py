"""The catalog's table: consistent reads, conditional writes, and the one transaction that publishes."""

from __future__ import annotations

from datetime import datetime
from typing import TypeVar

from botocore.exceptions import ClientError

from lambdas.catalog import items
from lambdas.catalog.models import ListedTitle, Stored, Title, Version, VersionState
from lambdas.catalog.publishing import next_revision
from lambdas.common.aws import client, error_code, transient_errors
from lambdas.common.errors import TransientError
from lambdas.common.events import SourceAccepted, VersionPackaged

StoredT = TypeVar("StoredT", bound=Stored)
_LOST = {"ConditionalCheckFailed", "TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"}
_NEW = "attribute_not_exists(pk)"


class CatalogStore:
    """The catalog in one DynamoDB table; `lambdas.catalog.items` has the layout.

    Every method raises `TransientError` if DynamoDB is throttling or away.
    """

    def __init__(self, table: str) -> None:
        self._table = table

    @transient_errors()
    def add_version(self, source: SourceAccepted, *, at: datetime) -> bool:
        """Record a version whose encoding begins; return whether it was new."""
        try:
            client("dynamodb").put_item(
                TableName=self._table, Item=items.new_version(source, at=at), ConditionExpression=_NEW
            )
        except ClientError as error:
            if error_code(error) == "ConditionalCheckFailedException":
                return False
            raise
        return True

    def version(self, *, title_id: str, version_id: str) -> Version | None:
        """Return a version as it is now, if the catalog has it."""
        return self._get(items.version_key(title_id, version_id), Version)

    def title(self, title_id: str) -> Title | None:
        """Return a title as it is now, if it was ever published."""
        return self._get(items.title_key(title_id), Title)

    @transient_errors()
    def publish(self, packaged: VersionPackaged, *, version: Version, before: Title | None, at: datetime) -> None:
        """Make `version` the current one of its title: all of it, or nothing.

        Parameters
        ----------
        packaged
            What was packaged.
        version
            The version, as it was read.
        before
            The title, as it was read; none, if this is its first version.
        at
            The time of the change.

        Raises
        ------
        TransientError
            If the version or the title has changed since they were read: read again, and decide again.
        """
        title = items.published_title(packaged, version=version, revision=next_revision(before), at=at)
        audit = items.audit_record(title_id=packaged.title_id, version=version, before=before, at=at)
        unchanged = {
            "ConditionExpression": "revision = :read",
            "ExpressionAttributeValues": items.to_dynamodb({":read": before.revision if before else 0}),
        }
        puts = [
            {"Item": title} | (unchanged if before else {"ConditionExpression": _NEW}),
            {"Item": audit, "ConditionExpression": _NEW},
        ]
        transaction = [
            {"Update": self._flip(packaged, at=at)},
            *({"Put": {"TableName": self._table} | put} for put in puts),
        ]
        try:
            client("dynamodb").transact_write_items(TransactItems=transaction)
        except ClientError as error:
            reasons = {reason.get("Code") for reason in error.response.get("CancellationReasons", [])}
            if reasons & _LOST:
                message = f"somebody else changed title {packaged.title_id!r} just now: try again"
                raise TransientError(message) from error
            raise

    @transient_errors()
    def published(self) -> tuple[ListedTitle, ...]:
        """Return the published titles by name, as the index has them: a moment late at most."""
        pages = (
            client("dynamodb")
            .get_paginator("query")
            .paginate(
                TableName=self._table,
                IndexName=items.INDEX,
                KeyConditionExpression="listing = :listed",
                ExpressionAttributeValues=items.to_dynamodb({":listed": items.LISTED}),
            )
        )
        found = (items.from_dynamodb(item) for page in pages for item in page["Items"])
        return tuple(ListedTitle.model_validate(item | {"version_id": item["current_version"]}) for item in found)

    @transient_errors()
    def _get(self, key: items.Item, model: type[StoredT]) -> StoredT | None:
        answer = client("dynamodb").get_item(TableName=self._table, Key=key, ConsistentRead=True)
        return model.model_validate(items.from_dynamodb(answer["Item"])) if "Item" in answer else None

    def _flip(self, packaged: VersionPackaged, *, at: datetime) -> items.Item:
        values = {
            ":encoding": VersionState.ENCODING.value,
            ":published": VersionState.PUBLISHED.value,
            ":packaged": items.plain(packaged),
            ":at": at.isoformat(),
        }
        return {
            "TableName": self._table,
            "Key": items.version_key(packaged.title_id, packaged.version_id),
            "ConditionExpression": "#state = :encoding",
            "UpdateExpression": "SET #state = :published, packaged = :packaged, published_at = :at",
            "ExpressionAttributeNames": {"#state": "state"},
            "ExpressionAttributeValues": items.to_dynamodb(values),
        }
