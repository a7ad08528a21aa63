"""What AWS charges for storage and transfer: list prices of one region and one month, each with its page.

The one place of these for every model. What bills while idle is in `models.idle_cost`, and compute in
``lambdas/encoding/prices.json``, because functions read that: all three are of the same month. They were entered by
hand: check them against the pages before money depends on them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from math import fsum, inf
from typing import NamedTuple

DATED = "2026-11"
REGION = "us-east-1"
GB_A_PB = 1_000_000
"""Decimal, as the source document counts. AWS bills 2^30 bytes as a GB, which is 7 % more of them."""

_S3 = "aws.amazon.com/s3/pricing"


class Step(NamedTuple):
    """The part of a month's amount that begins at `above` and has one price."""

    above: float
    usd: float


@dataclass(frozen=True, kw_only=True)
class Rate:
    """A price by the amount of a month; large amounts are cheaper, each part at its own price."""

    steps: tuple[Step, ...]
    unit: str
    source: str

    def __post_init__(self) -> None:
        """Hold the steps in order.

        Raises
        ------
        ValueError
            If they do not begin at zero, or do not rise.
        """
        if self.steps[0].above != 0 or any(one.above >= other.above for one, other in pairwise(self.steps)):
            raise ValueError(f"the steps of {self.source} must begin at 0 and rise")

    @property
    def list_usd(self) -> float:
        """The price of the first unit."""
        return self.steps[0].usd

    @property
    def marginal_usd(self) -> float:
        """The price of the last unit of a very large amount."""
        return self.steps[-1].usd

    def cost_usd(self, amount: float) -> float:
        """Return what `amount` units cost in one month."""
        ends = (*(step.above for step in self.steps[1:]), inf)
        return fsum(
            step.usd * (min(amount, end) - step.above)
            for step, end in zip(self.steps, ends, strict=True)
            if amount > step.above
        )


def _flat(usd: float, *, unit: str, source: str) -> Rate:
    return Rate(steps=(Step(0, usd),), unit=unit, source=source)


def _storage(usd: float, what: str) -> Rate:
    return _flat(usd, unit="GB-month", source=f"{_S3}: {what}")


def _retrieval(usd: float, what: str) -> Rate:
    return _flat(usd, unit="GB", source=f"{_S3}: {what}")


PRICES: Mapping[str, Rate] = {
    "S3 Standard": Rate(
        steps=(Step(0, 0.023), Step(50_000, 0.022), Step(500_000, 0.021)),
        unit="GB-month",
        source=f"{_S3}: S3 Standard, the first 50 TB, the next 450, and what is over 500",
    ),
    "S3 Standard-IA": _storage(0.0125, "Standard - Infrequent Access; the infrequent tier of Intelligent-Tiering, too"),
    "S3 Glacier Instant": _storage(0.004, "Glacier Instant Retrieval; Intelligent-Tiering's archive instant tier, too"),
    "S3 Glacier Flexible": _storage(0.0036, "Glacier Flexible Retrieval"),
    "S3 Glacier Deep Archive": _storage(0.00099, "Glacier Deep Archive"),
    "retrieval, Standard-IA": _retrieval(0.01, "retrievals of Standard - Infrequent Access"),
    "retrieval, Glacier Instant": _retrieval(0.03, "retrievals of Glacier Instant Retrieval"),
    "retrieval, Glacier Flexible, expedited": _retrieval(0.03, "expedited retrievals of Glacier Flexible Retrieval"),
    "retrieval, Glacier Flexible, standard": _retrieval(0.01, "standard retrievals of Glacier Flexible Retrieval"),
    "retrieval, Glacier Flexible, bulk": _retrieval(0.0, "bulk retrievals of Glacier Flexible Retrieval are free"),
    "retrieval, Deep Archive, standard": _retrieval(0.02, "standard retrievals of Glacier Deep Archive"),
    "retrieval, Deep Archive, bulk": _retrieval(0.0025, "bulk retrievals of Glacier Deep Archive"),
    "transfer between regions": _flat(0.02, unit="GB", source=f"{_S3}: data transfer to another region"),
    "replication time control": _flat(0.015, unit="GB", source=f"{_S3}: S3 Replication Time Control"),
    "CloudFront": Rate(
        steps=(
            Step(0, 0.085),
            Step(10_000, 0.080),
            Step(50_000, 0.060),
            Step(150_000, 0.040),
            Step(500_000, 0.030),
            Step(1_024_000, 0.025),
            Step(5_120_000, 0.020),
        ),
        unit="GB",
        source="aws.amazon.com/cloudfront/pricing: data to viewers in the United States and Europe; no commitment",
    ),
}
