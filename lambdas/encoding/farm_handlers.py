"""The function that operators ask about a version: what was done for it, how far it is, and what it cost."""

from __future__ import annotations

from functools import cache

from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel

from lambdas.common.clock import now
from lambdas.common.handling import Payload, entry_point, logger
from lambdas.common.parsing import parse
from lambdas.encoding.cap_store import CapStore
from lambdas.encoding.environment import JobsEnvironment
from lambdas.encoding.job_store import JobStore
from lambdas.encoding.overview import overview
from lambdas.encoding.planned import read_plan, read_prediction
from lambdas.encoding.prices import PriceList
from lambdas.encoding.progress import progress_of
from lambdas.encoding.queue_depth import depth_of


class _JobsRequest(BaseModel):
    version_id: str


@entry_point
def jobs(event: Payload, _context: LambdaContext) -> Payload:
    """Tell an operator the jobs of a version, their attempts, and their cost.

    Parameters
    ----------
    event
        ``version_id``.

    Returns
    -------
    dict
        ``version_id``; ``jobs`` by their ids (``job``, ``state``, ``token``, ``attempts``); ``progress``, a `Progress`
        with its totals, or none, where the plan has expired; ``queue``, a `QueueDepth`; ``cost`` up to now, a
        `TitleCost` with its totals; ``predicted``, a `Prediction` with its totals, or none, where none was made or it
        has expired with the version's other intermediate artefacts; ``cap``: the ``usd`` that it may cost, and what
        operators ``said`` of that, the last one first.

    Raises
    ------
    NotFoundError
        If no job of the version has begun, and none is planned.
    UnknownJobError, UnknownCapacityError
        If a job cannot be told or priced; see `cost_of`.
    """
    environment = JobsEnvironment.load()
    version_id = parse(_JobsRequest, event).version_id
    logger.append_keys(version_id=version_id)
    plan = read_plan(version_id, bucket=environment.work_bucket)
    prediction = read_prediction(version_id, bucket=environment.work_bucket)
    at = now()
    records = _store(environment.jobs_table).of_version(version_id)
    told = overview(
        version_id,
        records=records,
        progress=progress_of(plan, records=records, prediction=prediction, at=at) if plan else None,
        prediction=prediction,
        prices=_prices(),
    )
    said = CapStore(environment.caps_table).of_version(version_id)
    cap = {
        "usd": said[0].usd if said else environment.title_cap_usd,
        "said": [each.model_dump(mode="json") for each in said],
    }
    return {**told, "cap": cap, "queue": depth_of(environment.queue_arns).model_dump()}


@cache
def _store(table: str) -> JobStore:
    return JobStore(table)


@cache
def _prices() -> PriceList:
    return PriceList.load()
