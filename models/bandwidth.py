"""How much the platform sends, and what has to stand where to send it (Q13, Q59, Q61, Q64, Q78, Q80).

Viewers, hours and bit rate give the mean; a day's curve, in local time and in several time zones, gives the peak; the
peak gives appliances, each site with spare ones. Inputs that the source document states are named by their question.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import ceil, fsum, inf

from models.figures import Figure
from models.picture import Axis, lines
from models.prices import GB_A_PB, PRICES

HOURS_A_DAY = 24
_SECONDS_AN_HOUR = 3600
_BITS_A_BYTE = 8
_MBPS_A_TBPS = 1_000_000
_MBPS_A_GBPS = 1_000
_PB_A_EB = 1_000

# Only the shape counts: by the hour of local time, from midnight. An assumption: prime time from eight to eleven is
# twice the mean (Q80), and the night is quiet.
_EVENING = (
    *(0.9, 0.55, 0.35, 0.25, 0.2, 0.22),
    *(0.35, 0.5, 0.6, 0.7, 0.8, 0.9),
    *(1.0, 1.05, 1.05, 1.1, 1.2, 1.35),
    *(1.55, 1.8, 2.0, 2.0, 2.0, 1.45),
)


class UnreachablePeakError(ValueError):
    """A day's curve cannot have the peak that is asked for; the message says what it can."""


@dataclass(frozen=True, kw_only=True)
class Region:
    """Where some of the subscribers are: all on one clock, which makes the world's peak a little higher than it is."""

    name: str
    share: float
    utc_offset_h: int


REGIONS = (
    Region(name="US and Canada", share=0.31, utc_offset_h=-6),
    Region(name="Latin America", share=0.18, utc_offset_h=-4),
    Region(name="Europe, Middle East, Africa", share=0.34, utc_offset_h=1),
    Region(name="Asia-Pacific", share=0.17, utc_offset_h=8),
)
"""Shares of paid memberships at the end of 2023, of Netflix's letter to shareholders of 2024-01 (80.1, 46.0, 88.8 and
45.3 of 260.3 million), rounded; one clock a region is an assumption."""


@dataclass(frozen=True, kw_only=True)
class Audience:
    """Who watches how much. The defaults are the source document's."""

    viewing_hours_a_day: float = 1e9
    """Q13, Q80."""
    mean_mbps: float = 5.0
    """Q61, Q80."""
    peak_over_mean: float = 2.0
    """From eight to eleven in the evening, by local time: Q80."""
    subscribers: float = 200e6
    """Q3, Q83."""
    days_a_month: float = 30.0
    regions: tuple[Region, ...] = REGIONS

    @property
    def mean_viewers(self) -> float:
        """How many watch at once, on average."""
        return self.viewing_hours_a_day / HOURS_A_DAY

    @property
    def peak_viewers(self) -> float:
        """How many watch at once at the peak of each region: not all at the same instant."""
        return self.mean_viewers * self.peak_over_mean

    @property
    def peak_share_of_subscribers(self) -> float:
        """The share of subscribers, from 0, that watch at their region's peak."""
        return self.peak_viewers / self.subscribers

    @property
    def mean_tbps(self) -> float:
        """Terabits a second, on average."""
        return self.mean_viewers * self.mean_mbps / _MBPS_A_TBPS

    @property
    def peak_tbps(self) -> float:
        """Terabits a second that must be possible: each region's peak, summed. A region cannot lend its appliances."""
        return self.mean_tbps * self.peak_over_mean

    @property
    def eb_a_month(self) -> float:
        """Exabytes a month."""
        bits = self.viewing_hours_a_day * _SECONDS_AN_HOUR * self.mean_mbps * 1e6
        return bits / _BITS_A_BYTE / 1e18 * self.days_a_month


def mean_tbps_of(pb_a_month: float, *, days_a_month: float = 30.0) -> float:
    """Return the mean terabits a second that carry so many petabytes a month."""
    return pb_a_month * 1e15 * _BITS_A_BYTE / (days_a_month * HOURS_A_DAY * _SECONDS_AN_HOUR) / 1e12


