"""What an operator is told of a version's jobs: each with its attempts, what they cost, and what was expected. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lambdas.common.errors import NotFoundError
from lambdas.encoding.claims import Attempt, JobRecord
from lambdas.encoding.cost import Prediction, TitleCost, cost_of
from lambdas.encoding.prices import PriceList


def overview(
    version_id: str, *, records: Sequence[JobRecord], prediction: Prediction | None, prices: PriceList
) -> dict[str, Any]:
    """Return a version's jobs by their ids, their cost up to now, and its prediction; as JSON values.

    Raises
    ------
    NotFoundError
        If no job of it has begun.
    UnknownJobError, UnknownCapacityError
        If a job cannot be told or priced; see `cost_of`.
    """
    if not records:
        raise NotFoundError(
            f"no job of version {version_id!r} has begun: `marquee versions TITLE` lists a title's versions, "
            f"`marquee status` what is being encoded"
        )
    return {
        "version_id": version_id,
        "jobs": [_job(record) for record in records],
        "cost": _cost(cost_of(records, prices)),
        "predicted": prediction and _predicted(prediction),
    }


def _job(record: JobRecord) -> dict[str, Any]:
    return {
        **record.model_dump(mode="json", include={"job", "state", "token"}),
        "attempts": [_attempt(attempt) for attempt in record.attempts],
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
