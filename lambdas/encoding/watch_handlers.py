"""The farm's watch, and what operators ask it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache

from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel, Field

from lambdas.common.errors import TransientError
from lambdas.common.handling import Payload, entry_point, logger
from lambdas.common.media import Record
from lambdas.common.parsing import parse
from lambdas.encoding import watch
from lambdas.encoding.claims import JobRecord
from lambdas.encoding.environment import DescribeEnvironment, WatchEnvironment
from lambdas.encoding.explaining import Explanation, Try, explain, find_record, place_of, try_of
from lambdas.encoding.farm_queues import FarmQueues
from lambdas.encoding.job_ids import batch_name
from lambdas.encoding.job_store import JobStore
from lambdas.encoding.watch import (
    DRAIN_METRIC,
    METRICS,
    STUCK_METRIC,
    UNCOUNTED_METRIC,
    WAIT_METRIC,
    QueueReading,
    QueueReport,
    Status,
)

_MOST_VERSIONS = 500
"""Versions whose claims one round looks up, those with the oldest jobs first, and as long as the time allows."""
_LEFT_MS = 60_000
"""Of the function's two minutes: with less no more claims are looked up, so that what is stuck can be ended."""


class _Question(BaseModel):
    """What `describe_farm` is asked."""

    version_id: str | None = None
    job: str | None = Field(default=None, description="which job of that version to explain, by a beginning of its id")


class _Look(Record):
    """The farm, looked at once."""

    at: datetime
    readings: tuple[QueueReading, ...]
    queues: tuple[QueueReport, ...]
    unread: tuple[str, ...] = Field(description="versions whose claims could not be read")
    not_judged: int = Field(description="versions whose claims were not looked up, because there were too many")


@entry_point
def watch_farm(_event: Payload, context: LambdaContext) -> Payload:
    """Look at every queue, count it for the alarms, and end what is stuck so that it is tried again.

    What it is called with does not matter: its schedule calls it.

    Returns
    -------
    dict
        ``ended``, the names of the jobs; ``stuck``, how many there were.

    Raises
    ------
    TransientError
        If AWS Batch cannot be asked; and after the round, if claims could not be read: of those versions nothing
        silent was ended, and somebody should know. That a backlog has more versions than a round looks up is no error.
    """
    environment = WatchEnvironment.load()
    farm = FarmQueues(environment.arns)
    look = _look(farm, environment, context)
    _count(look.queues)
    stuck = [job for queue in look.queues for job in queue.stuck]
    ended = watch.to_end(look.queues)
    for job in stuck:
        logger.warning("stuck", extra={**job.model_dump(mode="json", exclude={"name"}), "job": job.name})
    for job in ended:
        farm.end(job.job_id, reason=job.reason)
        logger.warning("ended", extra={"job": job.name, "job_id": job.job_id, "reason": job.reason})
    logger.info("watched", extra={queue.queue: queue.summary() for queue in look.queues})
    if look.unread:
        raise TransientError(f"the claims of {', '.join(look.unread)} could not be read: nothing of them was judged")
    return {"ended": [job.name for job in ended], "stuck": len(stuck)}


@entry_point
def describe_farm(event: Payload, context: LambdaContext) -> Payload:
    """Tell an operator how the queues are, and why a job is where it is; this ends nothing.

    Parameters
    ----------
    event
        Nothing; or ``version_id`` and ``job``.

    Returns
    -------
    dict
        ``at``; ``queues``, each a `QueueReport` with its totals; ``unread``, the versions whose claims could not be
        read, and ``not_judged``, how many were too many to be looked up: of neither does anything count as silent; and
        if a job was named, ``explained``, an `Explanation`.

    Raises
    ------
    NotFoundError, ConflictError
        If no such job was submitted, or several begin so.
    TransientError
        If AWS Batch cannot be asked.
    """
    environment = DescribeEnvironment.load()
    asked = parse(_Question, event)
    farm = FarmQueues(environment.arns)
    look = _look(farm, environment, context)
    answer: Payload = {
        "at": look.at.isoformat(),
        "queues": [queue.summary() for queue in look.queues],
        "unread": list(look.unread),
        "not_judged": look.not_judged,
    }
    if asked.version_id and asked.job:
        explained = _explained(asked.job, version_id=asked.version_id, look=look, farm=farm, environment=environment)
        answer["explained"] = explained.model_dump(mode="json")
    return answer


