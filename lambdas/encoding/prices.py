"""What a worker costs: the prices of each capacity class, from a dated file beside this module. Pure."""

from __future__ import annotations

from datetime import date
from math import fsum
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from lambdas.common.errors import PermanentError
from lambdas.common.media import Record
from lambdas.encoding.claims import Worker

PRICES = Path(__file__).with_name("prices.json")
_SECONDS_AN_HOUR = 3600
_MIB_A_GIB = 1024

Usd = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class UnknownCapacityError(PermanentError):
    """The price file does not know a capacity class; the message names the file and the remedy."""


class OnDemand(Record):
    """The list price of a class that AWS does not take back."""

    usd_per_vcpu_hour: Usd
    usd_per_gib_hour: Usd = Field(default=0.0, description="of memory, where it is billed apart: on Fargate")
    usd_per_job_hour: dict[str, Usd] = Field(
        default={}, description="what a job needs besides, whatever its size, and what that costs"
    )
    besides_usd_per_vcpu_hour: dict[str, Usd] = Field(
        default={}, description="what a job needs besides, and shares with the others on its host by their vCPUs"
    )
    least_seconds: float = Field(default=0.0, ge=0, description="a shorter job is billed as one of this length")


class Spot(Record):
    """Spare capacity, as a share of what the same costs on demand. What a job needs besides is no cheaper."""

    on_demand: str = Field(description="the capacity class that it is a share of")
    share: Annotated[float, Field(gt=0, le=1, description="a number to plan with: the price moves")]


class PriceList(Record):
    """Prices of one region on one day.

    What is counted is the time that a job works, at the price of its vCPUs and memory, disk and address included. Not
    counted: pulling the image, hosts that wait for a job, requests, storage, transfer, tax, and commitments.

    An EC2 job pays for the share of a host that it reserves, by its vCPUs: a large one holds a 4xlarge or half of an
    8xlarge, a small one an eighth or a sixteenth. What of a host nobody reserves is paid for as well, and not counted:
    least where Batch packs the hosts, most where a small job has one to itself. The disk is counted as that of a
    4xlarge, which is twice what it is on an 8xlarge.
    """

    as_of: date
    region: str
    source: str = Field(description="where the prices stand, and how they came here")
    capacities: dict[str, OnDemand | Spot]

    @classmethod
    def load(cls, path: Path = PRICES) -> Self:
        """Return the prices in the file at `path`.

        Raises
        ------
        pydantic.ValidationError
            If it is not a price file.
        OSError
            If it cannot be read.
        """
        return cls.model_validate_json(path.read_bytes())

    @model_validator(mode="after")
    def _spot_is_a_share_of_something(self) -> Self:
        for name, capacity in self.capacities.items():
            if isinstance(capacity, Spot) and not isinstance(self.capacities.get(capacity.on_demand), OnDemand):
                raise ValueError(  # noqa: TRY004 - pydantic tells of this one
                    f"{name} is a share of {capacity.on_demand}, which has no price on demand"
                )
        return self

    def price(self, worker: Worker, seconds: float) -> float:
        """Return what `worker` costs in USD if it works for `seconds`.

        Raises
        ------
        UnknownCapacityError
            If its capacity class is not in the list.
        """
        _, base, share = self._terms(worker.capacity)
        vcpus = worker.vcpus * base.usd_per_vcpu_hour
        memory = worker.memory_mib / _MIB_A_GIB * base.usd_per_gib_hour
        besides = fsum((*base.usd_per_job_hour.values(), worker.vcpus * fsum(base.besides_usd_per_vcpu_hour.values())))
        hours = max(seconds, base.least_seconds) / _SECONDS_AN_HOUR
        return hours * (share * (vcpus + memory) + besides)

    def price_on_demand(self, worker: Worker, seconds: float) -> float:
        """Return what the same work costs in USD on capacity that AWS does not take back.

        Raises
        ------
        UnknownCapacityError
            As in `price`.
        """
        capacity = self.on_demand_of(worker.capacity)
        return self.price(worker.model_copy(update={"capacity": capacity}), seconds)

    def on_demand_of(self, capacity: str) -> str:
        """Return the on-demand class of a capacity class: of ``c7g-spot`` it is ``c7g``, of ``c7g`` itself.

        Raises
        ------
        UnknownCapacityError
            As in `price`.
        """
        name, _, _ = self._terms(capacity)
        return name

    def _terms(self, capacity: str) -> tuple[str, OnDemand, float]:
        """Return the on-demand class, its prices, and the share of them that `capacity` costs."""
        match self.capacities.get(capacity):
            case OnDemand() as base:
                return capacity, base, 1.0
            case Spot(on_demand=name, share=share):
                _, base, _ = self._terms(name)
                return name, base, share
            case _:
                raise UnknownCapacityError(
                    f"lambdas/encoding/prices.json has no price of {capacity!r}, only of "
                    f"{', '.join(sorted(self.capacities))}: add it, with the date and the page that it is from"
                )
