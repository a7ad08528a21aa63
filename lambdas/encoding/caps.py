"""The most that encoding a version may cost, and who said so. Pure; `cap_store` keeps what was said."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from math import ceil, fsum
from typing import Annotated

from pydantic import AwareDatetime, Field

from lambdas.common.errors import PermanentError
from lambdas.common.media import Record
from lambdas.encoding.claims import JobRecord
from lambdas.encoding.cost import Place, Prediction, cost_of, place_of
from lambdas.encoding.prices import PriceList

_CENTS_A_DOLLAR = 100
_MARGIN = 2
"""A prediction is good to a factor of two."""

Usd = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class CostCapError(PermanentError):
    """To go on would cost more than a version may; the message says how to allow it."""


class Cap(Record):
    """What an operator said of one version: the last one counts."""

    version_id: str
    usd: Usd
    at: AwareDatetime
    by: Annotated[str, Field(min_length=1, description="whose credentials it was said with")]
    reason: Annotated[str, Field(min_length=1, max_length=500)]


class Outlook(Record):
    """What encoding a version has cost, and what it should still cost."""

    spent_usd: float
    to_come_usd: float = Field(description="0 where nobody can say")

    @property
    def usd(self) -> float:
        """Both."""
        return self.spent_usd + self.to_come_usd


def outlook(
    records: Sequence[JobRecord], *, planned: Collection[str], prediction: Prediction | None, prices: PriceList
) -> Outlook:
    """Return what was spent on a version, and what the jobs should cost that are not finished.

    Parameters
    ----------
    planned
        The ids of the plan's jobs. What an earlier plan of the same version left has cost money, and does no job of
        this one's.

    Raises
    ------
    UnknownJobError, UnknownCapacityError
        As in `cost_of`.
    """
    return Outlook(
        spent_usd=cost_of(records, prices).usd,
        to_come_usd=_to_come(records, planned, prediction) if prediction else 0.0,
    )


def hold(found: Outlook, *, cap_usd: float, title_id: str, version_id: str) -> None:
    """Let a version go on, unless that would cost more than it may.

    Raises
    ------
    CostCapError
        If it would.
    """
    if found.usd <= cap_usd:
        return
    allow_usd = ceil(found.usd * _MARGIN * _CENTS_A_DOLLAR) / _CENTS_A_DOLLAR
    message = (
        f"version {version_id} of {title_id} has cost {found.spent_usd:.6f} USD and should cost "
        f"{found.to_come_usd:.6f} more, and its cap is {cap_usd:.6f}: if it is worth that, "
        f'`marquee cap raise {title_id} --version {version_id} --to {allow_usd:.2f} --reason "…"`, and then '
        f"`marquee jobs retry {title_id} --version {version_id}`"
    )
    raise CostCapError(message)


def _to_come(records: Iterable[JobRecord], planned: Collection[str], prediction: Prediction) -> float:
    finished = Counter(place_of(record.job) for record in records if record.finished and record.job in planned)
    return fsum(max(0, line.jobs - finished[Place(line.stage, line.rung)]) * line.job_usd for line in prediction.lines)