def _look(farm: FarmQueues, environment: WatchEnvironment, context: LambdaContext) -> _Look:
    """Read the queues, and of the claims as many as may tell that a job is silent."""
    patience, now = environment.patience, datetime.now(UTC)
    readings = farm.readings()
    suspects = watch.suspects(readings, patience, now=now)
    versions = list(dict.fromkeys(job.version_id for job in suspects if job.version_id))
    records: list[JobRecord] = []
    read: list[str] = []
    unread: list[str] = []
    try:
        for version in versions[:_MOST_VERSIONS]:
            if context.get_remaining_time_in_millis() < _LEFT_MS:
                break
            records += _store(environment.jobs_table).of_version(version)
            read.append(version)
    except TransientError as error:
        # Not tried for the others: a table that is away would take the whole of the function's time.
        unread = versions[len(read) : _MOST_VERSIONS]
        logger.warning("claims could not be read", extra={"versions": unread, "reason": str(error)})
    not_judged = len(versions) - len(read) - len(unread)
    if not_judged:
        logger.warning("too many versions to look up all claims", extra={"read": len(read), "not_judged": not_judged})
    reports = watch.report(
        readings,
        patience=patience,
        now=now,
        heard=watch.heartbeats(records),
        known_versions=frozenset(read),
        tasks=farm.tasks_made(watch.slow_starters(readings, patience, now=now)),
    )
    return _Look(at=now, readings=readings, queues=reports, unread=tuple(unread), not_judged=not_judged)


def _explained(
    job: str, *, version_id: str, look: _Look, farm: FarmQueues, environment: DescribeEnvironment
) -> Explanation:
    record = find_record(_store(environment.jobs_table).of_version(version_id), job)
    name = batch_name(version_id, record.job if record else job)
    tries = tuple(try_of(described) for described in (farm.named(name) if name else ()))
    last = tries[-1] if tries else None
    names = {arn: queue for queue, arn in environment.arns.items()}
    queue = next((found for found in look.queues if last and found.queue == names.get(last.queue)), None)
    place = None
    if last and last.waits and queue:
        waiting = next(reading for reading in look.readings if reading.queue == queue.queue).of(Status.RUNNABLE)
        others: list[Try] = [try_of(described) for described in farm.describe([job.job_id for job in waiting])]
        place = place_of(last, others)
    return explain(
        job,
        version_id=version_id,
        record=record,
        tries=tries,
        place=place,
        queue=queue,
        patience=environment.patience,
        rules=environment.rules,
        now=look.at,
    )


def _count(queues: Sequence[QueueReport]) -> None:
    """Count each queue that has jobs: a metric costs money in every hour in which it is written."""
    busy = [queue for queue in queues if queue.waiting or queue.running]
    for queue in busy:
        metrics = _metrics(queue=queue.queue)
        metrics.add_metric(name="WaitingJobs", unit=MetricUnit.Count, value=queue.waiting)
        metrics.add_metric(name="RunningJobs", unit=MetricUnit.Count, value=queue.running)
        metrics.add_metric(name=WAIT_METRIC, unit=MetricUnit.Seconds, value=queue.oldest_wait_s)
        if queue.drain_s is not None:
            metrics.add_metric(name=DRAIN_METRIC, unit=MetricUnit.Seconds, value=queue.drain_s)
        if not queue.complete:
            # Then the others are lower bounds, of which no alarm can be sure.
            metrics.add_metric(name=UNCOUNTED_METRIC, unit=MetricUnit.Count, value=1)
        metrics.flush_metrics()
    stuck = Counter(job.kind for queue in busy for job in queue.stuck)
    for kind, count in stuck.items():
        metrics = _metrics(kind=kind.value)
        metrics.add_metric(name=STUCK_METRIC, unit=MetricUnit.Count, value=count)
        metrics.flush_metrics()
    if busy:
        metrics = _metrics()
        metrics.add_metric(name=STUCK_METRIC, unit=MetricUnit.Count, value=stuck.total())
        metrics.flush_metrics()


def _metrics(**dimensions: str) -> EphemeralMetrics:
    """Return metrics under the function's service and what else is named: an alarm has to name the same."""
    metrics = EphemeralMetrics(namespace=METRICS)
    for name, value in dimensions.items():
        metrics.add_dimension(name=name, value=value)
    return metrics


@cache
def _store(table: str) -> JobStore:
    return JobStore(table)
