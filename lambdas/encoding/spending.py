"""What a version has cost, held against what it may cost: the records and the caps are read for it."""

from __future__ import annotations

from lambdas.common.handling import logger
from lambdas.encoding.cap_store import CapStore
from lambdas.encoding.caps import Outlook, hold, outlook
from lambdas.encoding.cost import Prediction, UnknownJobError
from lambdas.encoding.environment import CapEnvironment
from lambdas.encoding.job_store import JobStore
from lambdas.encoding.models import EncodingPlan
from lambdas.encoding.prices import PriceList, UnknownCapacityError
from lambdas.encoding.progress import planned_jobs


class Spending:
    """One version's, as it is now.

    Every method raises `CostCapError` if going on would cost more than the version may, and `TransientError` if what is
    read for it cannot be. What nobody can price stops no film, and is logged.
    """

    def __init__(self, environment: CapEnvironment, *, title_id: str, version_id: str) -> None:
        self._environment, self._title_id, self._version_id = environment, title_id, version_id

    def hold(self, plan: EncodingPlan | None, prediction: Prediction | None) -> None:
        """Let the version go on, if what it has cost and what its unfinished jobs should cost is not too much."""
        found = self._found(plan, prediction)
        if found is not None:
            self._hold(found)

    def hold_attempt(self, usd: float | None) -> None:
        """Let one more attempt at a job be made, if what the version has cost and `usd` together is not too much."""
        found = self._found(None, None)
        if found is not None:
            self._hold(found.model_copy(update={"to_come_usd": usd or 0.0}))

    def _found(self, plan: EncodingPlan | None, prediction: Prediction | None) -> Outlook | None:
        records = JobStore(self._environment.jobs_table).of_version(self._version_id)
        planned = frozenset(planned_jobs(plan)) if plan else frozenset()
        try:
            return outlook(records, planned=planned, prediction=prediction, prices=PriceList.load())
        except (UnknownCapacityError, UnknownJobError) as error:
            logger.warning("no cost", extra={"error": type(error).__name__, "reason": str(error)})
            return None

    def _hold(self, found: Outlook) -> None:
        said = CapStore(self._environment.caps_table).of_version(self._version_id)
        hold(
            found,
            cap_usd=said[0].usd if said else self._environment.title_cap_usd,
            title_id=self._title_id,
            version_id=self._version_id,
        )
