"""The first months of a country with little infrastructure: CloudFront at first, appliances later (Q63).

What is counted is delivery alone: CloudFront by the gigabyte, appliances by the year. Exchange ports, people, licences
and local partners are not. Apart from it stands what a country that censors asks for (Q99): a review of the catalog.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import exp, fsum
from typing import NamedTuple

from models.bandwidth import Audience, Site
from models.figures import Figure
from models.picture import Axis, bars
from models.prices import PRICES
from models.storage import Catalog

MONTHS = 18


class Phase(NamedTuple):
    """From a month on, counted from 1, appliances carry a share of the bytes."""

    month: int
    appliance_share: float
    what: str


@dataclass(frozen=True, kw_only=True)
class Launch:
    """Q63 has the phases; the rest are assumptions, unless they say otherwise."""

    phases: tuple[Phase, ...] = (
        Phase(1, 0.0, "CloudFront only"),
        Phase(4, 0.5, "appliances at the largest provider"),
        Phase(6, 0.75, "and at exchanges"),
        Phase(12, 0.95, "everywhere"),
    )
    """When, Q63; how much each carries is assumed, but for the last, which is Q59's."""
    final_subscribers: float = 1e6
    half_month: float = 8.0
    """When half of them are there: growth is logistic."""
    steepness: float = 0.45
    hours_a_day: float = 2.0
    """A subscriber. The document's 5 would be Q13's."""
    mean_mbps: float = 2.5
    """Lines are slow; 1,080 lines are rare."""
    peak_over_mean: float = 2.0
    """Q80."""
    price_factor: float = 1.3
    """On CloudFront's prices of the United States and Europe: most other places are dearer, by an assumed third."""
    appliance_usd_a_year: float = 5_000.0
    """The document's summary: 50 million for 10,000, hardware and support."""
    appliance_gbps: float = 40.0
    """Q61."""
    least_sites: int = 4
    """Cities in which there are to be appliances once there are any, whatever the traffic."""

    def subscribers(self, month: int) -> float:
        """Return how many there are in a month, counted from 1."""
        return self.final_subscribers / (1 + exp(-self.steepness * (month - self.half_month)))

    def phase(self, month: int) -> Phase:
        """Return the phase of a month."""
        return [phase for phase in self.phases if phase.month <= month][-1]


class Month(NamedTuple):
    """A month of the launch."""

    month: int
    subscribers: float
    peak_gbps: float
    appliances: int
    cloudfront_tb: float
    cloudfront_usd: float
    appliance_usd: float

    @property
    def usd(self) -> float:
        """What delivery costs in it."""
        return self.cloudfront_usd + self.appliance_usd


def month_of(launch: Launch, month: int) -> Month:
    """Return a month's traffic, appliances and cost. Each site has one appliance to spare."""
    audience = Audience(
        viewing_hours_a_day=launch.subscribers(month) * launch.hours_a_day,
        mean_mbps=launch.mean_mbps,
        peak_over_mean=launch.peak_over_mean,
        subscribers=launch.subscribers(month),
    )
    share = launch.phase(month).appliance_share
    peak_gbps = audience.peak_tbps * 1_000
    appliances = 0
    if share > 0:
        site = Site(
            subscribers=audience.subscribers / launch.least_sites,
            peak_share=audience.peak_share_of_subscribers * share,
            mean_mbps=launch.mean_mbps,
            appliance_gbps=launch.appliance_gbps,
        )
        appliances = launch.least_sites * site.appliances
    cloudfront_gb = audience.eb_a_month * 1e9 * (1 - share)
    return Month(
        month=month,
        subscribers=audience.subscribers,
        peak_gbps=peak_gbps,
        appliances=appliances,
        cloudfront_tb=cloudfront_gb / 1_000,
        cloudfront_usd=PRICES["CloudFront"].cost_usd(cloudfront_gb) * launch.price_factor,
        appliance_usd=appliances * launch.appliance_usd_a_year / 12,
    )


def months(launch: Launch) -> tuple[Month, ...]:
    """Return the first 18 months."""
    return tuple(month_of(launch, month) for month in range(1, MONTHS + 1))


@dataclass(frozen=True, kw_only=True)
class Review:
    """A look at every title of the catalog before it is shown, once."""

    titles: float = 15_000.0
    """The document's summary."""
    films_a_title: float = field(default_factory=lambda: Catalog().films_a_title)
    """Of two hours: a series is one title. What 175 PB say, see `models.storage`."""
    hours_a_film: float = 2.0
    times_length: float = 3.0
    """That a reviewer takes for an hour of film, notes and a second opinion included. Assumption."""
    hours_a_person: float = 1_800.0
    """A year. Assumption."""

    @property
    def hours(self) -> float:
        """In all."""
        return self.titles * self.films_a_title * self.hours_a_film * self.times_length

    @property
    def people(self) -> float:
        """Who are busy with it for a year."""
        return self.hours / self.hours_a_person


def picture(launch: Launch | None = None) -> str:
    """Return what delivery costs by the month, as SVG."""
    return bars(
        {
            str(month.month): {"CloudFront": month.cloudfront_usd / 1e3, "appliances": month.appliance_usd / 1e3}
            for month in months(launch or Launch())
        },
        title="A new country: delivery by the month",
        y=Axis(label="thousand USD a month"),
    )


def figures(launch: Launch | None = None) -> Mapping[str, Figure]:
    """Return the model's results, with the default inputs unless others are given."""
    launch, review = launch or Launch(), Review()
    every = months(launch)
    year = every[:12]
    cdn_only = months(replace(launch, phases=(Phase(1, 0.0, "CloudFront only"),)))[:12]
    early = months(
        replace(launch, phases=(launch.phases[0], *(p._replace(month=p.month - 2) for p in launch.phases[1:])))
    )
    usd, cdn_usd, early_usd = (fsum(month.usd for month in some) for some in (year, cdn_only, early[:12]))
    return {
        "first_year_usd_m": Figure(usd / 1e6, "million USD", "for delivery in the first twelve months"),
        "first_year_cloudfront_only_usd_m": Figure(cdn_usd / 1e6, "million USD", "the same without any appliance"),
        "two_months_earlier_usd_m": Figure(
            (usd - early_usd) / 1e6, "million USD", "saved if each phase is 2 months earlier"
        ),
        "month_3_cloudfront_tb": Figure(every[2].cloudfront_tb, "TB", "from CloudFront in the third month"),
        "month_3_peak_gbps": Figure(every[2].peak_gbps, "Gbit/s", "at the peak of the third month"),
        "month_18_peak_gbps": Figure(every[-1].peak_gbps, "Gbit/s", "at the peak of the eighteenth month"),
        "month_4_appliances": Figure(every[3].appliances, "appliances", "in the fourth month (Q63: 10 to 20)"),
        "month_18_appliances": Figure(every[-1].appliances, "appliances", "in the eighteenth month"),
        "break_even_tb_a_month": Figure(
            launch.appliance_usd_a_year / 12 / (PRICES["CloudFront"].marginal_usd * launch.price_factor) / 1_000,
            "TB",
            "a month, from which an appliance is cheaper than CloudFront's cheapest step",
        ),
        "review_hours": Figure(review.hours, "h", "to review the document's catalog once (Q99)"),
        "review_people": Figure(review.people, "people", "who are busy with that for a year"),
    }
