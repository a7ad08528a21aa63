"""The statuses of deliveries in the deliveries table, and the histories and ladders beside them.

==================== ================================================= =============================================
pk                   sk                                                item
==================== ================================================= =============================================
``STUDIO#{studio}``  ``DELIVERY#{delivery}#{version}``                 a status; ``listing`` and ``listed_at`` put
                                                                       it in the index ``newest``
``STUDIO#{studio}``  ``HISTORY#{delivery}#{version}#{event's digest}`` one event, in a sentence
``STUDIO#{studio}``  ``LADDER#{delivery}#{version}``                   how a version's ladder was found: too much to
                                                                       be read with every list
==================== ================================================= =============================================
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from datetime import datetime
from typing import Annotated, Any, Literal, NamedTuple

from botocore.exceptions import ClientError
from pydantic import AwareDatetime, BaseModel, Field, TypeAdapter

from lambdas.common.aws import client, condition_failed, transient_errors
from lambdas.common.errors import FieldError, InvalidInputError, TransientError
from lambdas.common.events import Event
from lambdas.common.ladder import LadderReport
from lambdas.common.media import Record
from lambdas.common.parsing import parse
from lambdas.ingestion.notices import sentence
from lambdas.ingestion.status import Seen, Stage, Status, listed_at, together

INDEX = "newest"
_ATTEMPTS = 5
"""Two events of one delivery may be written at the same moment; five never are."""
_EVALUATED = 200
"""Items that one query looks through for a stage."""
_QUERIES = 10
_SEEN = TypeAdapter(dict[str, Seen])

Item = dict[str, dict[str, Any]]


class HistoryEntry(Record):
    """One event of a delivery's history."""

    at: AwareDatetime
    event: str
    message: str


class Page(NamedTuple):
    """Some of a studio's deliveries, and where the next ones begin."""

    statuses: tuple[Status, ...]
    cursor: str | None


class _Cursor(BaseModel):
    listed_at: Annotated[str, Field(min_length=1)]
    sk: Annotated[str, Field(pattern="^DELIVERY#")]


