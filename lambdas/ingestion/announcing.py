"""The events that ingestion publishes, made of the deliveries that they are about."""

from __future__ import annotations

from collections.abc import Mapping

from lambdas.common.events import (
    DeliveryReceived,
    DeliveryRejected,
    Fixity,
    QualityJudged,
    ReviewDecided,
    ReviewRequested,
    SourceAccepted,
)
from lambdas.common.keys import Analysis
from lambdas.common.media import ObjectRef, SubtitleSource
from lambdas.ingestion.models import DeliveryManifest, Role
from lambdas.ingestion.quality import QualityReport
from lambdas.ingestion.reviews import Review
from lambdas.ingestion.states import AcceptedDelivery, Decision, Delivery, ReadableDelivery, RejectedDelivery


def received(delivery: ReadableDelivery, manifest: DeliveryManifest) -> DeliveryReceived:
    """Return the event of a manifest that has arrived and parses."""
    return DeliveryReceived(
        studio=delivery.studio,
        delivery_id=delivery.delivery_id,
        version_id=delivery.version_id,
        title_id=delivery.title_id,
        title_name=manifest.title.name,
        priority=delivery.priority,
        delivered_at=delivery.delivered_at,
        size_bytes=sum(file.size_bytes for file in manifest.files),
    )


def quality_judged(delivery: Delivery, quality: QualityReport) -> QualityJudged:
    """Return the event of a delivery whose picture and sound were measured and judged."""
    return QualityJudged(
        studio=delivery.studio,
        delivery_id=delivery.delivery_id,
        version_id=delivery.version_id,
        title_id=delivery.title_id,
        verdict=quality.verdict,
        checks=quality.checks,
        complexity=quality.complexity,
    )


def review_requested(review: Review) -> ReviewRequested:
    """Return the event of a delivery that waits for a person."""
    return ReviewRequested(
        studio=review.studio,
        delivery_id=review.delivery_id,
        version_id=review.version_id,
        title_id=review.title_id,
        checks=review.checks,
        until=review.until,
        escalated=review.escalated,
    )


def review_decided(review: Review, decision: Decision) -> ReviewDecided:
    """Return the event of a person's answer."""
    return ReviewDecided(
        studio=review.studio,
        delivery_id=review.delivery_id,
        version_id=review.version_id,
        title_id=review.title_id,
        approved=decision.approved,
        by=decision.by,
        note=decision.note,
    )


def accepted(
    delivery: AcceptedDelivery, manifest: DeliveryManifest, *, kept: Mapping[str, ObjectRef], work_bucket: str
) -> SourceAccepted:
    """Return the event of a source: what encoding and the catalog start from.

    Parameters
    ----------
    kept
        By file name, the object that holds the file: the delivered one, or one that was delivered before.
    work_bucket
        The bucket of the analysis.
    """
    analysis = Analysis(delivery.version_id)
    return SourceAccepted(
        studio=delivery.studio,
        delivery_id=delivery.delivery_id,
        version_id=delivery.version_id,
        title=manifest.title,
        priority=manifest.priority,
        delivered_at=delivery.delivered_at,
        media=kept[delivery.feature],
        facts=delivery.facts,
        analysis=ObjectRef(bucket=work_bucket, key=analysis.report),
        thumbnails=ObjectRef(bucket=work_bucket, key=analysis.thumbnails),
        rights=manifest.rights,
        subtitles=tuple(
            SubtitleSource(source=kept[file.name], language=file.language, kind=file.kind)
            for file in manifest.files
            if file.role is Role.SUBTITLES and file.language
        ),
        fixity=tuple(Fixity(ref=kept[file.name], sha256=file.sha256) for file in delivery.files),
    )


def rejected(delivery: RejectedDelivery) -> DeliveryRejected:
    """Return the event that tells the studio what is wrong, and what to do about it."""
    return DeliveryRejected(
        studio=delivery.studio,
        delivery_id=delivery.delivery_id,
        version_id=delivery.version_id,
        findings=delivery.reasons,
    )
