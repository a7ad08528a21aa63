"""The step that plans a version whose tracks are there already, those of a published one."""

from __future__ import annotations

from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel

from lambdas.common.bus import publisher
from lambdas.common.clock import now
from lambdas.common.content_keys import ContentKey
from lambdas.common.handling import Payload, entry_point, logger
from lambdas.common.keys import Workspace
from lambdas.common.objects import write_json
from lambdas.common.parsing import parse
from lambdas.encoding.cost import Stage
from lambdas.encoding.environment import RepackageEnvironment
from lambdas.encoding.job_ids import JobIds
from lambdas.encoding.made import read_making
from lambdas.encoding.planned import state_of, write_plan
from lambdas.encoding.planning import source_in, started
from lambdas.encoding.prospects import prospect
from lambdas.encoding.repackaging import repackaging_of


class _Issued(BaseModel):
    keys: tuple[ContentKey, ...]


class _Asked(BaseModel):
    replaces: str


class _Repackaging(BaseModel):
    """What the state has beside the source."""

    repackages: _Asked
    issued: _Issued | None = None


@entry_point
def plan_repackaging(event: Payload, _context: LambdaContext) -> Payload:
    """Plan a version that has the tracks of another, and answer its two jobs.

    Its plan is the other's, and so is what was measured: both are put into its workspace, where they are looked for.

    Parameters
    ----------
    event
        A `SourceAccepted`; ``repackages``, whose ``replaces`` is the other version; if it gets new keys, the key
        service's answer as ``issued``.

    Returns
    -------
    dict
        What `plan` answers of the version, and the jobs ``package`` and ``verify``; ``farm``, whose ``queue`` is the
        ARN of where the first of them shall wait.

    Raises
    ------
    NotRepackageableError
        If nobody knows how the other was made.
    CostCapError
        If what the version has cost, and what its jobs should cost, is more than it may; nothing is announced then.
    """
    environment = RepackageEnvironment.load()
    source, asked = source_in(event), parse(_Repackaging, event)
    logger.append_keys(version_id=source.version_id)
    making = read_making(asked.repackages.replaces, bucket=environment.work_bucket)
    plan = repackaging_of(
        making,
        replaces=asked.repackages.replaces,
        source=source,
        keys=asked.issued.keys if asked.issued else None,
    )
    write_plan(plan)
    ids, workspace = JobIds(plan), Workspace(plan.version_id)
    for score in making.scores if making else ():
        key = workspace.score(ids.score(score.rung))
        write_json(bucket=environment.work_bucket, key=key, text=score.model_dump_json())
    for heard in making.loudness if making else ():
        key = workspace.loudness(ids.audio(heard.track))
        write_json(bucket=environment.work_bucket, key=key, text=heard.model_dump_json())
    # It was delivered long ago, and is due as if it came today.
    due = source.model_copy(update={"delivered_at": now()})
    to_come = prospect(plan, source=due, begins=Stage.PACKAGE, environment=environment)
    publisher(environment.event_bus).publish(started(plan, jobs=to_come.jobs.count))
    logger.info("planned", extra={"replaces": asked.repackages.replaces, "new_keys": asked.issued is not None})
    return {
        **state_of(plan),
        **to_come.jobs.model_dump(mode="json", include={"package", "verify"}),
        "farm": {"queue": to_come.queue},
    }
