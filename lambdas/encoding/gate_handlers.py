"""The step between scoring and packaging: it lets a version pass, asks for more, or stops it."""

from __future__ import annotations

from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel

from lambdas.common.bus import publisher
from lambdas.common.errors import NotFoundError
from lambdas.common.handling import Payload, entry_point, logger
from lambdas.common.keys import Workspace
from lambdas.common.objects import read_object, write_json
from lambdas.common.parsing import parse, parse_json
from lambdas.encoding.environment import JudgeEnvironment
from lambdas.encoding.gate import RenditionRejectedError, judge, reason, rejected
from lambdas.encoding.job_ids import JobIds, batch_name
from lambdas.encoding.jobs import JOB_LIST, RungJobs
from lambdas.encoding.models import EncodingPlan, RungScore
from lambdas.encoding.planned import read_plan

_LIMIT = 8 * 1024 * 1024


class _Scored(BaseModel):
    """What `judge_quality` needs of the state."""

    version_id: str
    rung_jobs: tuple[RungJobs, ...]


@entry_point
def judge_quality(event: Payload, _context: LambdaContext) -> Payload:
    """Judge a version by the scores of its rungs; where chunks are to be encoded again, change its plan.

    Called twice, it answers the same: a plan that was changed and has no score yet is one that was judged already.

    Parameters
    ----------
    event
        ``version_id``, whose chunks and rungs are done; ``rung_jobs``, as `plan` or this function answered them.

    Returns
    -------
    dict
        ``passed``. If not: ``chunk_jobs`` (the ``bucket`` and ``key`` of their list) and ``rung_jobs``, those to run
        again, before the version is judged once more. Of what has its result already nothing is done again.

    Raises
    ------
    RenditionRejectedError
        If a rung is below its floor, and its chunks were encoded again as often as may be; that is announced.
    NotFoundError
        If the plan or a score is not there.
    """
    environment = JudgeEnvironment.load()
    state = parse(_Scored, event)
    logger.append_keys(version_id=state.version_id)
    bucket, workspace = environment.work_bucket, Workspace(state.version_id)
    plan = read_plan(state.version_id, bucket=bucket)
    if plan is None:
        raise NotFoundError(f"the plan of {state.version_id} is gone: its workspace has expired")
    try:
        judgement = judge(plan, _scores(plan, workspace=workspace, bucket=bucket))
    except NotFoundError:
        if not plan.raised:
            raise
        return _again(plan, state=state, bucket=bucket)
    if not judgement.short:
        return {"passed": True}
    if judgement.raised == plan.raised:
        found = [rejected(plan, score) for score in judgement.short]
        for each in found:
            publisher(environment.event_bus).publish(each)
        raise RenditionRejectedError("; ".join(map(reason, found)))
    logger.info("not good enough", extra={"short": [score.model_dump(mode="json") for score in judgement.short]})
    raised = plan.model_copy(update={"raised": judgement.raised})
    write_json(bucket=bucket, key=workspace.plan, text=raised.model_dump_json())
    return _again(raised, state=state, bucket=bucket)


def _scores(plan: EncodingPlan, *, workspace: Workspace, bucket: str) -> list[RungScore]:
    ids = JobIds(plan)
    keys = [workspace.score(ids.score(floor.rung)) for floor in plan.floors]
    return [parse_json(RungScore, read_object(bucket=bucket, key=key, limit=_LIMIT)) for key in keys]


def _again(plan: EncodingPlan, *, state: _Scored, bucket: str) -> Payload:
    """Return the jobs of the chunks that a plan raises, and of their rungs."""
    workspace = Workspace(plan.version_id)
    raised = {batch_name(plan.version_id, f"chunk/{found.rung}/{found.chunk}") for found in plan.raised}
    planned = JOB_LIST.validate_json(read_object(bucket=bucket, key=workspace.jobs, limit=_LIMIT))
    again = tuple(job for job in planned if job.name in raised)
    write_json(bucket=bucket, key=workspace.jobs_again, text=JOB_LIST.dump_json(again).decode())
    joins = {batch_name(plan.version_id, f"join/{found.rung}") for found in plan.raised}
    return {
        "passed": False,
        "chunk_jobs": {"bucket": bucket, "key": workspace.jobs_again},
        "rung_jobs": [jobs.model_dump(mode="json") for jobs in state.rung_jobs if jobs.join.name in joins],
    }
