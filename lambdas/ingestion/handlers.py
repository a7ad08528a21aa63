"""Ingestion's functions: one that starts the state machine, and the steps of the state machine."""

from __future__ import annotations

from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel

from lambdas.common.bus import publisher
from lambdas.common.dispositions import Disposition
from lambdas.common.errors import PermanentError
from lambdas.common.executions import start_once
from lambdas.common.handling import Payload, entry_point, logger
from lambdas.common.keys import Analysis, Workspace, delivery_of
from lambdas.common.objects import TooLargeError, read_object, write_json
from lambdas.common.parsing import parse, parse_json
from lambdas.ingestion import announcing, labels, manifest, steps
from lambdas.ingestion.analysis import AnalysisReport
from lambdas.ingestion.arrival import MisplacedManifestError, arrival_of
from lambdas.ingestion.contents import ContentStore, settle, turn_away
from lambdas.ingestion.dispositions import tag
from lambdas.ingestion.environment import (
    AcceptEnvironment,
    JudgeEnvironment,
    LabelsEnvironment,
    ReadManifestEnvironment,
    RejectEnvironment,
    StartEnvironment,
    ValidateEnvironment,
)
from lambdas.ingestion.findings import limited
from lambdas.ingestion.misplaced import misplaced
from lambdas.ingestion.models import DeliveryManifest, InspectionReport
from lambdas.ingestion.owners import OwnerStore, title_taken
from lambdas.ingestion.quality import judge as quality_of
from lambdas.ingestion.replicated import require_files
from lambdas.ingestion.states import (
    AcceptedDelivery,
    AcceptedSource,
    Arrival,
    ReadableDelivery,
    RejectedDelivery,
    ValidDelivery,
)
from lambdas.ingestion.validation import validate as broken_rules

REPORT_LIMIT = 4 * 1024 * 1024


