"""What playback says to AWS: its five tables, KMS, the edge's secret and its gate, and the media bucket."""

from __future__ import annotations

import base64
import json
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from typing import Any, TypeVar

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.exceptions import ClientError
from pydantic import BaseModel

from lambdas.common.aws import client, error_code, transient_errors
from lambdas.common.errors import NotFoundError, TransientError
from lambdas.common.objects import read_object
from lambdas.encoding.models import ContentKey, encryption_context
from lambdas.playback.account_security import AccountSecurity
from lambdas.playback.models import EdgeKey, Playable, Progress, Session
from lambdas.playback.revocations import CACHED_S, Affected, Kind, Revocation, Revoked
from lambdas.playback.vendors import VendorsSettings

RecordT = TypeVar("RecordT", bound=BaseModel)
Item = dict[str, Any]

_KEY_BYTES = 16
_MANIFEST_LIMIT = 4 * 2**20
_SESSION_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")
_LOST = "ConditionalCheckFailedException"
_PERIOD = "#"
_KID = "kid#"
_CURRENT, _AUDIT, _OF_KIND = "current", "audit", "#"
_TOLD_AT_ONCE = 1000


class _Table:
    """One DynamoDB table. Reads are consistent: a session is used the moment after it was made."""

    def __init__(self, name: str) -> None:
        self._name = name

    @transient_errors()
    def _get(self, model: type[RecordT], /, **key: str) -> RecordT | None:
        answer = client("dynamodb").get_item(TableName=self._name, Key=_item(key), ConsistentRead=True)
        return model.model_validate(_plain(answer["Item"])) if "Item" in answer else None

    @transient_errors()
    def _put(self, item: Item, *, condition: str = "", values: Mapping[str, object] | None = None) -> bool:
        """Write `item`; say whether `condition` let it."""
        conditional: Item = {"ConditionExpression": condition} if condition else {}
        if values:
            conditional["ExpressionAttributeValues"] = _item(values)
        try:
            client("dynamodb").put_item(TableName=self._name, Item=_item(item), **conditional)
        except ClientError as error:
            if error_code(error) == _LOST:
                return False
            raise
        return True


class SessionTable(_Table):
    """Sessions, by ``session_id``. ``expires_at`` is the TTL attribute."""

    def put(self, session: Session) -> None:
        """Keep a new session."""
        self._put(_values(session))

    def get(self, session_id: str) -> Session | None:
        """Return a session, if it exists; expired ones may still be there."""
        return self._get(Session, session_id=session_id) if _SESSION_ID.fullmatch(session_id) else None

    def running(self, *, now: datetime) -> Iterator[Session]:
        """Yield every session whose time is not over. It reads the whole table: operators ask for it, viewers never."""
        with transient_errors():
            pages = (
                client("dynamodb")
                .get_paginator("scan")
                .paginate(
                    TableName=self._name,
                    FilterExpression="expires_at > :now",
                    ExpressionAttributeValues=_item({":now": int(now.timestamp())}),
                    ConsistentRead=True,
                )
            )
            for page in pages:
                yield from (Session.model_validate(_plain(item)) for item in page["Items"])


class PlayableTable(_Table):
    """Playback's own picture of what can be played, by ``title_id``."""

    def put_if_newer(self, playable: Playable) -> bool:
        """Keep `playable` unless a later publication is known; say whether it was kept."""
        return self._put(
            _values(playable),
            condition="attribute_not_exists(title_id) OR revision <= :revision",
            values={":revision": playable.revision},
        )

    def get(self, title_id: str) -> Playable:
        """Return a title.

        Raises
        ------
        NotFoundError
            If there is no such title, or it is not published.
        """
        playable = self._get(Playable, title_id=title_id)
        if playable is None:
            message = f"there is no title {title_id!r} to play: see GET /api/catalog/titles"
            raise NotFoundError(message)
        return playable


