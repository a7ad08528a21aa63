"""Encoding's functions: one that starts the state machine, and its first and last step."""

from __future__ import annotations

from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel, TypeAdapter

from lambdas.common.batch import Job
from lambdas.common.bus import publisher, received
from lambdas.common.events import SourceAccepted, Verification, VersionPackaged
from lambdas.common.executions import start_once
from lambdas.common.handling import Payload, entry_point, logger
from lambdas.common.keys import Workspace
from lambdas.common.media import Manifests
from lambdas.common.objects import read_object, write_json
from lambdas.common.parsing import parse, parse_json
from lambdas.encoding.cost import UnknownPresetError, predict
from lambdas.encoding.environment import PlanEnvironment, RegisterEnvironment, StartEnvironment
from lambdas.encoding.jobs import jobs_of
from lambdas.encoding.models import ContentKey, EncodingPlan, PackageReport, VerificationReport
from lambdas.encoding.planning import plan_of, started
from lambdas.encoding.prices import PriceList, UnknownCapacityError

_REPORT_LIMIT = 1024 * 1024
_JOBS = TypeAdapter(tuple[Job, ...])


class _Issued(BaseModel):
    """What the key service answered to the step before `plan`."""

    keys: tuple[ContentKey, ...]


class _WithKeys(BaseModel):
    """What the state has beside the source when `plan` gets it."""

    issued: _Issued


class _Packaged(BaseModel):
    """What `register` needs of the state."""

    studio: str
    delivery_id: str
    title_id: str
    version_id: str


@entry_point
def start(event: Payload, _context: LambdaContext) -> Payload:
    """Start the state machine for a `SourceAccepted`: once, however often it arrives."""
    environment = StartEnvironment.load()
    source = received(SourceAccepted, event)
    logger.append_keys(version_id=source.version_id)
    accepted = start_once(
        state_machine_arn=environment.state_machine_arn,
        name=source.version_id,
        payload=source.model_dump(mode="json"),
    )
    logger.info("accepted by the state machine" if accepted else "known already")
    return {"version_id": source.version_id}


@entry_point
def plan(event: Payload, _context: LambdaContext) -> Payload:
    """Plan a version: write its plan to the work bucket, and answer the jobs to run.

    What they will cost is written beside the plan, unless nobody has measured a preset or knows a price: that stops
    no film, and is logged.

    Parameters
    ----------
    event
        A `SourceAccepted`, and as ``issued`` the key service's answer: ``keys``, the title's content keys.

    Returns
    -------
    dict
        ``studio``, ``delivery_id``, ``title_id``, ``version_id``, ``plan`` (its URI), ``chunk_jobs`` (the ``bucket``
        and ``key`` of their list), ``rung_jobs``, ``package`` and ``verify``.
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
    )
    key = Workspace(source.version_id).plan
    uri = f"s3://{environment.work_bucket}/{key}"
    jobs = jobs_of(planned, uri=uri)
    write_json(bucket=environment.work_bucket, key=key, text=planned.model_dump_json())
    listed = Workspace(source.version_id).jobs
    write_json(bucket=environment.work_bucket, key=listed, text=_JOBS.dump_json(jobs.chunk_jobs).decode())
    _predict(planned, environment=environment)
    publisher(environment.event_bus).publish(started(planned, source=source, jobs=jobs.count))
    logger.info("planned", extra={"jobs": jobs.count, "chunks": len(planned.chunks)})
    return {
        "studio": source.studio,
        "delivery_id": source.delivery_id,
        "title_id": source.title.title_id,
        "version_id": source.version_id,
        "plan": uri,
        **jobs.model_dump(mode="json", exclude={"chunk_jobs"}),
        "chunk_jobs": {"bucket": environment.work_bucket, "key": listed},
    }


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


def _predict(plan: EncodingPlan, *, environment: PlanEnvironment) -> None:
    """Write what `plan` will cost to the work bucket, if that can be said."""
    try:
        prediction = predict(
            plan,
            worker_capacity=environment.capacity,
            vcpus=environment.job_vcpus,
            memory_mib=environment.job_memory_mib,
            prices=PriceList.load(),
        )
    except (UnknownPresetError, UnknownCapacityError) as error:
        logger.warning("no prediction", extra={"error": type(error).__name__, "reason": str(error)})
        return
    key = Workspace(plan.version_id).prediction
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
