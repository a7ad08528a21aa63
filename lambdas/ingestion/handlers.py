"""Ingestion's functions: one that starts the state machine, and the steps of the state machine."""

from __future__ import annotations

from aws_lambda_powertools.utilities.typing import LambdaContext

from lambdas.common.bus import publisher
from lambdas.common.errors import PermanentError
from lambdas.common.executions import start_once
from lambdas.common.handling import Payload, entry_point, logger
from lambdas.common.keys import Workspace, delivery_of
from lambdas.common.objects import TooLargeError, read_object
from lambdas.common.parsing import parse, parse_json
from lambdas.ingestion import announcing, manifest
from lambdas.ingestion.arrival import arrival_of
from lambdas.ingestion.environment import (
    AcceptEnvironment,
    ReadManifestEnvironment,
    RejectEnvironment,
    StartEnvironment,
    ValidateEnvironment,
)
from lambdas.ingestion.models import DeliveryManifest, InspectionReport
from lambdas.ingestion.states import (
    AcceptedDelivery,
    Arrival,
    JudgedDelivery,
    ReadableDelivery,
    RejectedDelivery,
)
from lambdas.ingestion.validation import validate as broken_rules

_REPORT_LIMIT = 4 * 1024 * 1024


@entry_point
def start(event: Payload, _context: LambdaContext) -> Payload:
    """Start the state machine for an "Object Created" event of a manifest: once, however often it arrives.

    Raises
    ------
    PermanentError
        If the object is not ``{studio}/{delivery}/manifest.json``.
    """
    environment = StartEnvironment.load()
    arrival = arrival_of(event.get("detail"))
    logger.append_keys(version_id=arrival.version_id)
    started = start_once(
        state_machine_arn=environment.state_machine_arn,
        name=arrival.version_id,
        payload=arrival.model_dump(),
    )
    logger.info("accepted by the state machine" if started else "known already")
    return {"version_id": arrival.version_id}


@entry_point
def read_manifest(event: Payload, _context: LambdaContext) -> Payload:
    """Read the manifest of an `Arrival`; answer a `ReadableDelivery`, or a `RejectedDelivery`.

    Raises
    ------
    PermanentError
        If the manifest lies in another bucket than the raw one.
    NotFoundError
        If the manifest, or this version of it, has been deleted since.
    """
    environment = ReadManifestEnvironment.load()
    arrival = parse(Arrival, event)
    logger.append_keys(version_id=arrival.version_id)
    if arrival.raw_bucket != environment.raw_bucket:
        message = f"deliveries lie in {environment.raw_bucket}, not in {arrival.raw_bucket}"
        raise PermanentError(message)
    location = delivery_of(arrival.manifest_key)
    try:
        parsed = _manifest(arrival)
    except manifest.UnreadableManifestError as error:
        logger.info("unreadable manifest", extra={"codes": str(error)})
        return manifest.rejected(error.findings, arrival=arrival, location=location).model_dump(mode="json")
    delivery = manifest.readable(parsed, arrival=arrival, location=location, work_bucket=environment.work_bucket)
    publisher(environment.event_bus).publish(announcing.received(delivery))
    return delivery.model_dump(mode="json")


def _manifest(arrival: Arrival) -> DeliveryManifest:
    try:
        raw = read_object(
            bucket=arrival.raw_bucket,
            key=arrival.manifest_key,
            version=arrival.object_version,
            limit=manifest.MAX_BYTES,
        )
    except TooLargeError as error:
        raise manifest.UnreadableManifestError([manifest.too_large()]) from error
    return manifest.read(raw, location=delivery_of(arrival.manifest_key))


@entry_point
def validate(event: Payload, _context: LambdaContext) -> Payload:
    """Judge a `ReadableDelivery` by its inspection; answer a `JudgedDelivery`.

    Raises
    ------
    NotFoundError
        If the inspection left no report.
    """
    environment = ValidateEnvironment.load()
    delivery = parse(ReadableDelivery, event)
    logger.append_keys(version_id=delivery.version_id)
    key = Workspace(delivery.version_id).inspection
    raw = read_object(bucket=environment.work_bucket, key=key, limit=_REPORT_LIMIT)
    report = parse_json(InspectionReport, raw)
    findings = broken_rules(delivery.manifest, report)
    feature = delivery.manifest.feature.name
    judged = JudgedDelivery(
        **dict(delivery) | {"verdict": "rejected" if findings else "accepted"},
        findings=findings,
        facts=next((file.facts for file in report.files if file.name == feature), None),
        object_versions={file.name: file.version_id for file in report.files if file.version_id},
    )
    logger.info(judged.verdict, extra={"codes": [found.code for found in findings]})
    return judged.model_dump(mode="json")


@entry_point
def accept(event: Payload, _context: LambdaContext) -> Payload:
    """Announce an `AcceptedDelivery` as a source."""
    environment = AcceptEnvironment.load()
    delivery = parse(AcceptedDelivery, event)
    logger.append_keys(version_id=delivery.version_id)
    publisher(environment.event_bus).publish(announcing.accepted(delivery))
    return {"version_id": delivery.version_id, "title_id": delivery.title_id}


@entry_point
def reject(event: Payload, _context: LambdaContext) -> Payload:
    """Announce a `RejectedDelivery`, so that the studio learns what to do. Its bytes stay where they are."""
    environment = RejectEnvironment.load()
    delivery = parse(RejectedDelivery, event)
    logger.append_keys(version_id=delivery.version_id)
    publisher(environment.event_bus).publish(announcing.rejected(delivery))
    return {
        "version_id": delivery.version_id,
        "findings": [found.model_dump(mode="json") for found in delivery.findings],
    }
