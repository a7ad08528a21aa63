"""What playback says to AWS: its tables, KMS, the edge's secret and its gate, and the media bucket."""

from __future__ import annotations

import base64
import json
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from typing import Any, NamedTuple, TypeVar

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.exceptions import ClientError
from pydantic import BaseModel

from lambdas.common.aws import client, error_code, transient_errors
from lambdas.common.errors import NotFoundError, TransientError
from lambdas.common.objects import read_object
from lambdas.encoding.models import ContentKey, encryption_context
from lambdas.playback.account_security import AccountSecurity
from lambdas.playback.accounts import Account
from lambdas.playback.leases import Claim, Held, Lease, Outcome
from lambdas.playback.models import EdgeKey, Playable, Progress, Session
from lambdas.playback.revocations import CACHED_S, Affected, Kind, Revocation, Revoked
from lambdas.playback.vendors import VendorsSettings

RecordT = TypeVar("RecordT", bound=BaseModel)
Item = dict[str, Any]

_KEY_BYTES = 16
_MANIFEST_LIMIT = 4 * 2**20
_SESSION_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")
_LOST = "ConditionalCheckFailedException"
_NEW_SESSION = "attribute_not_exists(session_id)"
_CANCELLED = "TransactionCanceledException"
_OVERTAKEN = {"ConditionalCheckFailed", "TransactionConflict"}
_PERIOD = "#"
_KID = "kid#"
_CURRENT, _AUDIT, _OF_KIND = "current", "audit", "#"
_TOLD_AT_ONCE = 200
_EDGE_PATIENCE_S = 65
_READ_ATTEMPTS = 3
_UNCHANGED = "attribute_not_exists(viewer_id) OR revision = :revision"


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


class AccountTable(_Table):
    """Accounts that an operator has made, by ``viewer_id``."""

    def put(self, account: Account) -> None:
        """Keep an account, whatever it was."""
        self._put(_values(account))

    def get(self, viewer_id: str) -> Account | None:
        """Return a viewer's account, if it has a record."""
        return self._get(Account, viewer_id=viewer_id)


class Noted(NamedTuple):
    """What is noted of an account's use with the session that it opens."""

    table: str
    known: AccountSecurity
    security: AccountSecurity


class LeaseTable(_Table):
    """Each account's leases, in one item, by ``viewer_id``; see `lambdas.playback.leases`.

    ``expires_at`` is the TTL attribute: when the last session that took a place is over.
    """

    @transient_errors()
    def open(self, session: Session, *, claim: Claim, noted: Noted, sessions_table: str) -> Outcome:
        """Keep a new session, its lease, and what is noted with it: all, or nothing."""
        put = {"TableName": sessions_table, "Item": _item(_values(session)), "ConditionExpression": _NEW_SESSION}
        update = {"TableName": self._name, "Key": _item({"viewer_id": session.viewer_id}), **_claim(claim)}
        try:
            client("dynamodb").transact_write_items(
                TransactItems=[{"Put": put}, {"Update": update}, {"Put": _over(noted)}]
            )
        except ClientError as error:
            if error_code(error) != _CANCELLED:
                raise
            of_session, *of_account = (reason.get("Code") for reason in error.response["CancellationReasons"])
            if of_session == "ConditionalCheckFailed":
                return Outcome.EXISTS
            if {of_session, *of_account} & _OVERTAKEN:
                return Outcome.OVERTAKEN
            raise TransientError(str(error)) from error
        return Outcome.OPENED

    def renew(self, *, viewer_id: str, session_id: str, now: int, held_until: int) -> bool:
        """Prolong a session's lease; say whether the session still has one."""
        return self._update(
            viewer_id,
            session_id,
            UpdateExpression="SET leases.#session.held_until = :until",
            ConditionExpression="leases.#session.ends_at > :now",
            ExpressionAttributeValues=_item({":until": held_until, ":now": now}),
        )

    def release(self, *, viewer_id: str, session_id: str) -> bool:
        """End a session, so that its place is free; say whether it had one."""
        return self._update(
            viewer_id,
            session_id,
            UpdateExpression="REMOVE leases.#session",
            ConditionExpression="attribute_exists(leases.#session)",
        )

    @transient_errors()
    def _update(self, viewer_id: str, session_id: str, **expressions: object) -> bool:
        if not _SESSION_ID.fullmatch(session_id):
            return False
        try:
            client("dynamodb").update_item(
                TableName=self._name,
                Key=_item({"viewer_id": viewer_id}),
                ExpressionAttributeNames={"#session": session_id},
                **expressions,
            )
        except ClientError as error:
            if error_code(error) == _LOST:
                return False
            raise
        return True


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
        return _published(self._get(Playable, title_id=title_id), title_id=title_id)


