"""Encoding's functions: one that starts the state machine, its first and last step, and one between the others."""

from __future__ import annotations

from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import AwareDatetime, BaseModel

from lambdas.common.bus import anything_of, publisher
from lambdas.common.clock import now
from lambdas.common.content_keys import ContentKey
from lambdas.common.errors import NotFoundError, PermanentError
from lambdas.common.events import (
    ReencodeRequested,
    RepackageRequested,
    SourceAccepted,
    Verification,
    VersionPackaged,
)
from lambdas.common.executions import start_once
from lambdas.common.handling import Payload, entry_point, logger
from lambdas.common.keys import Workspace
from lambdas.common.media import EncodingMode, Manifests, Priority
from lambdas.common.objects import read_object
from lambdas.common.parsing import parse, parse_json
from lambdas.encoding.chosen import chosen
from lambdas.encoding.cost import Stage
from lambdas.encoding.deadlines import is_late
from lambdas.encoding.environment import PlanEnvironment, RegisterEnvironment, StartEnvironment, StockEnvironment
from lambdas.encoding.farm_mode import Shortcuts
from lambdas.encoding.farm_mode_store import ModeUnknownError, mode_in_appconfig
from lambdas.encoding.job_ids import JobIds
from lambdas.encoding.made import keep_making
from lambdas.encoding.models import PackageReport, VerificationReport
from lambdas.encoding.off_peak import next_off_peak
from lambdas.encoding.planned import read_ladder, read_plan, read_prediction, state_of, write_plan
from lambdas.encoding.planning import plan_of, source_in
from lambdas.encoding.prospects import prospect
from lambdas.encoding.shots import Shot, shots_in
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
    """Start the state machine for a `SourceAccepted` or what is made of one anew: once, however often it arrives.

    What may wait for off-peak hours is given a ``start_at``, and the state machine begins it then.
    """
    environment = StartEnvironment.load()
    said, at = anything_of((SourceAccepted, ReencodeRequested, RepackageRequested), event)
    source = said.accepted if isinstance(said, (ReencodeRequested, RepackageRequested)) else said
    payload = source.model_dump(mode="json")
    logger.append_keys(version_id=payload["version_id"])
    window = environment.window
    if isinstance(said, ReencodeRequested) and said.off_peak and window:
        payload["start_at"] = f"{next_off_peak(at, window):%Y-%m-%dT%H:%M:%SZ}"
    if isinstance(said, RepackageRequested):
        payload["repackages"] = said.model_dump(mode="json", include={"replaces", "new_keys"})
    accepted = start_once(state_machine_arn=environment.state_machine_arn, name=payload["version_id"], payload=payload)
    logger.info("accepted by the state machine" if accepted else "known already")
    return {"version_id": payload["version_id"]}


@entry_point
def plan(event: Payload, _context: LambdaContext) -> Payload:
    """Plan a version: write its plan to the work bucket, and answer the job that searches its ladder.

    A report of the analysis that cannot be read stops no film: then no border is moved to a cut, and the excerpts are
    spread evenly. Where the ladder was found before, by an earlier execution, the plan has it from the beginning.

    Parameters
    ----------
    event
        A `SourceAccepted`, and as ``issued`` the key service's answer: ``keys``, the title's content keys.

    Returns
    -------
    dict
        ``studio``, ``delivery_id``, ``title_id``, ``version_id``, ``mode``, ``plan`` (its URI) and ``search``, the job;
        ``farm``, whose ``queue`` is the ARN of where it shall wait.

    Raises
    ------
    CostCapError
        If what the version has cost, and what its jobs should cost, is more than it may.
    """
    environment = PlanEnvironment.load()
    source = source_in(event)
    logger.append_keys(version_id=source.version_id)
    planned = plan_of(
        source,
        keys=parse(_WithKeys, event).issued.keys,
        ladder=environment.recipes,
        chunk_segments=environment.chunk_segments,
        segment_s=environment.segment_s,
        work_bucket=environment.work_bucket,
        media_bucket=environment.media_bucket,
        search=environment.search_rules,
        sound=environment.sound_rules,
        floors=environment.floor_of_tiers,
        shots=_shots(source),
        shortcuts=_shortcuts(source, environment=environment),
    )
    found = read_ladder(planned)
    if found:
        planned = chosen(planned, found, floors=environment.floor_of_tiers)
    write_plan(planned)
    to_come = prospect(planned, source=source, begins=Stage.SEARCH, environment=environment)
    logger.info("planned", extra={"excerpts": len(planned.excerpts), "found": bool(found), "late": to_come.late})
    return {
        **state_of(planned),
        **to_come.jobs.model_dump(mode="json", include={"search"}),
        "farm": {"queue": to_come.queue},
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
    """Announce a packaged version, by the reports that its packaging and its check left, and by its plan.

    Raises
    ------
    NotFoundError
        If the plan or one of the reports is not there.
    """
    environment = RegisterEnvironment.load()
    version = parse(_Packaged, event)
    logger.append_keys(version_id=version.version_id)
    bucket = environment.work_bucket
    planned = read_plan(version.version_id, bucket=bucket)
    if planned is None:
        raise NotFoundError(f"the plan of version {version.version_id} is not there: its reports are named after it")
    ids, workspace = JobIds(planned), Workspace(version.version_id)
    report = parse_json(
        PackageReport, read_object(bucket=bucket, key=workspace.package(ids.package), limit=_REPORT_LIMIT)
    )
    checked = parse_json(
        VerificationReport, read_object(bucket=bucket, key=workspace.verification(ids.verify), limit=_REPORT_LIMIT)
    )
    keep_making(planned)
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
            ladder=planned.ladder,
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


def _shots(source: SourceAccepted) -> tuple[Shot, ...]:
    """Return the film's shots, as far as the analysis of its delivery tells."""
    report = source.analysis
    try:
        return shots_in(read_object(bucket=report.bucket, key=report.key, limit=_ANALYSIS_LIMIT))
    except PermanentError as error:
        logger.warning("no shots", extra={"error": type(error).__name__, "reason": str(error)})
        return ()
