"""What is to come of a plan: what it should cost, until when its jobs may wait for spot, and whether it may go on."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from lambdas.common.clock import now
from lambdas.common.events import SourceAccepted
from lambdas.common.handling import logger
from lambdas.common.keys import Workspace
from lambdas.common.objects import write_json
from lambdas.encoding.cost import Prediction, Stage, predict
from lambdas.encoding.deadlines import deadline_of, is_late, spot_until
from lambdas.encoding.environment import ProspectEnvironment
from lambdas.encoding.jobs import NEVER, Jobs, jobs_of
from lambdas.encoding.models import EncodingPlan
from lambdas.encoding.planned import uri_of
from lambdas.encoding.prices import PriceList, UnknownCapacityError
from lambdas.encoding.speed import UnknownPresetError
from lambdas.encoding.spending import Spending


class Prospect(NamedTuple):
    """What is to come of a plan."""

    jobs: Jobs
    late: bool
    """Whether what begins next must not wait for spot capacity."""
    queue: str
    """The ARN of where it shall wait."""


def prospect(
    plan: EncodingPlan, *, source: SourceAccepted, begins: Stage, environment: ProspectEnvironment
) -> Prospect:
    """Return what is to come of `plan`; what it should cost is written beside it.

    Unless nobody has measured a preset or knows a price: that stops no film, and is logged.

    Parameters
    ----------
    source
        Says when the title is due.
    begins
        What is done next.

    Raises
    ------
    CostCapError
        If what the version has cost, and what its jobs should cost, is more than it may.
    """
    prediction = _predict(plan, on_demand=False, environment=environment)
    until = _spot_until(source, prediction=prediction, environment=environment)
    late = is_late(until[begins], now=now())
    if late and prediction:
        prediction = _predict(plan, on_demand=True, environment=environment)
    _keep(prediction, plan=plan)
    Spending(environment, title_id=plan.title_id, version_id=plan.version_id).hold(plan, prediction)
    return Prospect(
        jobs=jobs_of(plan, uri=uri_of(plan), sizes=environment.job_sizes, prediction=prediction, spot_until=until),
        late=late,
        queue=environment.on_demand_queue if late else environment.encoding_queue,
    )


def _predict(plan: EncodingPlan, *, on_demand: bool, environment: ProspectEnvironment) -> Prediction | None:
    """Return what `plan` will cost on what is asked for first, or on demand, if that can be said."""
    prices, capacity = PriceList.load(), environment.capacity
    try:
        if on_demand:
            capacity = prices.on_demand_of(capacity)
        return predict(plan, worker_capacity=capacity, sizes=environment.job_sizes, prices=prices)
    except (UnknownPresetError, UnknownCapacityError) as error:
        logger.warning("no prediction", extra={"error": type(error).__name__, "reason": str(error)})
        return None


def _spot_until(
    source: SourceAccepted, *, prediction: Prediction | None, environment: ProspectEnvironment
) -> Mapping[Stage, datetime]:
    deadline = deadline_of(source, now=now(), sla=environment.sla)
    if deadline is None:
        return dict.fromkeys(Stage, NEVER)
    return spot_until(
        deadline,
        prediction=prediction,
        sizes=environment.job_sizes,
        at_once=environment.at_once,
        on_demand_vcpus=environment.on_demand_vcpus,
    )


def _keep(prediction: Prediction | None, *, plan: EncodingPlan) -> None:
    """Write what a version will cost to the work bucket, if that could be said."""
    if prediction is None:
        return
    key = Workspace(plan.version_id).prediction
    write_json(bucket=plan.work_bucket, key=key, text=prediction.model_dump_json())
    logger.info(
        "predicted",
        extra={
            "usd_low": prediction.usd_low,
            "usd_expected": prediction.usd_expected,
            "vcpu_seconds": prediction.vcpu_seconds,
            "capacity": prediction.capacity,
        },
    )
