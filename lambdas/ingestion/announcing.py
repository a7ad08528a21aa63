"""The events that ingestion publishes, made of the deliveries that they are about."""

from __future__ import annotations

from lambdas.common.events import DeliveryReceived, DeliveryRejected, SourceAccepted
from lambdas.common.keys import DeliveryLocation
from lambdas.common.media import ObjectRef, SubtitleSource
from lambdas.ingestion.models import Role
from lambdas.ingestion.states import AcceptedDelivery, ReadableDelivery, RejectedDelivery


def received(delivery: ReadableDelivery) -> DeliveryReceived:
    """Return the event of a manifest that has arrived and parses."""
    return DeliveryReceived(
        studio=delivery.studio,
        delivery_id=delivery.delivery_id,
        version_id=delivery.version_id,
        title_id=delivery.title_id,
        priority=delivery.manifest.priority,
    )


def accepted(delivery: AcceptedDelivery) -> SourceAccepted:
    """Return the event of a delivery that passed every check: what encoding and the catalog start from."""
    manifest = delivery.manifest
    location = DeliveryLocation(studio=delivery.studio, delivery_id=delivery.delivery_id)

    def lies_at(name: str) -> ObjectRef:
        version_id = delivery.object_versions.get(name)
        return ObjectRef(bucket=delivery.raw_bucket, key=location.file(name), version_id=version_id)

    return SourceAccepted(
        studio=delivery.studio,
        delivery_id=delivery.delivery_id,
        version_id=delivery.version_id,
        title=manifest.title,
        priority=manifest.priority,
        media=lies_at(manifest.feature.name),
        facts=delivery.facts,
        subtitles=tuple(
            SubtitleSource(source=lies_at(file.name), language=file.language)
            for file in manifest.files
            if file.role is Role.SUBTITLES and file.language
        ),
    )


def rejected(delivery: RejectedDelivery) -> DeliveryRejected:
    """Return the event that tells the studio what is wrong, and what to do about it."""
    return DeliveryRejected(
        studio=delivery.studio,
        delivery_id=delivery.delivery_id,
        version_id=delivery.version_id,
        findings=delivery.findings,
    )
