"""The function that operators ask about the farm: what was done for a version, and what it cost."""

from __future__ import annotations

from functools import cache

from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel

from lambdas.common.errors import NotFoundError
from lambdas.common.handling import Payload, entry_point, logger
from lambdas.common.keys import Workspace
from lambdas.common.objects import read_object
from lambdas.common.parsing import parse, parse_json
from lambdas.encoding.cost import Prediction
from lambdas.encoding.environment import JobsEnvironment
from lambdas.encoding.job_store import JobStore
from lambdas.encoding.overview import overview
from lambdas.encoding.prices import PriceList

_PREDICTION_LIMIT = 1024 * 1024


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
        ``version_id``; ``jobs`` by their ids (``job``, ``state``, ``token``, ``attempts``); ``cost`` up to now, a
        `TitleCost` with its totals; ``predicted``, a `Prediction` with its totals, or none, where none was made or it
        has expired with the version's other intermediate artefacts.

    Raises
    ------
    NotFoundError
        If no job of the version has begun.
    UnknownJobError, UnknownCapacityError
        If a job cannot be told or priced; see `cost_of`.
    """
    environment = JobsEnvironment.load()
    version_id = parse(_JobsRequest, event).version_id
    logger.append_keys(version_id=version_id)
    return overview(
        version_id,
        records=_store(environment.jobs_table).of_version(version_id),
        prediction=_prediction(version_id, bucket=environment.work_bucket),
        prices=_prices(),
    )


def _prediction(version_id: str, *, bucket: str) -> Prediction | None:
    try:
        found = read_object(bucket=bucket, key=Workspace(version_id).prediction, limit=_PREDICTION_LIMIT)
    except NotFoundError:
        return None
    return parse_json(Prediction, found)


@cache
def _store(table: str) -> JobStore:
    return JobStore(table)


@cache
def _prices() -> PriceList:
    return PriceList.load()
