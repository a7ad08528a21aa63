"""What playback says to AWS: its tables, and the media bucket."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import NamedTuple

from botocore.exceptions import ClientError

from lambdas.common.attributes import Item, from_dynamodb, to_dynamodb, values_of
from lambdas.common.aws import client, condition_failed, error_code, transient_errors
from lambdas.common.errors import NotFoundError, TransientError
from lambdas.common.objects import read_object
from lambdas.playback.account_security import AccountSecurity
from lambdas.playback.accounts import Account
from lambdas.playback.leases import Claim, Held, Lease, Outcome
from lambdas.playback.models import Playable, Progress, Session
from lambdas.playback.series import FOLLOWING, INDEX, behind, end_of_line
from lambdas.playback.table import RecordT, Table

_MANIFEST_LIMIT = 4 * 2**20
_SESSION_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")
_NEW_SESSION = "attribute_not_exists(session_id)"
_CANCELLED = "TransactionCanceledException"
_OVERTAKEN = {"ConditionalCheckFailed", "TransactionConflict"}
_READ_ATTEMPTS = 3
_UNCHANGED = "attribute_not_exists(viewer_id) OR revision = :revision"


class SessionTable(Table):
    """Sessions, by ``session_id``. ``expires_at`` is the TTL attribute."""

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
                    ExpressionAttributeValues=to_dynamodb({":now": int(now.timestamp())}),
                    ConsistentRead=True,
                )
            )
            for page in pages:
                yield from (Session.model_validate(from_dynamodb(item)) for item in page["Items"])


class AccountTable(Table):
    """Accounts that an operator has made, by ``viewer_id``."""

    def put(self, account: Account) -> None:
        """Keep an account, whatever it was."""
        self._put(values_of(account))

    def get(self, viewer_id: str) -> Account | None:
        """Return a viewer's account, if it has a record."""
        return self._get(Account, viewer_id=viewer_id)


class Noted(NamedTuple):
    """What is noted of an account's use with the session that it opens."""

    table: str
    known: AccountSecurity
    security: AccountSecurity


class LeaseTable(Table):
    """Each account's leases, in one item, by ``viewer_id``; see `lambdas.playback.leases`.

    ``expires_at`` is the TTL attribute: when the last session that took a place is over.
    """

    @transient_errors()
    def open(self, session: Session, *, claim: Claim, noted: Noted, sessions_table: str) -> Outcome:
        """Keep a new session, its lease, and what is noted with it: all, or nothing."""
        put = {
            "TableName": sessions_table,
            "Item": to_dynamodb(values_of(session)),
            "ConditionExpression": _NEW_SESSION,
        }
        update = {"TableName": self._name, "Key": to_dynamodb({"viewer_id": session.viewer_id}), **_claim(claim)}
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
            ExpressionAttributeValues=to_dynamodb({":until": held_until, ":now": now}),
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
    def release_all(self, viewer_id: str, *, device_id: str | None = None) -> None:
        """End all sessions of an account, or those of one device."""
        key = to_dynamodb({"viewer_id": viewer_id})
        found = client("dynamodb").get_item(TableName=self._name, Key=key, ConsistentRead=True)
        held = _leases(from_dynamodb(found["Item"])) if "Item" in found else {}
        for session_id, lease in held.items():
            if device_id in {None, lease.device_id}:
                self.release(viewer_id=viewer_id, session_id=session_id)

    @transient_errors()
    def _update(self, viewer_id: str, session_id: str, **expressions: object) -> bool:
        if not _SESSION_ID.fullmatch(session_id):
            return False
        try:
            client("dynamodb").update_item(
                TableName=self._name,
                Key=to_dynamodb({"viewer_id": viewer_id}),
                ExpressionAttributeNames={"#session": session_id},
                **expressions,
            )
        except ClientError as error:
            if condition_failed(error):
                return False
            raise
        return True