class ProgressTable(_Table):
    """How far viewers came, by ``viewer_id`` and ``title_id``."""

    def put_if_newer(self, progress: Progress) -> bool:
        """Keep `progress` unless what is known holds, by the order of `progress.merged`; say whether it was kept."""
        item = _values(progress)
        return self._put(
            item,
            condition="attribute_not_exists(viewer_id) OR recorded_at_ms < :at"
            " OR (recorded_at_ms = :at AND position_s < :position)",
            values={":at": item["recorded_at_ms"], ":position": item["position_s"]},
        )

    @transient_errors()
    def of(self, viewer_id: str) -> tuple[Progress, ...]:
        """Return a viewer's progress in every title, as far as one answer holds it: 1 MB, some 5,000 titles."""
        answer = client("dynamodb").query(
            TableName=self._name,
            KeyConditionExpression="viewer_id = :viewer_id",
            ExpressionAttributeValues=_item({":viewer_id": viewer_id}),
        )
        return tuple(Progress.model_validate(_plain(item)) for item in answer["Items"])

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
        return self._put(_revised(security, known), condition=_UNCHANGED, values={":revision": known.revision})


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
    # Its answer may take a minute, and two at once would undo each other: asked once, and waited for.
    delivery = client("lambda", region=region, patience_s=_EDGE_PATIENCE_S)
    for first in range(0, len(told), _TOLD_AT_ONCE):
        answer = delivery.invoke(
            FunctionName=function_arn, Payload=json.dumps({"sessions": told[first : first + _TOLD_AT_ONCE]}).encode()
        )
        if "FunctionError" in answer:
            raise TransientError("the edge could not be told: revoke again")


class Beginning(NamedTuple):
    """What has to be known to open a session."""

    account: Account | None
    held: Held | None
    playable: Playable
    progress: Progress | None
    security: AccountSecurity


def beginning(
    *,
    viewer_id: str,
    watcher: str,
    title_id: str,
    accounts: str,
    leases: str,
    playable: str,
    progress: str,
    security: str,
) -> Beginning:
    """Read what a new session needs, in one call; the last five are the tables' names.

    Raises
    ------
    NotFoundError
        If there is no such title, or it is not published.
    """
    viewer = {"viewer_id": viewer_id}
    title = {"title_id": title_id}
    found = _read_together(
        {
            accounts: viewer,
            leases: viewer,
            security: viewer,
            playable: title,
            progress: {"viewer_id": watcher} | title,
        }
    )
    return Beginning(
        account=_record(Account, found.get(accounts)),
        held=_leases(found[leases]) if leases in found else None,
        playable=_published(_record(Playable, found.get(playable)), title_id=title_id),
        progress=_record(Progress, found.get(progress)),
        security=_security(found.get(security), viewer_id=viewer_id),
    )


def leases_and_security(*, viewer_id: str, leases: str, security: str) -> tuple[Held | None, AccountSecurity]:
    """Read what of an account another session may have changed, in one call; the last two are the tables' names."""
    viewer = {"viewer_id": viewer_id}
    found = _read_together({leases: viewer, security: viewer})
    held = _leases(found[leases]) if leases in found else None
    return held, _security(found.get(security), viewer_id=viewer_id)


