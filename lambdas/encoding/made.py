"""How packaged versions were made: kept as long as they are, when their workspaces are long gone."""

from __future__ import annotations

from lambdas.common.errors import NotFoundError
from lambdas.common.keys import Workspace, made
from lambdas.common.objects import read_object, write_json
from lambdas.common.parsing import parse_json
from lambdas.encoding.job_ids import JobIds
from lambdas.encoding.models import EncodingPlan, LoudnessReport, Making, RungScore

_LIMIT = 16 * 1024 * 1024


def keep_making(plan: EncodingPlan) -> None:
    """Write how the version of `plan` was made, with the scores of its rungs and the loudness of its sound.

    Raises
    ------
    NotFoundError
        If a rung was not scored, or a track of sound not measured.
    TransientError
        If S3 is throttling or away.
    """
    ids, workspace = JobIds(plan), Workspace(plan.version_id)
    keys = [workspace.score(ids.score(recipe.rung)) for recipe in plan.video]
    scores = [parse_json(RungScore, read_object(bucket=plan.work_bucket, key=key, limit=_LIMIT)) for key in keys]
    heard = [workspace.loudness(ids.audio(track.name)) for track in plan.audio]
    loudness = [
        parse_json(LoudnessReport, read_object(bucket=plan.work_bucket, key=key, limit=_LIMIT)) for key in heard
    ]
    making = Making(plan=plan, scores=tuple(scores), loudness=tuple(loudness))
    write_json(bucket=plan.work_bucket, key=made(plan.version_id), text=making.model_dump_json())


def read_making(version_id: str, *, bucket: str) -> Making | None:
    """Return how a version was made; none, if that was not kept.

    Raises
    ------
    InvalidInputError
        If it does not parse: another release has written it.
    TransientError
        If S3 is throttling or away.
    """
    try:
        return parse_json(Making, read_object(bucket=bucket, key=made(version_id), limit=_LIMIT))
    except NotFoundError:
        return None
