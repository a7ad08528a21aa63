"""Encoding's functions: one that starts the state machine, its first and last step, and one between the others."""

from __future__ import annotations

from datetime import datetime

from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import AwareDatetime, BaseModel

from lambdas.common.bus import anything_of, publisher
from lambdas.common.clock import now
from lambdas.common.errors import PermanentError
from lambdas.common.events import ReencodeRequested, SourceAccepted, Verification, VersionPackaged
from lambdas.common.executions import start_once
from lambdas.common.handling import Payload, entry_point, logger
from lambdas.common.keys import Workspace
from lambdas.common.media import EncodingMode, Manifests, Priority
from lambdas.common.objects import read_object, write_json
from lambdas.common.parsing import parse, parse_json
from lambdas.encoding.cost import Prediction, Stage, UnknownPresetError, predict
from lambdas.encoding.deadlines import deadline_of, is_late, spot_until
from lambdas.encoding.environment import PlanEnvironment, RegisterEnvironment, StartEnvironment, StockEnvironment
from lambdas.encoding.farm_mode import Shortcuts
from lambdas.encoding.farm_mode_store import ModeUnknownError, mode_in_appconfig
from lambdas.encoding.jobs import JOB_LIST, NEVER, jobs_of
from lambdas.encoding.models import ContentKey, EncodingPlan, PackageReport, VerificationReport
from lambdas.encoding.off_peak import next_off_peak
from lambdas.encoding.planned import read_plan, read_prediction
from lambdas.encoding.planning import plan_of, started
from lambdas.encoding.prices import PriceList, UnknownCapacityError
from lambdas.encoding.shots import cuts_in
from lambdas.encoding.spending import Spending

_REPORT_LIMIT = 1024 * 1024
_ANALYSIS_LIMIT = 8 * 1024 * 1024


class _Issued(BaseModel):
    """What the key service answered to the step before `plan`."""

    keys: tuple[ContentKey, ...]


class _WithKeys(BaseModel):
    """What the state has beside the source when `plan` gets it."""

    issued: _Issued


class _Underway(BaseModel):
    """What `take_stock` needs of the state."""

    version_id: str
    title_id: str
    spot_until: AwareDatetime


class _Packaged(BaseModel):
    """What `register` needs of the state."""

    studio: str
    delivery_id: str
    title_id: str
    version_id: str
    mode: EncodingMode = EncodingMode.NORMAL


@entry_point
def start(event: Payload, _context: LambdaContext) -> Payload:
    """Start the state machine for a `SourceAccepted` or a `ReencodeRequested`: once, however often it arrives.

    What may wait for off-peak hours is given a ``start_at``, and the state machine begins it then.
    """
    environment = StartEnvironment.load()
    said, at = anything_of((SourceAccepted, ReencodeRequested), event)
    source = said.accepted if isinstance(said, ReencodeRequested) else said
    payload = source.model_dump(mode="json")
    logger.append_keys(version_id=payload["version_id"])
    window = environment.window
    if isinstance(said, ReencodeRequested) and said.off_peak and window:
        payload["start_at"] = f"{next_off_peak(at, window):%Y-%m-%dT%H:%M:%SZ}"
    accepted = start_once(state_machine_arn=environment.state_machine_arn, name=payload["version_id"], payload=payload)
    logger.info("accepted by the state machine" if accepted else "known already")
    return {"version_id": payload["version_id"]}