def session_and_leases(
    *, session_id: str, viewer_id: str, sessions: str, leases: str
) -> tuple[Session | None, Held | None]:
    """Read a session and its account's leases, in one call; the last two are the tables' names."""
    if not _SESSION_ID.fullmatch(session_id):
        return None, None
    found = _read_together({sessions: {"session_id": session_id}, leases: {"viewer_id": viewer_id}})
    return _record(Session, found.get(sessions)), _leases(found[leases]) if leases in found else None


@transient_errors()
def _read_together(keys: Mapping[str, Mapping[str, str]]) -> dict[str, Item]:
    """Return, by table, the item that each of some tables has under a key: those that exist, consistently."""
    asked = {table: {"Keys": [_item(key)], "ConsistentRead": True} for table, key in keys.items()}
    found: dict[str, Item] = {}
    for _ in range(_READ_ATTEMPTS):
        answer = client("dynamodb").batch_get_item(RequestItems=asked)
        found |= {table: _plain(items[0]) for table, items in answer["Responses"].items() if items}
        asked = answer.get("UnprocessedKeys") or {}
        if not asked:
            return found
    raise TransientError("the tables are busy: try again")


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


def _record(model: type[RecordT], item: Item | None) -> RecordT | None:
    return None if item is None else model.model_validate(item)


def _published(playable: Playable | None, *, title_id: str) -> Playable:
    if playable is None:
        message = f"there is no title {title_id!r} to play: see GET /api/catalog/titles"
        raise NotFoundError(message)
    return playable


def _leases(item: Item) -> Held:
    return {session_id: Lease.model_validate(lease) for session_id, lease in item["leases"].items()}


def _claim(claim: Claim) -> Item:
    """Return the update that takes a claimed place, on the condition that it is still free."""
    lease = _values(claim.lease)
    expires_at = claim.lease.ends_at
    if claim.new:
        return {
            "UpdateExpression": "SET leases = :leases, expires_at = :expires_at",
            "ConditionExpression": "attribute_not_exists(viewer_id)",
            "ExpressionAttributeValues": _item({":leases": {claim.session_id: lease}, ":expires_at": expires_at}),
        }
    removed = [f"#r{index}" for index, _ in enumerate((*claim.lapsed, *claim.replaced))]
    lapsed, replaced = removed[: len(claim.lapsed)], removed[len(claim.lapsed) :]
    conditions = [
        "size(leases) < :below",
        *(f"leases.{name}.held_until <= :now" for name in lapsed),
        *(f"leases.{name}.device_id = :device" for name in replaced),
    ]
    remove = f" REMOVE {', '.join(f'leases.{name}' for name in removed)}" if removed else ""
    values = {":lease": lease, ":expires_at": expires_at, ":below": claim.below}
    if lapsed:
        values[":now"] = claim.lease.since
    if replaced:
        values[":device"] = claim.lease.device_id
    return {
        "UpdateExpression": f"SET leases.#session = :lease, expires_at = :expires_at{remove}",
        "ConditionExpression": " AND ".join(conditions),
        "ExpressionAttributeNames": {
            "#session": claim.session_id,
            **dict(zip(removed, (*claim.lapsed, *claim.replaced), strict=True)),
        },
        "ExpressionAttributeValues": _item(values),
    }


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


def _security(item: Item | None, *, viewer_id: str) -> AccountSecurity:
    return _record(AccountSecurity, item) or AccountSecurity(viewer_id=viewer_id)


def _revised(security: AccountSecurity, known: AccountSecurity) -> Item:
    return _values(security.model_copy(update={"revision": known.revision + 1}))


def _over(noted: Noted) -> Item:
    return {
        "TableName": noted.table,
        "Item": _item(_revised(noted.security, noted.known)),
        "ConditionExpression": _UNCHANGED,
        "ExpressionAttributeValues": _item({":revision": noted.known.revision}),
    }
