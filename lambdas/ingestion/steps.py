"""What each step of the ingestion makes of a delivery, and the Batch jobs that the state machine runs for it."""

from __future__ import annotations

from lambdas.common.batch import Job, scheduling_priority
from lambdas.common.events import Finding
from lambdas.common.keys import DeliveryLocation, Workspace, delivery_of
from lambdas.common.qc import Verdict
from lambdas.ingestion.models import DeliveryManifest, InspectionReport
from lambdas.ingestion.quality import QualityReport
from lambdas.ingestion.quality_findings import of_checks
from lambdas.ingestion.states import (
    Arrival,
    Delivery,
    JudgedDelivery,
    ReadableDelivery,
    RejectedDelivery,
    StoredFile,
    ValidatedDelivery,
    ValidDelivery,
)


def readable(manifest: DeliveryManifest, *, arrival: Arrival, work_bucket: str) -> ReadableDelivery:
    """Return what the state machine needs to inspect the delivery of `manifest`."""
    location = delivery_of(arrival.manifest_key)
    return ReadableDelivery(
        **_carried(arrival, Arrival),
        studio=manifest.studio,
        delivery_id=location.delivery_id,
        title_id=manifest.title.title_id,
        priority=manifest.priority,
        feature=manifest.feature.name,
        inspect=Job(
            name=f"inspect-{arrival.version_id}",
            command=(
                "inspect",
                "--manifest",
                arrival.manifest_object.uri,
                "--manifest-version",
                arrival.object_version,
                "--report",
                f"s3://{work_bucket}/{Workspace(arrival.version_id).inspection}",
            ),
            priority=scheduling_priority(manifest.priority),
        ),
    )


def unreadable(findings: tuple[Finding, ...], *, arrival: Arrival) -> RejectedDelivery:
    """Return what the state machine needs to reject a delivery whose manifest cannot be read."""
    location = delivery_of(arrival.manifest_key)
    return RejectedDelivery(
        **_carried(arrival, Arrival), studio=location.studio, delivery_id=location.delivery_id, findings=findings
    )


def validated(
    delivery: ReadableDelivery, *, report: InspectionReport, findings: tuple[Finding, ...], work_bucket: str
) -> ValidatedDelivery:
    """Return what became of a delivery by the rules; of a valid one, with the job that analyses its feature."""
    location = DeliveryLocation(studio=delivery.studio, delivery_id=delivery.delivery_id)
    files = tuple(
        StoredFile(name=file.name, key=location.file(file.name), version_id=file.version_id, sha256=file.sha256)
        for file in report.files
        if file.present and file.sha256
    )
    feature = next((file for file in files if file.name == delivery.feature), None)
    facts = next((file.facts for file in report.files if file.name == delivery.feature), None)
    valid = not findings and feature is not None
    return ValidatedDelivery(
        **_carried(delivery, Delivery),
        verdict="valid" if valid else "rejected",
        findings=findings,
        files=files,
        facts=facts,
        analyse=_analysis(delivery, feature=feature, work_bucket=work_bucket) if valid and feature else None,
    )


def _analysis(delivery: Delivery, *, feature: StoredFile, work_bucket: str) -> Job:
    return Job(
        name=f"analyse-{delivery.version_id}",
        command=(
            "analyse",
            "--source",
            f"s3://{delivery.raw_bucket}/{feature.key}",
            *(("--source-version", feature.version_id) if feature.version_id else ()),
            "--version-id",
            delivery.version_id,
            "--work-bucket",
            work_bucket,
        ),
        priority=scheduling_priority(delivery.priority),
    )


def judged(delivery: ValidDelivery, quality: QualityReport) -> JudgedDelivery:
    """Return what became of a delivery by its quality. The checks stay in their report."""
    failed = [check for check in quality.checks if check.verdict is Verdict.FAIL]
    return JudgedDelivery(
        **_carried(delivery, Delivery),
        verdict=quality.verdict,
        findings=of_checks(failed, feature=delivery.feature),
        files=delivery.files,
        facts=delivery.facts,
    )


def turned_away(delivery: JudgedDelivery, findings: tuple[Finding, ...]) -> RejectedDelivery:
    """Return what the state machine needs to reject a delivery after all."""
    return RejectedDelivery(
        **_carried(delivery, Arrival),
        studio=delivery.studio,
        delivery_id=delivery.delivery_id,
        files=delivery.files,
        findings=findings,
    )


def _carried(state: Arrival, model: type[Arrival]) -> dict[str, object]:
    """Return the fields of `model`, which every later state has too."""
    return {name: getattr(state, name) for name in model.model_fields}