class ProgressTable(_Table):
    """How far viewers came, by ``viewer_id`` and ``title_id``."""

    def put_if_newer(self, progress: Progress) -> bool:
        """Keep `progress` unless a newer one is known; say whether it was kept."""
        return self._put(
            _values(progress),
            condition="attribute_not_exists(viewer_id) OR recorded_at_ms < :recorded_at_ms",
            values={":recorded_at_ms": progress.recorded_at_ms},
        )

    def get(self, *, viewer_id: str, title_id: str) -> Progress | None:
        """Return a viewer's progress in a title, if there is any."""
        return self._get(Progress, viewer_id=viewer_id, title_id=title_id)


class SecurityTable(_Table):
    """What is kept of each account's devices and use, by ``viewer_id``. ``expires_at`` is the TTL attribute."""

    def get(self, viewer_id: str) -> AccountSecurity:
        """Return what is kept of an account; of one that never played, an empty record."""
        return self._get(AccountSecurity, viewer_id=viewer_id) or AccountSecurity(viewer_id=viewer_id)

    def put_over(self, known: AccountSecurity, security: AccountSecurity) -> bool:
        """Keep `security` unless somebody else has replaced `known` meanwhile; say whether it was kept."""
        return self._put(
            _values(security.model_copy(update={"revision": known.revision + 1})),
            condition="attribute_not_exists(viewer_id) OR revision = :revision",
            values={":revision": known.revision},
        )


class ContentKeyTable(_Table):
    """Content keys, wrapped, by ``title_id`` and ``tier``, with which the period stands from the second one on.

    Those that other packagers asked for lie beside them, by their KID: there one tier may have several.
    """

    @transient_errors()
    def of_title(self, title_id: str) -> tuple[ContentKey, ...]:
        """Return a title's keys of all periods."""
        pages = (
            client("dynamodb")
            .get_paginator("query")
            .paginate(
                TableName=self._name,
                KeyConditionExpression="title_id = :title_id",
                ExpressionAttributeValues=_item({":title_id": title_id}),
                ConsistentRead=True,
            )
        )
        return tuple(_content_key(_plain(item)) for page in pages for item in page["Items"])

    def keep(self, key: ContentKey, *, title_id: str) -> ContentKey:
        """Store `key` unless its place is taken by now; return the one that is stored.

        The place is the tier and the period, and of a key that another packager asked for, its KID.
        """
        item = {"title_id": title_id, **_values(key), "tier": _place(key), "opens": key.tier.value}
        if self._put(item, condition="attribute_not_exists(title_id)"):
            return key
        return next(found for found in self.of_title(title_id) if _place(found) == _place(key))


class RevocationTable(_Table):
    """What is revoked now (``scope`` is ``current``), and the trail of every revocation (``audit``)."""

    @transient_errors()
    def put(self, revocation: Revocation, *, expires_at: int | None) -> str:
        """Revoke, and write it into the trail, both or neither; return the trail's line.

        Parameters
        ----------
        expires_at
            When nothing is left to refuse, in seconds since the epoch: a session's end. None: never.
        """
        at = datetime.fromtimestamp(revocation.revoked_at, UTC)
        subject = f"{revocation.kind}{_OF_KIND}{revocation.subject}"
        line = f"{at:%Y-%m-%dT%H:%M:%SZ}{_OF_KIND}{subject}"
        ends = {"expires_at": expires_at} if expires_at else {}
        said = {name: value for name, value in _values(revocation).items() if name != "subject"}
        items = ({"scope": _CURRENT, "subject": subject, **said, **ends}, {"scope": _AUDIT, "subject": line, **said})
        client("dynamodb").transact_write_items(
            TransactItems=[{"Put": {"TableName": self._name, "Item": _item(item)}} for item in items]
        )
        return line

    @transient_errors()
    def current(self) -> Revoked:
        """Return everything that is revoked."""
        pages = (
            client("dynamodb")
            .get_paginator("query")
            .paginate(
                TableName=self._name,
                KeyConditionExpression="#scope = :current",
                ProjectionExpression="subject",
                ExpressionAttributeNames={"#scope": "scope"},
                ExpressionAttributeValues=_item({":current": _CURRENT}),
            )
        )
        found = (_plain(item)["subject"].partition(_OF_KIND) for page in pages for item in page["Items"])
        return frozenset((Kind(kind), subject) for kind, _, subject in found)


_read: dict[str, tuple[float, Revoked]] = {}