@entry_point
def plan(event: Payload, _context: LambdaContext) -> Payload:
    """Plan a version: write its plan to the work bucket, and answer the jobs to run.

    What they will cost is written beside the plan, unless nobody has measured a preset or knows a price: that stops
    no film, and is logged. Neither does a report of the analysis that cannot be read: then no border is moved to a cut.

    Parameters
    ----------
    event
        A `SourceAccepted`, and as ``issued`` the key service's answer: ``keys``, the title's content keys.

    Returns
    -------
    dict
        ``studio``, ``delivery_id``, ``title_id``, ``version_id``, ``mode``, ``plan`` (its URI), ``chunk_jobs`` (the
        ``bucket`` and ``key`` of their list), ``rung_jobs``, ``package`` and ``verify``; ``farm``, whose ``queue`` is
        the ARN of where the first of them shall wait.

    Raises
    ------
    CostCapError
        If what the version has cost, and what its jobs should cost, is more than it may; nothing is announced then.
    """
    environment = PlanEnvironment.load()
    known = SourceAccepted.model_fields
    source = parse(SourceAccepted, {name: value for name, value in event.items() if name in known})
    logger.append_keys(version_id=source.version_id)
    planned = plan_of(
        source,
        keys=parse(_WithKeys, event).issued.keys,
        ladder=environment.recipes,
        chunk_segments=environment.chunk_segments,
        segment_s=environment.segment_s,
        work_bucket=environment.work_bucket,
        media_bucket=environment.media_bucket,
        shortcuts=_shortcuts(source, environment=environment),
        cuts=_cuts(source),
        floors=environment.floor_of_tiers,
    )
    workspace = Workspace(source.version_id)
    uri = f"s3://{environment.work_bucket}/{workspace.plan}"
    write_json(bucket=environment.work_bucket, key=workspace.plan, text=planned.model_dump_json())
    prediction = _predict(planned, on_demand=False, environment=environment)
    until = _spot_until(source, prediction=prediction, environment=environment)
    late = is_late(until[Stage.ENCODE], now=now())
    if late and prediction:
        prediction = _predict(planned, on_demand=True, environment=environment)
    _keep(prediction, version_id=source.version_id, environment=environment)
    Spending(environment, title_id=planned.title_id, version_id=planned.version_id).hold(planned, prediction)
    jobs = jobs_of(planned, uri=uri, sizes=environment.job_sizes, prediction=prediction, spot_until=until)
    write_json(bucket=environment.work_bucket, key=workspace.jobs, text=JOB_LIST.dump_json(jobs.chunk_jobs).decode())
    publisher(environment.event_bus).publish(started(planned, source=source, jobs=jobs.count))
    logger.info("planned", extra={"jobs": jobs.count, "chunks": len(planned.chunks), "late": late})
    return {
        "studio": source.studio,
        "delivery_id": source.delivery_id,
        "title_id": source.title.title_id,
        "version_id": source.version_id,
        "mode": planned.mode.value,
        "plan": uri,
        **jobs.model_dump(mode="json", exclude={"chunk_jobs"}),
        "chunk_jobs": {"bucket": environment.work_bucket, "key": workspace.jobs},
        "farm": {"queue": environment.on_demand_queue if late else environment.encoding_queue},
    }


@entry_point
def take_stock(event: Payload, _context: LambdaContext) -> Payload:
    """Look what a version has cost, before its next jobs begin, and whether they may still wait for spot capacity.

    Parameters
    ----------
    event
        ``version_id`` and ``title_id``; ``spot_until`` of the next jobs.

    Returns
    -------
    dict
        ``queue``: the ARN of where they shall wait.

    Raises
    ------
    CostCapError
        If what the version has cost, and what its other jobs should cost, is more than it may.
    """
    environment = StockEnvironment.load()
    version = parse(_Underway, event)
    logger.append_keys(version_id=version.version_id)
    plan = read_plan(version.version_id, bucket=environment.work_bucket)
    prediction = read_prediction(version.version_id, bucket=environment.work_bucket)
    Spending(environment, title_id=version.title_id, version_id=version.version_id).hold(plan, prediction)
    late = is_late(version.spot_until, now=now())
    return {"queue": environment.on_demand_queue if late else environment.encoding_queue}


