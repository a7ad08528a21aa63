"""What was planned, found and expected of a version, as long as its workspace is kept."""

from __future__ import annotations

from lambdas.common.errors import NotFoundError
from lambdas.common.keys import Workspace
from lambdas.common.ladder import LadderReport
from lambdas.common.objects import read_object, write_json
from lambdas.common.parsing import parse_json
from lambdas.encoding.cost import Prediction
from lambdas.encoding.job_ids import JobIds
from lambdas.encoding.models import EncodingPlan

_LIMIT = 8 * 1024 * 1024
"""A plan has less than a hundred bytes a chunk."""


def uri_of(plan: EncodingPlan) -> str:
    """Return where a plan lies, as jobs are told."""
    return f"s3://{plan.work_bucket}/{Workspace(plan.version_id).plan}"


def state_of(plan: EncodingPlan) -> dict[str, object]:
    """Return what a workflow's state says of a planned version, as JSON values."""
    said = plan.model_dump(mode="json", include={"studio", "delivery_id", "title_id", "version_id", "mode"})
    return said | {"plan": uri_of(plan)}


def write_plan(plan: EncodingPlan) -> None:
    """Write a plan, in the place of an earlier one of the version.

    Raises
    ------
    TransientError
        If S3 is throttling or away.
    """
    write_json(bucket=plan.work_bucket, key=Workspace(plan.version_id).plan, text=plan.model_dump_json())


def read_plan(version_id: str, *, bucket: str) -> EncodingPlan | None:
    """Return the plan of a version; none, if it was never planned or its workspace has expired.

    Raises
    ------
    InvalidInputError
        If it does not parse: another release has written it.
    TransientError
        If S3 is throttling or away.
    """
    found = _read(Workspace(version_id).plan, bucket=bucket)
    return parse_json(EncodingPlan, found) if found is not None else None


def read_prediction(version_id: str, *, bucket: str) -> Prediction | None:
    """Return what a version was expected to use and cost; none, if nobody could say, or its workspace has expired.

    Raises
    ------
    InvalidInputError, TransientError
        As in `read_plan`.
    """
    found = _read(Workspace(version_id).prediction, bucket=bucket)
    return parse_json(Prediction, found) if found is not None else None


def read_ladder(plan: EncodingPlan) -> LadderReport | None:
    """Return what the search for the ladder of a plan found; none, if it is not done or the workspace has expired.

    Raises
    ------
    InvalidInputError, TransientError
        As in `read_plan`.
    """
    found = _read(Workspace(plan.version_id).ladder(JobIds(plan).search), bucket=plan.work_bucket)
    return parse_json(LadderReport, found) if found is not None else None


def _read(key: str, *, bucket: str) -> bytes | None:
    try:
        return read_object(bucket=bucket, key=key, limit=_LIMIT)
    except NotFoundError:
        return None