class StatusStore:
    """The statuses in one DynamoDB table.

    Every method raises `TransientError` if DynamoDB is throttling or away.
    """

    def __init__(self, table: str) -> None:
        self._table = table

    def add(self, news: Status) -> Status:
        """Add what one event says to what is known of its delivery; return all that is known then.

        Raises
        ------
        TransientError
            If others keep changing it at the same time: add it again.
        """
        for _ in range(_ATTEMPTS):
            known, revision = self._read(news)
            status = together(known, news) if known else news
            if status == known or self._write(status, revision=revision):
                return status
        raise TransientError(f"others keep changing the status of {news.version_id}: try again")

    def remember(self, event: Event, *, about: Status, at: datetime) -> None:
        """Note an event in the history; said again, it is the same entry, of the time when it was said first."""
        said = f"{event.detail_type()} {event.model_dump_json()}"
        digest = hashlib.sha256(said.encode()).hexdigest()[:16]
        entry = {
            **_key(about.studio, f"HISTORY#{about.delivery_id}#{about.version_id}#{digest}"),
            "event": {"S": event.detail_type()},
            "message": {"S": sentence(event)},
        }
        self._put(entry, at=at, over="later")

    def keep_ladder(self, ladder: LadderReport, *, about: Status, at: datetime) -> None:
        """Keep how a version's ladder was found; of two, the one that was said later stays."""
        item = {
            **_key(about.studio, f"LADDER#{about.delivery_id}#{about.version_id}"),
            "ladder": {"S": ladder.model_dump_json()},
        }
        self._put(item, at=at, over="earlier")

    @transient_errors()
    def get(self, *, studio: str, delivery_id: str, version_id: str) -> Status | None:
        """Return the status of one version of a delivery."""
        key = _key(studio, _sk(delivery_id, version_id))
        answer = client("dynamodb").get_item(TableName=self._table, Key=key)
        return _status(answer["Item"]) if "Item" in answer else None

    @transient_errors()
    def versions(self, *, studio: str, delivery_id: str) -> tuple[Status, ...]:
        """Return every version of a delivery, the newest first."""
        found = (_status(item) for item in self._below(studio, f"DELIVERY#{delivery_id}#"))
        return tuple(sorted(found, key=listed_at, reverse=True))

    @transient_errors()
    def history(self, *, studio: str, delivery_id: str) -> dict[str, tuple[HistoryEntry, ...]]:
        """Return what happened to each version of a delivery, the oldest first."""
        entries: dict[str, list[HistoryEntry]] = {}
        for item in self._below(studio, f"HISTORY#{delivery_id}#"):
            version_id = item["sk"]["S"].split("#")[2]
            entry = HistoryEntry.model_validate({name: item[name]["S"] for name in ("at", "event", "message")})
            entries.setdefault(version_id, []).append(entry)
        return {version: tuple(sorted(found, key=lambda entry: entry.at)) for version, found in entries.items()}

    @transient_errors()
    def ladders(self, *, studio: str, delivery_id: str) -> dict[str, LadderReport]:
        """Return how the ladder of each version of a delivery was found, of those that have one."""
        return {
            item["sk"]["S"].split("#")[2]: LadderReport.model_validate_json(item["ladder"]["S"])
            for item in self._below(studio, f"LADDER#{delivery_id}#")
        }

    @transient_errors()
    def newest(self, *, studio: str, stage: Stage | None, limit: int, cursor: str | None) -> Page:
        """Return a studio's deliveries, the newest first; a moment late at most.

        A page may have fewer than `limit`, and yet a cursor: then there was much to look through.

        Raises
        ------
        InvalidInputError
            If the cursor is none of ours.
        """
        start = _opened(cursor, studio=studio) if cursor else None
        wanted = {":studio": {"S": _pk(studio)}}
        options: dict[str, Any] = {}
        if stage:
            wanted[":stage"] = {"S": stage.value}
            options = {"FilterExpression": "stage = :stage"}
        found: list[Item] = []
        for _ in range(_QUERIES):
            answer = client("dynamodb").query(
                TableName=self._table,
                IndexName=INDEX,
                KeyConditionExpression="listing = :studio",
                ExpressionAttributeValues=wanted,
                ScanIndexForward=False,
                Limit=_EVALUATED,
                **options,
                **({"ExclusiveStartKey": start} if start else {}),
            )
            found += answer["Items"]
            start = answer.get("LastEvaluatedKey")
            if not start or len(found) > limit:
                break
        if len(found) > limit:
            found = found[:limit]
            start = {name: found[-1][name] for name in ("pk", "sk", "listing", "listed_at")}
        return Page(tuple(map(_status, found)), _closed(start) if start else None)

    @transient_errors()
    def _read(self, news: Status) -> tuple[Status | None, int]:
        key = _key(news.studio, _sk(news.delivery_id, news.version_id))
        answer = client("dynamodb").get_item(TableName=self._table, Key=key, ConsistentRead=True)
        if "Item" not in answer:
            return None, 0
        return _status(answer["Item"]), int(answer["Item"]["revision"]["N"])

    @transient_errors()
    def _write(self, status: Status, *, revision: int) -> bool:
        """Write a status over the one of `revision`; return whether nobody was faster."""
        condition: dict[str, Any] = {"ConditionExpression": "attribute_not_exists(pk)"}
        if revision:
            condition = {
                "ConditionExpression": "revision = :read",
                "ExpressionAttributeValues": {":read": {"N": str(revision)}},
            }
        item = _key(status.studio, _sk(status.delivery_id, status.version_id)) | {
            "studio": {"S": status.studio},
            "delivery_id": {"S": status.delivery_id},
            "version_id": {"S": status.version_id},
            "stage": {"S": status.stage.value},
            "listing": {"S": _pk(status.studio)},
            "listed_at": {"S": listed_at(status)},
            "first_at": {"S": status.first_at.isoformat()},
            "seen": {"S": _SEEN.dump_json(status.seen).decode()},
            "revision": {"N": str(revision + 1)},
        }
        try:
            client("dynamodb").put_item(TableName=self._table, Item=item, **condition)
        except ClientError as error:
            if condition_failed(error):
                return False
            raise
        return True

    @transient_errors()
    def _put(self, item: Item, *, at: datetime, over: Literal["later", "earlier"]) -> None:
        """Write what was said at a time, unless what stands there is to stay: it goes only if it is `over`."""
        try:
            client("dynamodb").put_item(
                TableName=self._table,
                Item=item | {"at": {"S": at.isoformat()}},
                ConditionExpression=f"attribute_not_exists(pk) OR #at {'>' if over == 'later' else '<'} :at",
                ExpressionAttributeNames={"#at": "at"},
                ExpressionAttributeValues={":at": {"S": at.isoformat()}},
            )
        except ClientError as error:
            if not condition_failed(error):
                raise

    def _below(self, studio: str, prefix: str) -> list[Item]:
        pages = (
            client("dynamodb")
            .get_paginator("query")
            .paginate(
                TableName=self._table,
                KeyConditionExpression="pk = :pk AND begins_with(sk, :sk)",
                ExpressionAttributeValues={":pk": {"S": _pk(studio)}, ":sk": {"S": prefix}},
            )
        )
        return [item for page in pages for item in page["Items"]]


def _pk(studio: str) -> str:
    return f"STUDIO#{studio}"


def _sk(delivery_id: str, version_id: str) -> str:
    return f"DELIVERY#{delivery_id}#{version_id}"


def _key(studio: str, sk: str) -> Item:
    return {"pk": {"S": _pk(studio)}, "sk": {"S": sk}}


def _status(item: Item) -> Status:
    return Status(
        **{name: item[name]["S"] for name in ("studio", "delivery_id", "version_id", "first_at")},
        seen=_SEEN.validate_json(item["seen"]["S"]),
    )


def _closed(start: Item) -> str:
    """Return where the next page begins, as a word that means nothing to others."""
    text = json.dumps({"listed_at": start["listed_at"]["S"], "sk": start["sk"]["S"]})
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _opened(cursor: str, *, studio: str) -> Item:
    """Return where a page begins: within what the studio may see, whatever the cursor says."""
    padded = cursor + "=" * (-len(cursor) % 4)
    try:
        said = parse(_Cursor, json.loads(base64.b64decode(padded, altchars=b"-_", validate=True)))
    except (binascii.Error, ValueError, InvalidInputError) as error:
        raise InvalidInputError(FieldError("cursor", "is none that was given out: begin again without it")) from error
    return _key(studio, said.sk) | {"listing": {"S": _pk(studio)}, "listed_at": {"S": said.listed_at}}
