"""Where revocations are kept, and the edge, which has to know of sessions that were ended."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from datetime import UTC, datetime

from lambdas.common.attributes import from_dynamodb, to_dynamodb, values_of
from lambdas.common.aws import client, transient_errors
from lambdas.common.errors import TransientError
from lambdas.playback.revocations import CACHED_S, Affected, Kind, Revocation, Revoked
from lambdas.playback.table import Table

_CURRENT, _AUDIT, _OF_KIND = "current", "audit", "#"
_TOLD_AT_ONCE = 200
_EDGE_PATIENCE_S = 65


class RevocationTable(Table):
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
        said = {name: value for name, value in values_of(revocation).items() if name != "subject"}
        items = ({"scope": _CURRENT, "subject": subject, **said, **ends}, {"scope": _AUDIT, "subject": line, **said})
        client("dynamodb").transact_write_items(
            TransactItems=[{"Put": {"TableName": self._name, "Item": to_dynamodb(item)}} for item in items]
        )
        return line

    @transient_errors()
    def trail(self, kind: Kind, subject: str) -> tuple[Revocation, ...]:
        """Return every revocation of one subject, the oldest first. It reads the whole trail, which operators fill."""
        pages = (
            client("dynamodb")
            .get_paginator("query")
            .paginate(
                TableName=self._name,
                KeyConditionExpression="#scope = :audit",
                FilterExpression="kind = :kind",
                ExpressionAttributeNames={"#scope": "scope"},
                ExpressionAttributeValues=to_dynamodb({":audit": _AUDIT, ":kind": kind}),
                ConsistentRead=True,
            )
        )
        # A line is ⟨moment⟩#⟨kind⟩#⟨subject⟩: in their order, they are in the order of time.
        found = (from_dynamodb(item) for page in pages for item in page["Items"])
        ours = (item for item in found if item["subject"].split(_OF_KIND, 2)[2] == subject)
        return tuple(
            Revocation.model_validate({**{name: item[name] for name in item if name != "scope"}, "subject": subject})
            for item in ours
        )

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
                ExpressionAttributeValues=to_dynamodb({":current": _CURRENT}),
            )
        )
        found = (from_dynamodb(item)["subject"].partition(_OF_KIND) for page in pages for item in page["Items"])
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
