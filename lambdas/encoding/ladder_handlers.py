"""The step between the search for a title's ladder and the encode: it chooses the ladder that was found."""

from __future__ import annotations

from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel

from lambdas.common.bus import publisher
from lambdas.common.errors import NotFoundError
from lambdas.common.handling import Payload, entry_point, logger
from lambdas.common.keys import Workspace
from lambdas.common.objects import write_json
from lambdas.common.parsing import parse
from lambdas.encoding.chosen import chosen
from lambdas.encoding.cost import Stage
from lambdas.encoding.environment import ChooseEnvironment
from lambdas.encoding.jobs import JOB_LIST
from lambdas.encoding.planned import read_ladder, read_plan, state_of, write_plan
from lambdas.encoding.planning import source_in, started
from lambdas.encoding.prospects import prospect


class _Searched(BaseModel):
    """What `choose_ladder` needs of the state."""

    accepted: dict[str, object]


@entry_point
def choose_ladder(event: Payload, _context: LambdaContext) -> Payload:
    """Put the ladder that was found into the version's plan, and answer the jobs to run.

    Called twice, it answers the same: the ladder is chosen from what the search has left, and that does not change.

    Parameters
    ----------
    event
        ``accepted``: what the execution began with, the `SourceAccepted` that was planned.

    Returns
    -------
    dict
        What `plan` answers of the version, and ``chunk_jobs`` (the ``bucket`` and ``key`` of their list),
        ``rung_jobs``, ``package`` and ``verify``; ``farm``, whose ``queue`` is the ARN of where the first of them shall
        wait.

    Raises
    ------
    NotFoundError
        If the plan or what the search found is not there.
    CostCapError
        If what the version has cost, and what its jobs should cost, is more than it may; nothing is announced then.
    """
    environment = ChooseEnvironment.load()
    source = source_in(parse(_Searched, event).accepted)
    logger.append_keys(version_id=source.version_id)
    searched = read_plan(source.version_id, bucket=environment.work_bucket)
    report = read_ladder(searched) if searched else None
    if searched is None or report is None:
        raise NotFoundError(f"the plan of {source.version_id}, or what its search found, is gone: retry the version")
    plan = chosen(searched, report, floors=environment.floor_of_tiers)
    write_plan(plan)
    to_come = prospect(plan, source=source, begins=Stage.ENCODE, environment=environment)
    jobs, key = to_come.jobs, Workspace(source.version_id).jobs
    write_json(bucket=environment.work_bucket, key=key, text=JOB_LIST.dump_json(jobs.chunk_jobs).decode())
    publisher(environment.event_bus).publish(started(plan, jobs=jobs.count))
    logger.info("chosen", extra={"jobs": jobs.count, "chunks": len(plan.chunks), "late": to_come.late})
    return {
        **state_of(plan),
        **jobs.model_dump(mode="json", exclude={"search", "chunk_jobs"}),
        "chunk_jobs": {"bucket": environment.work_bucket, "key": key},
        "farm": {"queue": to_come.queue},
    }