@entry_point
def register(event: Payload, _context: LambdaContext) -> Payload:
    """Announce a packaged version, by the reports that its packaging and its check left.

    Raises
    ------
    NotFoundError
        If one of them is not there.
    """
    environment = RegisterEnvironment.load()
    version = parse(_Packaged, event)
    logger.append_keys(version_id=version.version_id)
    workspace = Workspace(version.version_id)
    bucket = environment.work_bucket
    report = parse_json(PackageReport, read_object(bucket=bucket, key=workspace.package, limit=_REPORT_LIMIT))
    checked = parse_json(
        VerificationReport, read_object(bucket=bucket, key=workspace.verification, limit=_REPORT_LIMIT)
    )
    publisher(environment.event_bus).publish(
        VersionPackaged(
            **version.model_dump(),
            duration_s=report.duration_s,
            manifests=Manifests(dash=report.dash, hls=report.hls),
            poster=report.poster,
            thumbnails=report.thumbnails,
            renditions=report.renditions,
            key_ids=report.key_ids,
            verification=Verification(
                verified=checked.verified, checked_at=checked.checked_at, objects=checked.objects
            ),
        )
    )
    return {"version_id": version.version_id, "title_id": version.title_id}


def _shortcuts(source: SourceAccepted, *, environment: PlanEnvironment) -> Shortcuts | None:
    """Return what is left out just now. A campaign is in no hurry: it leaves out nothing, and makes good what was."""
    if source.priority is Priority.CAMPAIGN:
        return None
    try:
        mode = mode_in_appconfig(
            application=environment.mode_application,
            environment=environment.mode_environment,
            profile=environment.mode_profile,
        )
    except ModeUnknownError as error:
        logger.warning("the farm's mode is unknown: planned in normal mode", extra={"reason": str(error)})
        return None
    return environment.left_out if mode.in_force(now()) is EncodingMode.DEGRADED else None


def _cuts(source: SourceAccepted) -> tuple[int, ...]:
    """Return where the film's shots begin, as far as the analysis of its delivery tells."""
    report = source.analysis
    try:
        return cuts_in(read_object(bucket=report.bucket, key=report.key, limit=_ANALYSIS_LIMIT))
    except PermanentError as error:
        logger.warning("no shots", extra={"error": type(error).__name__, "reason": str(error)})
        return ()


def _predict(plan: EncodingPlan, *, on_demand: bool, environment: PlanEnvironment) -> Prediction | None:
    """Return what `plan` will cost on what is asked for first, or on demand, if that can be said."""
    prices, capacity = PriceList.load(), environment.capacity
    try:
        if on_demand:
            capacity = prices.on_demand_of(capacity)
        return predict(plan, worker_capacity=capacity, sizes=environment.job_sizes, prices=prices)
    except (UnknownPresetError, UnknownCapacityError) as error:
        logger.warning("no prediction", extra={"error": type(error).__name__, "reason": str(error)})
        return None


def _spot_until(
    source: SourceAccepted, *, prediction: Prediction | None, environment: PlanEnvironment
) -> dict[Stage, datetime]:
    deadline = deadline_of(source, now=now(), sla=environment.sla)
    if deadline is None:
        return dict.fromkeys(Stage, NEVER)
    return spot_until(
        deadline,
        prediction=prediction,
        sizes=environment.job_sizes,
        at_once=environment.at_once,
        on_demand_vcpus=environment.on_demand_vcpus,
    )


def _keep(prediction: Prediction | None, *, version_id: str, environment: PlanEnvironment) -> None:
    """Write what a version will cost to the work bucket, if that could be said."""
    if prediction is None:
        return
    key = Workspace(version_id).prediction
    write_json(bucket=environment.work_bucket, key=key, text=prediction.model_dump_json())
    logger.info(
        "predicted",
        extra={
            "usd_low": prediction.usd_low,
            "usd_expected": prediction.usd_expected,
            "vcpu_seconds": prediction.vcpu_seconds,
            "capacity": prediction.capacity,
        },
    )
