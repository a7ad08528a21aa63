"""The functions of a review: the step that asks, and what an operator calls to look and to answer."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel, ConfigDict, Field

from lambdas.common.bus import publisher
from lambdas.common.clock import now
from lambdas.common.errors import FieldError, InvalidInputError, NotFoundError
from lambdas.common.handling import Payload, entry_point, logger
from lambdas.common.keys import Analysis
from lambdas.common.objects import read_object
from lambdas.common.parsing import parse, parse_json
from lambdas.common.qc import Verdict
from lambdas.ingestion import announcing
from lambdas.ingestion.environment import DecideReviewEnvironment, ListReviewsEnvironment, ReviewEnvironment
from lambdas.ingestion.handlers import REPORT_LIMIT
from lambdas.ingestion.quality import QualityReport
from lambdas.ingestion.quality_findings import of_review
from lambdas.ingestion.reviews import Review, ReviewDecidedError, ReviewOverError, ReviewStore, answer
from lambdas.ingestion.states import Decision, ReviewRequest

MOST_LISTED = 50


class _Answer(BaseModel):
    """What an operator says of a delivery."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version_id: str
    approved: bool
    by: Annotated[str, Field(min_length=1, max_length=2048, description="an ARN")]
    note: Annotated[str, Field(max_length=300)] = ""


@entry_point
def request_review(event: Payload, _context: LambdaContext) -> Payload:
    """Ask a person about a delivery: store the token that answers, and announce that somebody has to look.

    If there is an answer already (it came too late for an earlier request), the execution gets it at once.

    Raises
    ------
    NotFoundError
        If nobody has judged the delivery's quality.
    """
    environment = ReviewEnvironment.load()
    request = parse(ReviewRequest, event)
    delivery = request.delivery
    logger.append_keys(version_id=delivery.version_id)
    raw = read_object(bucket=environment.work_bucket, key=Analysis(delivery.version_id).quality, limit=REPORT_LIMIT)
    quality = parse_json(QualityReport, raw)
    at = now()
    hours = environment.review_escalated_hours if request.escalated else environment.review_hours
    review = Review(
        studio=delivery.studio,
        delivery_id=delivery.delivery_id,
        version_id=delivery.version_id,
        title_id=delivery.title_id,
        feature=delivery.feature,
        checks=tuple(check for check in quality.checks if check.verdict is Verdict.REVIEW),
        requested_at=at,
        until=at + timedelta(hours=hours),
        escalated=request.escalated,
        token=request.token,
    )
    decision = ReviewStore(environment.deliveries_table).ask(review)
    if decision:
        logger.info("decided already", extra={"approved": decision.approved})
        answer(request.token, decision)
    else:
        publisher(environment.event_bus).publish(announcing.review_requested(review))
    return {"version_id": delivery.version_id}


@entry_point
def list_reviews(_event: Payload, _context: LambdaContext) -> Payload:
    """List what waits for a person, the most urgent first.

    Returns
    -------
    dict
        ``reviews``, at most 50: ``studio``, ``delivery_id``, ``version_id``, ``title_id``, ``feature``, ``checks``,
        ``requested_at``, ``until``, ``escalated``; and ``more``, how many others wait.
    """
    environment = ListReviewsEnvironment.load()
    waiting = ReviewStore(environment.deliveries_table).waiting()
    return {
        "reviews": [review.as_told() for review in waiting[:MOST_LISTED]],
        "more": max(0, len(waiting) - MOST_LISTED),
    }


@entry_point
def decide_review(event: Payload, _context: LambdaContext) -> Payload:
    """Answer for a delivery that waits: it goes on, or is rejected with the note. The first answer counts.

    Saying the same again is allowed, and finishes what an interrupted call has begun.

    Parameters
    ----------
    event
        ``version_id``, ``approved``, ``by`` (who says so) and ``note``, which a rejection needs.

    Raises
    ------
    InvalidInputError
        If a rejection has no note: the studio would not know why.
    NotFoundError
        If nobody was asked about this version.
    ReviewDecidedError
        If it is decided already.
    ReviewOverError
        If the delivery does not wait any more. The answer is kept, and counts if it is up for review again.
    """
    environment = DecideReviewEnvironment.load()
    said = parse(_Answer, event)
    logger.append_keys(version_id=said.version_id)
    if not said.approved and not said.note.strip():
        raise InvalidInputError(FieldError("note", "say what is wrong: the studio reads it"))
    store = ReviewStore(environment.deliveries_table)
    review = store.get(said.version_id)
    if review is None:
        raise NotFoundError(f"nobody was asked to review {said.version_id}")
    decision, repeated = review.decision, review.decision is not None
    if decision is None:
        findings = () if said.approved else of_review(review.checks, feature=review.feature, note=said.note)
        decision = Decision(approved=said.approved, by=said.by, note=said.note, findings=findings)
        store.decide(review, decision, at=now())
    elif decision.approved != said.approved:
        raise _decided(review, decision)
    publisher(environment.event_bus).publish(announcing.review_decided(review, decision))
    try:
        answer(review.token, decision)
    except ReviewOverError as error:
        raise (_decided(review, decision) if repeated else error) from error
    logger.info("decided", extra={"approved": decision.approved, "by": decision.by})
    return {"version_id": review.version_id, "title_id": review.title_id, "approved": decision.approved}


def _decided(review: Review, decision: Decision) -> ReviewDecidedError:
    word = "approved" if decision.approved else "rejected"
    return ReviewDecidedError(f"{review.version_id} is {word} already, by {decision.by}")