def day_curve(peak_over_mean: float) -> tuple[float, ...]:
    """Return a day's curve by the hour of local time: its mean is 1, its largest value `peak_over_mean`.

    The default shape is raised to the power that gives the peak, which keeps every hour positive, and their order.

    Raises
    ------
    UnreachablePeakError
        If the peak is below 1, or above what the shape can have: its three busiest hours would be the whole day.
    """
    most = HOURS_A_DAY / _EVENING.count(max(_EVENING))
    if not 1 <= peak_over_mean < most:
        raise UnreachablePeakError(f"peak_over_mean {peak_over_mean:g}: choose one from 1 up to, and without, {most:g}")
    low, high = 0.0, 200.0
    for _ in range(80):
        power = (low + high) / 2
        low, high = (power, high) if max(_raised(power)) < peak_over_mean else (low, power)
    return _raised(high)


def world_curve(audience: Audience) -> Mapping[str, tuple[float, ...]]:
    """Return terabits a second by the hour of UTC, by region; their day's mean is `Audience.mean_tbps` in all."""
    curve = day_curve(audience.peak_over_mean)
    return {
        region.name: tuple(
            audience.mean_tbps * region.share * curve[(hour + region.utc_offset_h) % HOURS_A_DAY]
            for hour in range(HOURS_A_DAY)
        )
        for region in audience.regions
    }


def world_peak_tbps(audience: Audience) -> float:
    """Return terabits a second in the busiest hour of the world, which is no region's own."""
    return max(fsum(hour) for hour in zip(*world_curve(audience).values(), strict=True))


@dataclass(frozen=True, kw_only=True)
class Tiers:
    """Which share of the bytes comes from where: Q59."""

    appliances: float = 0.95
    cloudfront: float = 0.04
    origin: float = 0.01

    def __post_init__(self) -> None:
        """Hold the shares together.

        Raises
        ------
        ValueError
            If they do not sum to 1.
        """
        if abs(self.appliances + self.cloudfront + self.origin - 1) > 1e-9:  # noqa: PLR2004 - a rounding error
            raise ValueError("the shares of appliances, CloudFront and origin must sum to 1")

    @property
    def shares(self) -> Mapping[str, float]:
        """By tier."""
        return {"appliances": self.appliances, "CloudFront": self.cloudfront, "origin": self.origin}


@dataclass(frozen=True, kw_only=True)
class Site:
    """Appliances in one internet provider's network: Q61."""

    subscribers: float = 50_000
    peak_share: float = 0.30
    """Of the subscribers, who watch at the peak: Q61. `Audience` says 0.42, for Q80's hours."""
    mean_mbps: float = 5.0
    appliance_gbps: float = 40.0
    """Q13 and Q61: 40 to 80. The lower one is what is promised."""
    spare: int = 1
    """N+1: how many may be away at the peak."""

    @property
    def peak_gbps(self) -> float:
        """What the site sends at its peak."""
        return self.subscribers * self.peak_share * self.mean_mbps / _MBPS_A_GBPS

    @property
    def needed(self) -> int:
        """How many appliances carry the peak, none of them away."""
        return max(1, ceil(self.peak_gbps / self.appliance_gbps - 1e-9))

    @property
    def appliances(self) -> int:
        """How many there are to be."""
        return self.needed + self.spare

    def load(self, *, away: int = 0) -> float:
        """Return the peak's share of what the appliances can send, from 0, if `away` of them are not there."""
        there = self.appliances - away
        return self.peak_gbps / (there * self.appliance_gbps) if there > 0 else inf

    @property
    def most_spike(self) -> float:
        """By how much the peak may rise, as a factor, before the site is full, none of them away."""
        return 1 / self.load()


def sites(audience: Audience, site: Site) -> int:
    """Return how many sites of that size hold all subscribers."""
    return ceil(audience.subscribers / site.subscribers - 1e-9)


def appliances(audience: Audience, site: Site) -> int:
    """Return how many appliances the world needs, if every site is of that size."""
    return sites(audience, site) * site.appliances


def cloudfront_usd_m_a_month(audience: Audience, tiers: Tiers) -> float:
    """Return what CloudFront sends costs, in millions of USD a month, at list price, without a commitment.

    What it takes from the origin it sends as well: all that no appliance does.
    """
    return PRICES["CloudFront"].cost_usd(audience.eb_a_month * (1 - tiers.appliances) * _PB_A_EB * GB_A_PB) / 1e6


SWUNG = (
    "viewing_hours_a_day",
    "mean_mbps",
    "peak_over_mean",
    "subscribers",
    "appliance_gbps",
    "site_subscribers",
)