def revoked(table: str) -> Revoked:
    """Return what is revoked, as it was at most `CACHED_S` seconds ago: one read a process in that time."""
    known = _read.get(table)
    if known is None or time.monotonic() - known[0] >= CACHED_S:
        known = _read[table] = (time.monotonic(), RevocationTable(table).current())
    return known[1]


@transient_errors()
def end_at_the_edge(sessions: Sequence[Affected], *, function_arn: str) -> None:
    """Let the edge refuse the tokens of `sessions`; delivery's own function tells it.

    Raises
    ------
    TransientError
        If it could not: the sessions go on at the edge. Asked again, nothing is done twice.
    """
    region = function_arn.split(":")[3]
    told = [{"session_id": session.session_id, "expires_at": session.expires_at} for session in sessions]
    for first in range(0, len(told), _TOLD_AT_ONCE):
        answer = client("lambda", region=region).invoke(
            FunctionName=function_arn, Payload=json.dumps({"sessions": told[first : first + _TOLD_AT_ONCE]}).encode()
        )
        if "FunctionError" in answer:
            raise TransientError("the edge could not be told: revoke again")


@transient_errors()
def new_wrapped_key(*, wrapping_key_id: str, context: Mapping[str, str]) -> str:
    """Return a new content key as KMS ciphertext (base64), bound to `context`; nobody sees it in clear."""
    answer = client("kms").generate_data_key_without_plaintext(
        KeyId=wrapping_key_id, NumberOfBytes=_KEY_BYTES, EncryptionContext=dict(context)
    )
    return base64.b64encode(answer["CiphertextBlob"]).decode()


@transient_errors()
def unwrap(key: ContentKey, *, title_id: str) -> bytes:
    """Return a content key in clear, 16 bytes. KMS opens it only as the key of this title, tier and KID."""
    answer = client("kms").decrypt(
        CiphertextBlob=base64.b64decode(key.wrapped),
        EncryptionContext=encryption_context(title_id=title_id, tier=key.tier, key_id=key.key_id),
    )
    return bytes(answer["Plaintext"])


@cache
@transient_errors()
def edge_key(secret_arn: str) -> EdgeKey:
    """Return what edge tokens are signed with; asked for once a process."""
    answer = client("secretsmanager").get_secret_value(SecretId=secret_arn)
    return EdgeKey.model_validate_json(answer["SecretString"])


@cache
@transient_errors()
def vendors_settings(secret_arn: str) -> VendorsSettings:
    """Return which DRM vendors there are; asked for once a process. Without a secret there is none."""
    if not secret_arn:
        return VendorsSettings()
    answer = client("secretsmanager").get_secret_value(SecretId=secret_arn)
    return VendorsSettings.model_validate_json(answer["SecretString"])


def manifest_text(*, bucket: str, key: str) -> str:
    """Return a stored manifest.

    Raises
    ------
    NotFoundError
        If it is not there any more.
    """
    try:
        return read_object(bucket=bucket, key=key, limit=_MANIFEST_LIMIT).decode()
    except NotFoundError as error:
        raise NotFoundError("the session's version is not available any more: create a new one") from error


def _place(key: ContentKey) -> str:
    if key.track is not None:
        return f"{_KID}{key.key_id}"
    return f"{key.tier}{_PERIOD}{key.period}" if key.period else key.tier.value


def _content_key(item: Item) -> ContentKey:
    values = {name: value for name, value in item.items() if name not in {"title_id", "opens"}}
    # Keys that were kept before there were other packagers say their tier in their place only.
    return ContentKey.model_validate(values | {"tier": item.get("opens") or item["tier"].partition(_PERIOD)[0]})


def _values(record: BaseModel) -> Item:
    """Return a record as DynamoDB's types: it has decimals, and no floats."""
    values: Item = json.loads(record.model_dump_json(exclude_none=True), parse_float=Decimal)
    return values


def _item(values: Mapping[str, object]) -> Item:
    serializer = TypeSerializer()
    return {name: serializer.serialize(value) for name, value in values.items()}


def _plain(item: Mapping[str, Any]) -> Item:
    deserializer = TypeDeserializer()
    return {name: deserializer.deserialize(value) for name, value in item.items()}
