"""What waits for a person: the request with its token, and the one answer to it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError
from pydantic import TypeAdapter

from lambdas.common.aws import client, condition_failed, error_code, transient_errors
from lambdas.common.errors import ConflictError, ExpiredError
from lambdas.common.events import Finding
from lambdas.common.media import Record
from lambdas.common.qc import QcCheck
from lambdas.ingestion.states import Decision

_PK = "REVIEWS"
_KEPT = timedelta(days=90)
"""After its decision: as long as Step Functions remembers an execution. The event stays longer."""
_CLOSED = {"TaskDoesNotExist", "TaskTimedOut", "InvalidToken"}
_CHECKS = TypeAdapter(tuple[QcCheck, ...])
_FINDINGS = TypeAdapter(tuple[Finding, ...])

Item = dict[str, dict[str, Any]]


class ReviewDecidedError(ConflictError):
    """Somebody has decided on a delivery already."""


class ReviewOverError(ExpiredError):
    """The answer comes when nobody waits for it any more."""


class Review(Record):
    """A delivery that waits for a person, or did."""

    studio: str
    delivery_id: str
    version_id: str
    title_id: str
    feature: str
    checks: tuple[QcCheck, ...]
    requested_at: datetime
    until: datetime
    escalated: bool
    token: str
    decision: Decision | None = None

    def as_told(self) -> dict[str, Any]:
        """Return it as people read it: without the token, which is a right to answer."""
        return self.model_dump(mode="json", exclude={"token", "decision"})


class ReviewStore:
    """The reviews in the deliveries table: ``REVIEWS``, ``{version_id}``.

    Every method raises `TransientError` if DynamoDB is throttling or away.
    """

    def __init__(self, table: str) -> None:
        self._table = table

    @transient_errors()
    def ask(self, review: Review) -> Decision | None:
        """Store a request, in place of an earlier one; return the answer, if there is one already."""
        item = _key(review.version_id) | {
            **{
                name: {"S": getattr(review, name)}
                for name in ("studio", "delivery_id", "version_id", "title_id", "feature", "token")
            },
            "checks": {"S": _CHECKS.dump_json(review.checks).decode()},
            "requested_at": {"S": review.requested_at.isoformat()},
            "until": {"S": review.until.isoformat()},
            "escalated": {"BOOL": review.escalated},
        }
        try:
            client("dynamodb").put_item(
                TableName=self._table,
                Item=item,
                ConditionExpression="attribute_not_exists(approved)",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ClientError as error:
            if condition_failed(error):
                return _review(error.response["Item"]).decision
            raise
        return None

    @transient_errors()
    def get(self, version_id: str) -> Review | None:
        """Return the review of a delivery's version, decided or not."""
        answer = client("dynamodb").get_item(TableName=self._table, Key=_key(version_id), ConsistentRead=True)
        return _review(answer["Item"]) if "Item" in answer else None

    @transient_errors()
    def waiting(self) -> tuple[Review, ...]:
        """Return the reviews that nobody has decided, the most urgent first."""
        pages = (
            client("dynamodb")
            .get_paginator("query")
            .paginate(
                TableName=self._table,
                KeyConditionExpression="pk = :pk",
                FilterExpression="attribute_not_exists(approved)",
                ExpressionAttributeValues={":pk": {"S": _PK}},
                ConsistentRead=True,
            )
        )
        found = (_review(item) for page in pages for item in page["Items"])
        return tuple(sorted(found, key=lambda review: review.until))

    @transient_errors()
    def decide(self, review: Review, decision: Decision, *, at: datetime) -> None:
        """Record the one answer to a request.

        Raises
        ------
        ReviewDecidedError
            If somebody was faster, or the request has been replaced by an escalated one since it was read.
        """
        try:
            client("dynamodb").update_item(
                TableName=self._table,
                Key=_key(review.version_id),
                ConditionExpression="attribute_not_exists(approved) AND #token = :token",
                UpdateExpression="SET approved = :approved, decided_by = :by, note = :note, findings = :findings, "
                "decided_at = :at, expires_at = :expires",
                ExpressionAttributeNames={"#token": "token"},
                ExpressionAttributeValues={
                    ":token": {"S": review.token},
                    ":approved": {"BOOL": decision.approved},
                    ":by": {"S": decision.by},
                    ":note": {"S": decision.note},
                    ":findings": {"S": _FINDINGS.dump_json(decision.findings).decode()},
                    ":at": {"S": at.isoformat()},
                    ":expires": {"N": str(int((at + _KEPT).timestamp()))},
                },
            )
        except ClientError as error:
            if condition_failed(error):
                message = f"somebody else has just changed the review of {review.version_id}: look at it again"
                raise ReviewDecidedError(message) from error
            raise


@transient_errors()
def answer(token: str, decision: Decision) -> None:
    """Tell the waiting execution what was decided.

    Raises
    ------
    ReviewOverError
        If it does not wait any more: its time is over, it was stopped, or it has been told.
    TransientError
        If Step Functions is throttling or away.
    """
    try:
        client("stepfunctions").send_task_success(taskToken=token, output=decision.model_dump_json())
    except ClientError as error:
        if error_code(error) in _CLOSED:
            message = (
                "the delivery does not wait for this answer any more; the answer is kept, and counts as soon as the "
                "delivery is up for review again"
            )
            raise ReviewOverError(message) from error
        raise


def _key(version_id: str) -> Item:
    return {"pk": {"S": _PK}, "sk": {"S": version_id}}


def _review(item: Item) -> Review:
    decision = None
    if "approved" in item:
        decision = Decision(
            approved=item["approved"]["BOOL"],
            by=item["decided_by"]["S"],
            note=item["note"]["S"],
            findings=_FINDINGS.validate_json(item["findings"]["S"]),
        )
    return Review(
        **{
            name: item[name]["S"]
            for name in ("studio", "delivery_id", "version_id", "title_id", "feature", "token", "requested_at", "until")
        },
        checks=_CHECKS.validate_json(item["checks"]["S"]),
        escalated=item["escalated"]["BOOL"],
        decision=decision,
    )