class PlayableTable(Table):
    """Playback's own picture of what can be played, by ``title_id``."""

    def put_if_newer(self, playable: Playable) -> bool:
        """Keep `playable` unless a later publication is known; say whether it was kept."""
        return self._put(
            values_of(playable),
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

    @transient_errors()
    def following(self, *, series: str, episode: str) -> tuple[Playable, ...]:
        """Return the `FOLLOWING` episodes of a series behind one, as the index has them: a moment late at most."""
        answer = client("dynamodb").query(
            TableName=self._name,
            IndexName=INDEX,
            KeyConditionExpression="series = :series AND episode BETWEEN :behind AND :end",
            ExpressionAttributeValues=to_dynamodb(
                {":series": series, ":behind": behind(episode), ":end": end_of_line(episode)}
            ),
            Limit=FOLLOWING,
        )
        return tuple(Playable.model_validate(from_dynamodb(item)) for item in answer["Items"])


class ProgressTable(Table):
    """How far viewers came, by ``viewer_id`` and ``title_id``."""

    def put_if_newer(self, progress: Progress) -> bool:
        """Keep `progress` unless what is known is newer, or as new and further; say whether it was kept."""
        # The Region by which a function on the stream tells what others have written: see `merge_progress`.
        item = {**values_of(progress), "written_in": client("dynamodb").meta.region_name}
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
            ExpressionAttributeValues=to_dynamodb({":viewer_id": viewer_id}),
        )
        return tuple(Progress.model_validate(from_dynamodb(item)) for item in answer["Items"])

    def get(self, *, viewer_id: str, title_id: str) -> Progress | None:
        """Return a viewer's progress in a title, if there is any."""
        return self._get(Progress, viewer_id=viewer_id, title_id=title_id)


class SecurityTable(Table):
    """What is kept of each account's devices and use, by ``viewer_id``. ``expires_at`` is the TTL attribute."""

    def get(self, viewer_id: str) -> AccountSecurity:
        """Return what is kept of an account; of one that never played, an empty record."""
        return self._get(AccountSecurity, viewer_id=viewer_id) or AccountSecurity(viewer_id=viewer_id)

    def put_over(self, known: AccountSecurity, security: AccountSecurity) -> bool:
        """Keep `security` unless somebody else has replaced `known` meanwhile; say whether it was kept."""
        return self._put(_revised(security, known), condition=_UNCHANGED, values={":revision": known.revision})


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
    asked = {table: {"Keys": [to_dynamodb(key)], "ConsistentRead": True} for table, key in keys.items()}
    found: dict[str, Item] = {}
    for _ in range(_READ_ATTEMPTS):
        answer = client("dynamodb").batch_get_item(RequestItems=asked)
        found |= {table: from_dynamodb(items[0]) for table, items in answer["Responses"].items() if items}
        asked = answer.get("UnprocessedKeys") or {}
        if not asked:
            return found
    raise TransientError("the tables are busy: try again")


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
    lease = values_of(claim.lease)
    expires_at = claim.lease.ends_at
    if claim.new:
        return {
            "UpdateExpression": "SET leases = :leases, expires_at = :expires_at",
            "ConditionExpression": "attribute_not_exists(viewer_id)",
            "ExpressionAttributeValues": to_dynamodb({":leases": {claim.session_id: lease}, ":expires_at": expires_at}),
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
        "ExpressionAttributeValues": to_dynamodb(values),
    }


def _security(item: Item | None, *, viewer_id: str) -> AccountSecurity:
    return _record(AccountSecurity, item) or AccountSecurity(viewer_id=viewer_id)


def _revised(security: AccountSecurity, known: AccountSecurity) -> Item:
    return values_of(security.model_copy(update={"revision": known.revision + 1}))


def _over(noted: Noted) -> Item:
    return {
        "TableName": noted.table,
        "Item": to_dynamodb(_revised(noted.security, noted.known)),
        "ConditionExpression": _UNCHANGED,
        "ExpressionAttributeValues": to_dynamodb({":revision": noted.known.revision}),
    }