@dataclass(frozen=True, kw_only=True)
class Swing:
    """What one input does to the results, lowered and raised."""

    name: str
    peak_tbps: tuple[float, float]
    appliances: tuple[int, int]


def sensitivity(audience: Audience, site: Site, *, by: float = 0.2) -> tuple[Swing, ...]:
    """Return what each input, `by` a share lower and higher, does to the peak and to the number of appliances.

    An appliance count moves in steps, because a site has whole ones. A site's peak share follows the audience's
    hours, its peak and its subscribers; its bit rate is the audience's.
    """

    def scaled(name: str, factor: float) -> tuple[Audience, Site]:
        if name == "viewing_hours_a_day":
            changed = replace(audience, viewing_hours_a_day=audience.viewing_hours_a_day * factor)
        elif name == "mean_mbps":
            changed = replace(audience, mean_mbps=audience.mean_mbps * factor)
            return changed, replace(site, mean_mbps=site.mean_mbps * factor)
        elif name == "peak_over_mean":
            changed = replace(audience, peak_over_mean=audience.peak_over_mean * factor)
        elif name == "subscribers":
            changed = replace(audience, subscribers=audience.subscribers * factor)
        elif name == "appliance_gbps":
            return audience, replace(site, appliance_gbps=site.appliance_gbps * factor)
        else:
            return audience, replace(site, subscribers=site.subscribers * factor)
        share = changed.peak_share_of_subscribers / audience.peak_share_of_subscribers
        return changed, replace(site, peak_share=site.peak_share * share)

    def swing(name: str) -> Swing:
        (low, low_site), (high, high_site) = (scaled(name, factor) for factor in (1 - by, 1 + by))
        return Swing(
            name=name,
            peak_tbps=(low.peak_tbps, high.peak_tbps),
            appliances=(appliances(low, low_site), appliances(high, high_site)),
        )

    return tuple(swing(name) for name in SWUNG)


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """All of them."""

    audience: Audience = field(default_factory=Audience)
    tiers: Tiers = field(default_factory=Tiers)
    site: Site = field(default_factory=Site)


APPLIANCE_USD_A_YEAR = 5_000.0
"""The document's summary: 50 million for 10,000 of them, hardware and support."""


def appliance_saves_usd_a_year(site: Site, *, peak_over_mean: float) -> float:
    """Return what an appliance that is full at the peak saves a year of CloudFront's cheapest step, less its price."""
    gb = site.appliance_gbps / peak_over_mean / _BITS_A_BYTE * _SECONDS_AN_HOUR * HOURS_A_DAY * 365
    return gb * PRICES["CloudFront"].marginal_usd - APPLIANCE_USD_A_YEAR


def picture(inputs: Inputs | None = None) -> str:
    """Return the world's day, as SVG."""
    audience = (inputs or Inputs()).audience
    curves = world_curve(audience)
    world = [fsum(hour) for hour in zip(*curves.values(), strict=True)]
    return lines(
        {name: list(enumerate(curve)) for name, curve in {"world": world, **curves}.items()},
        title="A day of the world: what is sent, by the hour of UTC",
        x=Axis(label="hour (UTC)", high=HOURS_A_DAY - 1),
        y=Axis(label="Tbit/s"),
    )


STATED_APPLIANCES = 10_000
"""Q13, Q65, the summary."""
APPLIANCE_WORKS = 0.999
"""The share of the time that an appliance does. Assumption."""
STATED_PB_A_MONTH = 270.0
"""Q64, Q80 and the summary: it does not fit 1 billion hours a day."""