@entry_point
def start(event: Payload, _context: LambdaContext) -> Payload:
    """Start the state machine for an "Object Created" event of a manifest: once, however often it arrives.

    A manifest that lies in the wrong place starts nothing; its studio is told.

    Raises
    ------
    MisplacedManifestError
        If it lies in no studio's folder either.
    """
    environment = StartEnvironment.load()
    try:
        arrival = arrival_of(event)
    except MisplacedManifestError as error:
        logger.info("misplaced", extra={"key": error.key})
        publisher(environment.event_bus).publish(misplaced(error))
        return {"version_id": error.version_id}
    logger.append_keys(version_id=arrival.version_id)
    started = start_once(
        state_machine_arn=environment.state_machine_arn,
        name=arrival.version_id,
        payload=arrival.model_dump(mode="json"),
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
    FilesOnTheirWayError
        If it comes from the second ingest region, and its files have not all come yet.
    """
    environment = ReadManifestEnvironment.load()
    arrival = parse(Arrival, event)
    logger.append_keys(version_id=arrival.version_id)
    if arrival.raw_bucket != environment.raw_bucket:
        message = f"deliveries lie in {environment.raw_bucket}, not in {arrival.raw_bucket}"
        raise PermanentError(message)
    try:
        parsed = _manifest(arrival)
    except manifest.UnreadableManifestError as error:
        logger.info("unreadable manifest", extra={"codes": str(error)})
        return steps.unreadable(error.findings, arrival=arrival).model_dump(mode="json")
    location = delivery_of(arrival.manifest_key)
    require_files(arrival.manifest_object, sizes={location.file(file.name): file.size_bytes for file in parsed.files})
    delivery = steps.readable(parsed, arrival=arrival, work_bucket=environment.work_bucket)
    publisher(environment.event_bus).publish(announcing.received(delivery, parsed))
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
    """Judge a `ReadableDelivery` by its inspection; answer a `ValidatedDelivery`.

    Raises
    ------
    NotFoundError
        If the inspection left no report.
    """
    environment = ValidateEnvironment.load()
    delivery = parse(ReadableDelivery, event)
    logger.append_keys(version_id=delivery.version_id)
    key = Workspace(delivery.version_id).inspection
    raw = read_object(bucket=environment.work_bucket, key=key, limit=REPORT_LIMIT)
    report = parse_json(InspectionReport, raw)
    owner = OwnerStore(environment.deliveries_table).owner(delivery.title_id)
    taken = (title_taken(delivery.title_id),) if owner not in {None, delivery.studio} else ()
    findings = limited((*taken, *broken_rules(_manifest(delivery), report)))
    validated = steps.validated(delivery, report=report, findings=findings, work_bucket=environment.work_bucket)
    logger.info(validated.verdict, extra={"codes": [found.code for found in findings]})
    return validated.model_dump(mode="json")


@entry_point
def judge(event: Payload, _context: LambdaContext) -> Payload:
    """Judge a `ValidDelivery` by its analysis, keep and announce the checks; answer a `JudgedDelivery`.

    Raises
    ------
    NotFoundError
        If the analysis left no report.
    """
    environment = JudgeEnvironment.load()
    delivery = parse(ValidDelivery, event)
    logger.append_keys(version_id=delivery.version_id)
    where = Analysis(delivery.version_id)
    raw = read_object(bucket=environment.work_bucket, key=where.report, limit=REPORT_LIMIT)
    quality = quality_of(parse_json(AnalysisReport, raw), environment.quality)
    write_json(bucket=environment.work_bucket, key=where.quality, text=quality.model_dump_json())
    publisher(environment.event_bus).publish(announcing.quality_judged(delivery, quality))
    judged = steps.judged(delivery, quality)
    logger.info(judged.verdict, extra={"codes": [found.code for found in judged.findings]})
    return judged.model_dump(mode="json")


@entry_point
def accept(event: Payload, _context: LambdaContext) -> Payload:
    """Make an `AcceptedDelivery` a source: claim its title, keep each file once, announce it.

    Returns
    -------
    dict
        An `AcceptedSource`; or a `RejectedDelivery`, if another studio's delivery of the title was accepted since
        this one was validated.
    """
    environment = AcceptEnvironment.load()
    delivery = parse(AcceptedDelivery, event)
    logger.append_keys(version_id=delivery.version_id)
    if not OwnerStore(environment.deliveries_table).claim(delivery.title_id, studio=delivery.studio):
        logger.info("another studio was first", extra={"title_id": delivery.title_id})
        return steps.turned_away(delivery, (title_taken(delivery.title_id),)).model_dump(mode="json")
    parsed = _manifest(delivery)
    contents = ContentStore(environment.deliveries_table)
    kept = {
        file.name: settle(
            contents,
            file,
            bucket=delivery.raw_bucket,
            studio=delivery.studio,
            delivery_id=delivery.delivery_id,
            version_id=delivery.version_id,
        )
        for file in delivery.files
    }
    source = announcing.accepted(delivery, parsed, kept=kept, work_bucket=environment.work_bucket)
    publisher(environment.event_bus).publish(source)
    return AcceptedSource(
        version_id=delivery.version_id,
        title_id=delivery.title_id,
        media=source.media,
        labelled=labels.supported(delivery.facts),
    ).model_dump(mode="json")


@entry_point
def reject(event: Payload, _context: LambdaContext) -> Payload:
    """Announce a `RejectedDelivery`, so that the studio learns what to do, and mark its objects to expire in time."""
    environment = RejectEnvironment.load()
    delivery = parse(RejectedDelivery, event)
    logger.append_keys(version_id=delivery.version_id)
    tag(delivery.manifest_object, Disposition.REJECTED)
    turn_away(
        ContentStore(environment.deliveries_table),
        delivery.files,
        bucket=delivery.raw_bucket,
        studio=delivery.studio,
    )
    publisher(environment.event_bus).publish(announcing.rejected(delivery))
    return {
        "version_id": delivery.version_id,
        "findings": [found.model_dump(mode="json") for found in delivery.reasons],
    }


class _Labelling(BaseModel):
    """What the state has when Rekognition has begun: the source, and the job."""

    class _Started(BaseModel):
        JobId: str

    version_id: str
    labels: _Started


@entry_point
def collect_labels(event: Payload, _context: LambdaContext) -> Payload:
    """Keep what Rekognition saw beside the analysis, as soon as it has looked at the whole film.

    Raises
    ------
    LabelsPendingError
        If it has not; the state machine asks again.
    LabelsFailedError
        If it will not.
    """
    environment = LabelsEnvironment.load()
    labelling = parse(_Labelling, event)
    logger.append_keys(version_id=labelling.version_id)
    text = labels.labels_of(labelling.labels.JobId)
    key = Analysis(labelling.version_id).labels
    write_json(bucket=environment.work_bucket, key=key, text=text)
    return {"key": key, "labels": text.count("\n") + 1 if text else 0}
