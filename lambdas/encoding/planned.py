"""What was planned and expected of a version, as long as its workspace is kept."""

from __future__ import annotations

from lambdas.common.errors import NotFoundError
from lambdas.common.keys import Workspace
from lambdas.common.objects import read_object
from lambdas.common.parsing import parse_json
from lambdas.encoding.cost import Prediction
from lambdas.encoding.models import EncodingPlan

_LIMIT = 8 * 1024 * 1024
"""A plan has less than a hundred bytes a chunk."""


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


def _read(key: str, *, bucket: str) -> bytes | None:
    try:
        return read_object(bucket=bucket, key=key, limit=_LIMIT)
    except NotFoundError:
        return None
