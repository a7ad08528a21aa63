"""The catalog's table: consistent reads, conditional writes, and the one transaction that changes what is current."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, TypeVar

from botocore.exceptions import ClientError

from lambdas.catalog import items
from lambdas.catalog.changes import Change
from lambdas.catalog.models import AuditRecord, CampaignEntry, ListedTitle, Title, Version, VersionState
from lambdas.common.attributes import Item, from_dynamodb, to_dynamodb
from lambdas.common.aws import client, condition_failed, transient_errors
from lambdas.common.errors import NotFoundError, TransientError
from lambdas.common.events import ReencodeRequested, SourceAccepted, VersionPackaged
from lambdas.common.media import Stored

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
    def add_version(self, source: SourceAccepted, *, at: datetime, replaces: str | None = None) -> bool:
        """Record a version whose encoding begins, or that is to be packaged anew; return whether it was new."""
        try:
            client("dynamodb").put_item(
                TableName=self._table,
                Item=items.new_version(source, at=at, replaces=replaces),
                ConditionExpression=_NEW,
            )
        except ClientError as error:
            if condition_failed(error):
                return False
            raise
        return True

    @transient_errors()
    def add_reencode(self, request: ReencodeRequested, *, at: datetime) -> bool:
        """Record a version that a campaign asks for; return whether it was new.

        Raises
        ------
        TransientError
            If the same was asked for at the same moment.
        """
        version = items.new_version(request.accepted, at=at, campaign=request.campaign, replaces=request.replaces)
        new = {"TableName": self._table, "ConditionExpression": _NEW}
        writes = [{"Put": {"Item": item} | new} for item in (version, items.campaign_entry(request, at=at))]
        try:
            client("dynamodb").transact_write_items(TransactItems=writes)
        except ClientError as error:
            reasons = {reason.get("Code") for reason in error.response.get("CancellationReasons", [])}
            if "ConditionalCheckFailed" in reasons:
                return False
            if reasons & _LOST:
                raise _overtaken(request.accepted.title.title_id) from error
            raise
        return True

    def campaign(self, campaign: str) -> tuple[CampaignEntry, ...]:
        """Return what a campaign asked for, by title."""
        found = self._query(items.campaign_partition(campaign), items.TITLES)
        return tuple(CampaignEntry.model_validate(item) for item in found)

    def version(self, *, title_id: str, version_id: str) -> Version | None:
        """Return a version as it is now, if the catalog has it."""
        return self._get(items.version_key(title_id, version_id), Version)

    def title(self, title_id: str) -> Title | None:
        """Return a title as it is now, if it was ever published."""
        return self._get(items.title_key(title_id), Title)

    def last_change(self, title_id: str) -> AuditRecord:
        """Return the record of the change that made a title's current version current.

        Raises
        ------
        NotFoundError
            If the title was never published.
        """
        title = self.title(title_id)
        found = title and self._get(items.audit_key(title_id, title.revision), AuditRecord)
        if not found:
            raise NotFoundError(f"title {title_id!r} was never published")
        return found

    def versions(self, title_id: str) -> tuple[Version, ...]:
        """Return a title's versions in the order of their deliveries."""
        found = (Version.model_validate(item) for item in self._below(title_id, items.VERSIONS))
        return tuple(sorted(found, key=lambda version: version.delivered))

    def audit_trail(self, title_id: str) -> tuple[AuditRecord, ...]:
        """Return the records of all changes of a title's current version, oldest first."""
        return tuple(AuditRecord.model_validate(item) for item in self._below(title_id, items.AUDIT))

    @transient_errors()
    def keep(self, packaged: VersionPackaged, *, version: Version, at: datetime) -> None:
        """Record what was packaged, and leave the title's current version as it is.

        Raises
        ------
        TransientError
            If the version has changed since it was read: read again, and decide again.
        """
        update = self._update_version(
            version,
            {"state": VersionState.PACKAGED.value, "packaged": items.plain(packaged), "packaged_at": at.isoformat()},
        )
        try:
            client("dynamodb").update_item(**update)
        except ClientError as error:
            if condition_failed(error):
                raise _overtaken(packaged.title_id) from error
            raise

    @transient_errors()
    def apply(self, change: Change, *, at: datetime) -> AuditRecord:
        """Make another version the current one of its title, and record it: all of it, or nothing.

        Raises
        ------
        TransientError
            If the version or the title has changed since they were read: read again, and decide again.
        """
        record = items.audit_record(change, at=at)
        title_unchanged: dict[str, Any] = (
            {
                "ConditionExpression": "revision = :read",
                "ExpressionAttributeValues": to_dynamodb({":read": change.before.revision}),
            }
            if change.before
            else {"ConditionExpression": _NEW}
        )
        audit = items.audit_key(change.title_id, change.revision) | to_dynamodb(items.plain(record))
        writes = [
            {"Update": self._publish(change, at=at)},
            *({"Update": update} for update in self._replace(change)),
            {"Put": {"TableName": self._table, "Item": items.changed_title(change, at=at)} | title_unchanged},
            {"Put": {"TableName": self._table, "Item": audit, "ConditionExpression": _NEW}},
        ]
        try:
            client("dynamodb").transact_write_items(TransactItems=writes)
        except ClientError as error:
            reasons = {reason.get("Code") for reason in error.response.get("CancellationReasons", [])}
            if reasons & _LOST:
                raise _overtaken(change.title_id) from error
            raise
        return record

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
                ExpressionAttributeValues=to_dynamodb({":listed": items.LISTED}),
            )
        )
        found = (from_dynamodb(item) for page in pages for item in page["Items"])
        return tuple(ListedTitle.model_validate(item | {"version_id": item["current_version"]}) for item in found)

    @transient_errors()
    def _get(self, key: Item, model: type[StoredT]) -> StoredT | None:
        answer = client("dynamodb").get_item(TableName=self._table, Key=key, ConsistentRead=True)
        return model.model_validate(from_dynamodb(answer["Item"])) if "Item" in answer else None

    def _below(self, title_id: str, prefix: str) -> list[Item]:
        return self._query(items.partition(title_id), prefix)

    @transient_errors()
    def _query(self, partition: str, prefix: str) -> list[Item]:
        pages = (
            client("dynamodb")
            .get_paginator("query")
            .paginate(
                TableName=self._table,
                ConsistentRead=True,
                KeyConditionExpression="pk = :pk AND begins_with(sk, :prefix)",
                ExpressionAttributeValues=to_dynamodb({":pk": partition, ":prefix": prefix}),
            )
        )
        return [from_dynamodb(item) for page in pages for item in page["Items"]]

    def _publish(self, change: Change, *, at: datetime) -> Item:
        packaged_at = change.version.packaged_at or at
        values = {
            "state": VersionState.PUBLISHED.value,
            "packaged": items.plain(change.packaged),
            "packaged_at": packaged_at.isoformat(),
            "published_at": at.isoformat(),
        }
        return self._update_version(change.version, values)

    def _replace(self, change: Change) -> Iterator[Item]:
        # A transaction takes one write an item; the version's own condition decides if it is current already.
        if change.before is not None and change.before.current_version != change.version.version_id:
            yield self._update(
                items.version_key(change.title_id, change.before.current_version),
                {"state": change.state_of_replaced.value},
                read=VersionState.PUBLISHED,
            )

    def _update_version(self, version: Version, values: Mapping[str, object]) -> Item:
        key = items.version_key(version.title.title_id, version.version_id)
        return self._update(key, values, read=version.state)

    def _update(self, key: Item, values: Mapping[str, object], *, read: VersionState) -> Item:
        """Return an update of a version's item, on the condition that its state is the one that was `read`."""
        return {
            "TableName": self._table,
            "Key": key,
            "ConditionExpression": "#state = :read",
            "UpdateExpression": "SET " + ", ".join(f"#{name} = :{name}" for name in values),
            "ExpressionAttributeNames": {f"#{name}": name for name in values},
            "ExpressionAttributeValues": to_dynamodb(
                {":read": read.value} | {f":{name}": value for name, value in values.items()}
            ),
        }


def _overtaken(title_id: str) -> TransientError:
    return TransientError(f"somebody else changed title {title_id!r} just now: try again")