def figures(inputs: Inputs | None = None) -> Mapping[str, Figure]:
    """Return the model's results, with the default inputs unless others are given."""
    inputs = inputs or Inputs()
    audience, tiers, site = inputs.audience, inputs.tiers, inputs.site
    at_hours = replace(site, peak_share=audience.peak_share_of_subscribers)
    large = replace(site, appliance_gbps=80.0)
    stated_tbps = mean_tbps_of(STATED_PB_A_MONTH)
    rest, rest_after = 0.05, 0.02
    gb_hour = audience.mean_mbps * _SECONDS_AN_HOUR / _BITS_A_BYTE / 1000
    return {
        "mean_viewers_m": Figure(audience.mean_viewers / 1e6, "million", "who watch at once, on average"),
        "peak_viewers_m": Figure(audience.peak_viewers / 1e6, "million", "who watch at once, at each region's peak"),
        "peak_share_pct": Figure(100 * audience.peak_share_of_subscribers, "%", "of subscribers, at the peak"),
        "hours_a_subscriber": Figure(
            audience.viewing_hours_a_day / audience.subscribers, "h", "that a subscriber watches a day"
        ),
        "gb_an_hour": Figure(gb_hour, "GB", "an hour of film"),
        "mean_tbps": Figure(audience.mean_tbps, "Tbit/s", "on average"),
        "peak_tbps": Figure(audience.peak_tbps, "Tbit/s", "each region's peak, summed: what has to be built"),
        "world_peak_tbps": Figure(world_peak_tbps(audience), "Tbit/s", "in the busiest hour of the whole world"),
        "eb_a_day": Figure(audience.eb_a_month / audience.days_a_month, "EB", "a day"),
        "eb_a_month": Figure(audience.eb_a_month, "EB", "a month"),
        "stated_mean_tbps": Figure(stated_tbps, "Tbit/s", "on average, that 270 PB a month are (Q80 says 830)"),
        "stated_hours_m": Figure(
            STATED_PB_A_MONTH * GB_A_PB / gb_hour / 30 / 1e6, "million h", "a day, that 270 PB a month are"
        ),
        "appliance_tbps": Figure(audience.peak_tbps * tiers.appliances, "Tbit/s", "from appliances, at the peak"),
        "cloudfront_tbps": Figure(audience.peak_tbps * tiers.cloudfront, "Tbit/s", "from CloudFront, at the peak"),
        "origin_tbps": Figure(audience.peak_tbps * tiers.origin, "Tbit/s", "from the origin, at the peak"),
        "origin_pb_a_month": Figure(audience.eb_a_month * tiers.origin * _PB_A_EB, "PB", "a month from the origin"),
        "cloudfront_usd_m_a_month": Figure(
            cloudfront_usd_m_a_month(audience, tiers), "million USD", "a month, CloudFront's share at list price"
        ),
        "stated_usd_a_gb": Figure(25e6 / (STATED_PB_A_MONTH * GB_A_PB), "USD/GB", "that 25 M USD for 270 PB are (Q64)"),
        "remainder_cut_pct": Figure(
            100 * (1 - rest_after / rest), "%", "less beside the appliances, if their share rises from 95 to 98 %"
        ),
        "appliance_saves_usd_m_a_year": Figure(
            appliance_saves_usd_a_year(site, peak_over_mean=audience.peak_over_mean) / 1e6,
            "million USD",
            "a year less for CloudFront by an appliance that is full at the peak (Q64), its price deducted",
        ),
        "site_peak_gbps": Figure(site.peak_gbps, "Gbit/s", "at the peak of a site (Q61)"),
        "site_appliances": Figure(site.appliances, "appliances", "a site, N+1"),
        "site_load_pct": Figure(100 * site.load(), "%", "load at the peak, none away"),
        "site_load_one_away_pct": Figure(100 * site.load(away=1), "%", "load at the peak, one away"),
        "site_most_spike_ratio": Figure(site.most_spike, "times", "the usual peak that a site can carry, none away"),
        "site_appliances_at_hours": Figure(at_hours.appliances, "appliances", "a site, if the viewing hours are right"),
        "site_streams_per_appliance": Figure(
            site.appliance_gbps * _MBPS_A_GBPS / site.mean_mbps, "streams", "that an appliance sends (Q13)"
        ),
        "stated_appliances_away": Figure(
            STATED_APPLIANCES * (1 - APPLIANCE_WORKS), "appliances", "away at any moment, of 10,000 that work 99.9 %"
        ),
        "isp_sites": Figure(sites(audience, site), "sites", "that hold all subscribers"),
        "world_appliances": Figure(appliances(audience, site), "appliances", "in all, N+1"),
        "world_appliances_at_hours": Figure(
            appliances(audience, at_hours), "appliances", "in all, N+1, if the viewing hours are right"
        ),
        "world_appliances_80g": Figure(appliances(audience, large), "appliances", "of 80 Gbit/s in all, N+1"),
    }


def _raised(power: float) -> tuple[float, ...]:
    highest = max(_EVENING)
    raised = [(value / highest) ** power for value in _EVENING]
    mean = fsum(raised) / HOURS_A_DAY
    return tuple(value / mean for value in raised)
