"""What an operator is told of a version's jobs: each with its attempts, how far they are, what they cost. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lambdas.common.errors import NotFoundError
from lambdas.encoding.claims import Attempt, JobRecord
from lambdas.encoding.cost import Prediction, TitleCost, cost_of
from lambdas.encoding.prices import PriceList
from lambdas.encoding.progress import Progress


def overview(
    version_id: str,
    *,
    records: Sequence[JobRecord],
    progress: Progress | None,
    prediction: Prediction | None,
    prices: PriceList,
) -> dict[str, Any]:
    """Return a version's jobs by their ids, how far they are, their cost up to now, and its prediction; as JSON values.

    Parameters
    ----------
    progress
        None, if nobody knows the version's plan any more.

    Raises
    ------
    NotFoundError
        If no job of it has begun, and none is planned.
    UnknownJobError, UnknownCapacityError
        If a job cannot be told or priced; see `cost_of`.
    """
    if not records and progress is None:
        raise NotFoundError(
            f"no job of version {version_id!r} has begun: `marquee versions TITLE` lists a title's versions, "
            f"`marquee status` what is being encoded"
        )
    return {
        "version_id": version_id,
        "jobs": [_job(record) for record in records],
        "progress": progress and _progress(progress),
        "cost": _cost(cost_of(records, prices)),
        "predicted": prediction and _predicted(prediction),
    }


def _job(record: JobRecord) -> dict[str, Any]:
    return {
        **record.model_dump(mode="json", include={"job", "state", "token"}),
        "attempts": [_attempt(attempt) for attempt in record.attempts],
    }


def _progress(progress: Progress) -> dict[str, Any]:
    return {
        **progress.model_dump(mode="json"),
        "jobs": progress.jobs.model_dump(),
        "chunks": progress.chunks.model_dump(),
    }


def _attempt(attempt: Attempt) -> dict[str, Any]:
    return {
        **attempt.model_dump(mode="json", exclude={"worker"}),
        "seconds": attempt.seconds,
        "vcpu_seconds": attempt.vcpu_seconds,
        "capacity": attempt.worker.capacity,
        "batch_job": attempt.worker.batch_job,
    }


def _cost(cost: TitleCost) -> dict[str, Any]:
    return {
        **cost.model_dump(mode="json"),
        "usd": cost.usd,
        "on_demand_usd": cost.on_demand_usd,
        "saved_usd": cost.saved_usd,
        "wasted_usd": cost.wasted_usd,
        "wasted_seconds": cost.wasted_seconds,
        "vcpu_seconds": cost.vcpu_seconds,
    }


def _predicted(prediction: Prediction) -> dict[str, Any]:
    return {
        **prediction.model_dump(mode="json"),
        "usd_low": prediction.usd_low,
        "usd_expected": prediction.usd_expected,
        "vcpu_seconds": prediction.vcpu_seconds,
    }
