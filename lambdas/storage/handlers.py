"""Storage's functions: one follows the bus, four are steps of the restoring workflow, two check the replicas."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cache

from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel, TypeAdapter

from lambdas.common.bus import publisher, received
from lambdas.common.clock import now
from lambdas.common.errors import NotFoundError
from lambdas.common.events import ReencodeRequested, RepackageRequested, SourceAccepted, SourceRestored
from lambdas.common.handling import Payload, entry_point, logger
from lambdas.common.keys import RestoreFolder, check_report
from lambdas.common.media import ObjectRef
from lambdas.common.objects import read_object, write_json
from lambdas.common.parsing import parse, parse_json
from lambdas.storage import checks, restoring
from lambdas.storage.archive import archived, ask_for_copy, held
from lambdas.storage.comparing import Comparison
from lambdas.storage.environment import CheckEnvironment, FindEnvironment, RecordEnvironment, ReportEnvironment
from lambdas.storage.models import (
    CheckRequest,
    FixityReport,
    ReplicaPair,
    RestoreRequest,
    RestoreState,
    SourceObject,
    SourceRecord,
)
from lambdas.storage.sources import SourceStore
from lambdas.storage.verification import Verification

METRICS = "Marquee/Storage"
FAULTS_METRIC = "ReplicaFaults"
_REPORT_LIMIT = 64 * 1024
_Check = Callable[[ReplicaPair, checks.Inventories], Comparison | Verification]


@entry_point
def on_source_accepted(event: Payload, _context: LambdaContext) -> None:
    """Keep which objects a version is made from, and what S3 says of each, be it delivered or made of another anew.

    Raises
    ------
    NotFoundError
        If one of them is gone already.
    """
    environment = RecordEnvironment.load()
    accepted = _accepted(event)
    logger.append_keys(version_id=accepted.version_id, title_id=accepted.title.title_id)
    measured = {found.ref: found.sha256 for found in accepted.fixity}
    refs = (accepted.media, *(subtitle.source for subtitle in accepted.subtitles))
    record = SourceRecord(
        title_id=accepted.title.title_id,
        version_id=accepted.version_id,
        studio=accepted.studio,
        delivery_id=accepted.delivery_id,
        accepted_at=now(),
        objects=tuple(_source(ref, sha256=measured.get(ref)) for ref in refs),
    )
    new = SourceStore(environment.sources_table).add(record)
    logger.info("source recorded" if new else "known already")


def _accepted(event: Payload) -> SourceAccepted:
    match event.get("detail-type"):
        case "ReencodeRequested":
            return received(ReencodeRequested, event).accepted
        case "RepackageRequested":
            return received(RepackageRequested, event).accepted
        case _:
            return received(SourceAccepted, event)


def _source(ref: ObjectRef, *, sha256: str | None) -> SourceObject:
    found = held(ref)
    if found is None:
        message = f"{ref.uri} (version {ref.version_id}) was accepted, and is gone"
        raise NotFoundError(message)
    pinned = ref if ref.version_id else ref.model_copy(update={"version_id": found.version_id})
    return SourceObject(ref=pinned, size_bytes=found.size_bytes, checksum=found.checksum, sha256=sha256)


@entry_point
def find_source(event: Payload, _context: LambdaContext) -> Payload:
    """Find the objects of a `RestoreRequest`; answer a `RestoreState`. Nothing is asked of the archive yet.

    Raises
    ------
    NotFoundError
        If the title has no such source, or an object of it is gone.
    TierUnavailableError
        If the tier does not exist where an object lies.
    """
    environment = FindEnvironment.load()
    request = parse(RestoreRequest, event)
    logger.append_keys(title_id=request.title_id)
    records = SourceStore(environment.sources_table).of_title(request.title_id)
    record = restoring.chosen(records, request=request)
    objects = [archived(source) for source in record.objects]
    restoring.check_tier(objects, tier=request.tier)
    state = restoring.begun(record, objects, request=request, reports_bucket=environment.reports_bucket)
    return state.model_dump(mode="json")


@entry_point
def request_copies(event: Payload, _context: LambdaContext) -> Payload:
    """Ask S3 for a copy of whatever cannot be read; answer the `RestoreState` as it was.

    Raises
    ------
    TransientError
        If S3 has no capacity for it just now.
    """
    state = parse(RestoreState, event)
    for found in state.objects:
        if not found.readable:
            ask_for_copy(found.source.ref, tier=state.tier, days=state.days)
    return state.model_dump(mode="json")


@entry_point
def look_for_copies(event: Payload, _context: LambdaContext) -> Payload:
    """Look which copies have come; answer the `RestoreState` as it is now."""
    state = parse(RestoreState, event)
    objects = [archived(found.source) for found in state.objects]
    later = restoring.looked(state, objects)
    logger.info("looked", extra={"pending": later.pending, "wait_s": later.wait_s})
    return later.model_dump(mode="json")


@entry_point
def report_restore(event: Payload, _context: LambdaContext) -> Payload:
    """Judge what the jobs read, keep the report, and announce a sound source; answer the report.

    Raises
    ------
    FixityError
        If anything is not what was accepted. The report is kept.
    """
    environment = ReportEnvironment.load()
    state = parse(RestoreState, event)
    folder = RestoreFolder(state.restore_id)
    read = [
        parse_json(
            FixityReport,
            read_object(bucket=environment.reports_bucket, key=folder.fixity(index), limit=_REPORT_LIMIT),
        )
        for index in range(len(state.objects))
    ]
    report = restoring.judged(state, read)
    write_json(bucket=environment.reports_bucket, key=folder.report, text=report.model_dump_json(indent=2))
    restoring.require_sound(report)
    lapses = [found.until for found in report.objects if found.until]
    publisher(environment.event_bus).publish(
        SourceRestored(
            title_id=report.title_id,
            version_id=report.version_id,
            objects=len(report.objects),
            size_bytes=sum(found.size_bytes for found in report.objects),
            until=min(lapses, default=None),
            by=report.by,
        )
    )
    return report.model_dump(mode="json")


@entry_point
def verify_replicas(event: Payload, _context: LambdaContext) -> Payload:
    """Verify a sample of each bucket against each of its replicas; answer the counts."""
    environment = CheckEnvironment.load()
    request = parse(CheckRequest, event)
    at = now()
    lag = _lag(request, environment)

    def check(pair: ReplicaPair, found: checks.Inventories) -> Verification:
        seed = request.seed or f"{at:%Y-%m}"
        return checks.verify_sample(pair, found, lag=lag, size=environment.sample, seed=seed)

    return _check_all("verification", check, environment=environment, at=at)


@entry_point
def compare_inventories(event: Payload, _context: LambdaContext) -> Payload:
    """Compare the inventories of each bucket and of each of its replicas; answer the counts."""
    environment = CheckEnvironment.load()
    lag = _lag(parse(CheckRequest, event), environment)

    def check(pair: ReplicaPair, found: checks.Inventories) -> Comparison:
        return checks.compare_all(pair, found, lag=lag)

    return _check_all("consistency", check, environment=environment, at=now())


def _check_all(name: str, check: _Check, *, environment: CheckEnvironment, at: datetime) -> Payload:
    """Check every pair, keep a report of each, and count the faults where an alarm watches them.

    A pair that cannot be checked is a fault as well, and keeps no other from being checked.
    """
    entries: list[Payload] = []
    for pair in _pairs(environment.pairs):
        where = {"bucket": pair.bucket, "region": pair.replica_region}
        try:
            found = _checked(name, check, pair=pair, environment=environment, at=at)
        except Exception as error:  # noqa: BLE001 - whatever it is, it must reach the alarm, and hide no other pair
            logger.exception("a pair could not be checked", extra=where)
            found = {"checked": False, "counts": {}, "faults": 1, "why": f"{type(error).__name__}: {error}"}
        logger.info(name, extra=where | {"faults": found["faults"]})
        entries.append(where | found)
    faults = sum(entry["faults"] for entry in entries)
    _count_faults(faults)
    return {"pairs": entries, "faults": faults}


def _checked(name: str, check: _Check, *, pair: ReplicaPair, environment: CheckEnvironment, at: datetime) -> Payload:
    """Check one pair, and keep the report."""
    found = checks.inventories(pair)
    report = check(pair, found)
    key = check_report(check=name, on=f"{at:%Y-%m-%d}", bucket=pair.bucket, region=pair.replica_region)
    _keep(report, bucket=environment.reports_bucket, key=key)
    return {
        "checked": True,
        "counts": {kind.value: count for kind, count in report.counts.items()},
        "faults": report.faults + found.stale(at=at),
        "report": f"s3://{environment.reports_bucket}/{key}",
    }


def _count_faults(faults: int) -> None:
    """Count them where the alarm looks: under the function's service, and under no other dimension."""
    metrics = EphemeralMetrics(namespace=METRICS)
    metrics.add_metric(name=FAULTS_METRIC, unit=MetricUnit.Count, value=faults)
    metrics.flush_metrics()


def _keep(report: BaseModel, *, bucket: str, key: str) -> None:
    write_json(bucket=bucket, key=key, text=report.model_dump_json(indent=2))


def _lag(request: CheckRequest, environment: CheckEnvironment) -> timedelta:
    minutes = environment.lag_minutes if request.lag_minutes is None else request.lag_minutes
    return timedelta(minutes=minutes)


@cache
def _pairs(text: str) -> tuple[ReplicaPair, ...]:
    return TypeAdapter(tuple[ReplicaPair, ...]).validate_json(text)
