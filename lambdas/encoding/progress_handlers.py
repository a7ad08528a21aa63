"""The function that tells how encodes are getting on, whenever AWS Batch says that their jobs have moved."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from functools import cache

from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel, Field

from lambdas.common.bus import publisher
from lambdas.common.clock import now
from lambdas.common.errors import MarqueeError
from lambdas.common.events import QueueDepth
from lambdas.common.handling import Payload, entry_point, logger
from lambdas.common.parsing import parse, parse_json
from lambdas.encoding.claims import JobRecord
from lambdas.encoding.cost import UnknownJobError, cost_of
from lambdas.encoding.environment import ProgressEnvironment
from lambdas.encoding.job_ids import version_of
from lambdas.encoding.job_store import JobStore
from lambdas.encoding.planned import read_plan, read_prediction
from lambdas.encoding.prices import PriceList, UnknownCapacityError
from lambdas.encoding.progress import progress_of, told
from lambdas.encoding.queue_depth import depth_of


class _Message(BaseModel):
    """A message of the queue; its body is an event of EventBridge."""

    message_id: str = Field(alias="messageId")
    body: str


class _Batch(BaseModel):
    messages: tuple[_Message, ...] = Field(alias="Records")


class _Job(BaseModel):
    name: str = Field(alias="jobName")


class _StateChange(BaseModel):
    """What AWS Batch says of a job, as far as it matters here."""

    detail: _Job


@entry_point
def progress(event: Payload, _context: LambdaContext) -> Payload:
    """Publish an `EncodingProgressed` for each version that a batch of Batch's state changes names, and only one.

    What a state change says is not read but for the job's name: how the jobs stand is looked up. So it does not matter
    whether one comes late, twice, or in another order.

    Parameters
    ----------
    event
        A batch of an SQS queue that EventBridge fills with ``Batch Job State Change``.

    Returns
    -------
    dict
        ``batchItemFailures``: the messages of versions that could not be told of.
    """
    environment = ProgressEnvironment.load()
    versions: defaultdict[str, list[str]] = defaultdict(list)
    for message in parse(_Batch, event).messages:
        version_id = _version_in(message)
        if version_id is not None:
            versions[version_id].append(message.message_id)
    queue = depth_of(environment.queue_arns)
    failed: list[str] = []
    for version_id, messages in versions.items():
        try:
            _tell(version_id, environment=environment, queue=queue)
        except MarqueeError as error:
            # The others of the batch are told of all the same; what fails again and again becomes a dead letter.
            logger.warning("not told", extra={"version_id": version_id, "error": repr(error)})
            failed += messages
    return {"batchItemFailures": [{"itemIdentifier": message} for message in failed]}


def _version_in(message: _Message) -> str | None:
    """Return the version whose job a message is about; none, if somebody has submitted a job of another kind."""
    return version_of(parse_json(_StateChange, message.body.encode()).detail.name)


def _tell(version_id: str, *, environment: ProgressEnvironment, queue: QueueDepth) -> None:
    plan = read_plan(version_id, bucket=environment.work_bucket)
    if plan is None:
        logger.info("no plan", extra={"version_id": version_id})
        return
    prediction = read_prediction(version_id, bucket=environment.work_bucket)
    # Before it is read: of two that look at once, the one that began later has seen no less.
    at = now()
    records = _store(environment.jobs_table).of_version(version_id)
    standing = progress_of(plan, records=records, prediction=prediction, at=at)
    publisher(environment.event_bus).publish(told(plan, standing, usd=_usd(records), queue=queue))
    logger.info("told", extra={"version_id": version_id, "jobs": standing.jobs.model_dump()})


def _usd(records: Sequence[JobRecord]) -> float | None:
    """Return what was spent up to now; none, if something that was used has no price: that stops no progress."""
    try:
        return cost_of(records, _prices()).usd
    except (UnknownCapacityError, UnknownJobError) as error:
        logger.warning("no price", extra={"reason": str(error)})
        return None


@cache
def _store(table: str) -> JobStore:
    return JobStore(table)


@cache
def _prices() -> PriceList:
    return PriceList.load()
