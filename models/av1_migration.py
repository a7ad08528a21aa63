"""What it takes to encode the catalog in AV1 as well, and what it saves (Q43).

Work and price are the platform's own: the production ladder, the speeds that were measured, the price list of the farm.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import fsum

from lambdas.common.ladder import Codec, DynamicRange
from lambdas.encoding.models import VideoRecipe
from lambdas.encoding.prices import OnDemand, PriceList, Spot
from lambdas.encoding.speed import MEASURED
from models.bandwidth import Audience, Tiers, cloudfront_usd_m_a_month
from models.farm import Demand
from models.figures import Figure
from models.picture import Axis, lines
from models.prices import GB_A_PB, PRICES
from models.storage import Catalog
from models.viewing import covered
from stacks.settings import PRODUCTION, PRODUCTION_LADDER

MEASURED_BITS = ((65.4, 63.9), (84.1, 67.8), (71.9, 64.6), (40.0, 37.2), (66.7, 64.1))
"""H.265 and AV1 for 100 bits of H.264 at the same VMAF: five clips of `make bench`, seen once (docs/encoding.md)."""
_FILM_S = 2 * 3600
_FRAMES_A_S = 24
_SECONDS_AN_HOUR = 3600
_MOST_HOURS = 0.8
_KBITS_A_GB = 8_000_000


@dataclass(frozen=True, kw_only=True)
class Migration:
    """Q43, where a default is not said to be something else."""

    titles: int = 15_000
    titles_a_day: float = 100.0
    films_a_title: float = field(default_factory=lambda: Catalog().films_a_title)
    """Of two hours: what 175 PB say, see `models.storage`. 1 would be one film a title."""
    source_lines: int = 1080
    """An assumption: of a source of 2160 lines, two rungs more are made."""
    uhd_share: float = field(default_factory=lambda: Demand().uhd_share)
    """Of films, those of 2160 lines where the farm's mix is meant: see `models.farm`."""
    stated_usd: float = 15e6
    capable_share: float = 0.5
    """Of viewing hours, on devices that decode AV1: an assumption."""
    saved_share: float = 0.3
    """Of bits, against H.265: Q15. `make bench` has measured both against H.264 (docs/encoding.md)."""

    @property
    def days(self) -> float:
        """How long it takes at that pace."""
        return self.titles / self.titles_a_day

    @property
    def rungs(self) -> tuple[VideoRecipe, ...]:
        """The rungs of a title in AV1, HDR10 aside."""
        return tuple(
            rung
            for rung in PRODUCTION_LADDER
            if rung.codec is Codec.AV1 and rung.dynamic_range is DynamicRange.SDR and rung.height <= self.source_lines
        )


def film_vcpu_hours(migration: Migration) -> float:
    """Return what encoding and scoring of one film of two hours take on jobs of production's size.

    A frame is read at the source's size, encoded at the rung's, and compared at the source's, as `SpeedTable` has it;
    of n vCPUs that a job holds, the share that is not parallel is waited for by all (Amdahl's law). Left out: the start
    of jobs, joining, packaging, and the search, because the ladder is known.
    """
    source_mpx = migration.source_lines * migration.source_lines * 16 / 9 / 1e6
    seconds = fsum(
        (MEASURED.read_s.expected + MEASURED.score_s.expected) * source_mpx
        + MEASURED.encode(rung).expected * rung.width * rung.height / 1e6
        for rung in migration.rungs
    )
    vcpus = PRODUCTION.encoding.sizes.threaded.vcpus
    held = vcpus * (1 - MEASURED.parallel_share) + MEASURED.parallel_share
    return seconds * held * _FILM_S * _FRAMES_A_S / _SECONDS_AN_HOUR


def usd_a_vcpu_hour(prices: PriceList) -> float:
    """Return what production's first capacity costs, what a job needs besides included.

    Raises
    ------
    TypeError
        If that capacity is not a spot one of an instance family.
    """
    spot = prices.capacities[PRODUCTION.encoding.first_capacity]
    base = prices.capacities[prices.on_demand_of(PRODUCTION.encoding.first_capacity)]
    if not isinstance(spot, Spot) or not isinstance(base, OnDemand):
        raise TypeError("production's first capacity is expected to be a share of an on-demand one")
    return spot.share * base.usd_per_vcpu_hour + fsum(base.besides_usd_per_vcpu_hour.values())


def film_gb(migration: Migration) -> float:
    """Return the gigabytes of a film's rungs in AV1, at their target rates."""
    return fsum(rung.bitrate_kbps for rung in migration.rungs) * _FILM_S / _KBITS_A_GB


def measured_saving() -> float:
    """Return the share of H.265's bits that AV1 saved on the clips of the bench, on average."""
    return 1 - fsum(av1 / h265 for h265, av1 in MEASURED_BITS) / len(MEASURED_BITS)


def picture(migration: Migration | None = None) -> str:
    """Return the migration by the day, as SVG."""
    migration = migration or Migration()
    steps = 60
    days = [migration.days * step / steps for step in range(steps + 1)]
    return lines(
        {
            "titles done": [(day, 100 * progress(migration, day)[0]) for day in days],
            "viewing hours that they have": [(day, 100 * progress(migration, day)[1]) for day in days],
        },
        title="AV1: the most watched titles first",
        x=Axis(label="days", high=migration.days),
        y=Axis(label="%", high=100),
    )


def progress(migration: Migration, day: float) -> tuple[float, float]:
    """Return the shares of titles and of viewing hours that are done after so many days, the most watched first."""
    titles = min(day / migration.days, 1.0)
    return titles, covered(titles)


def figures(migration: Migration | None = None) -> Mapping[str, Figure]:
    """Return the model's results, with the default inputs unless others are given."""
    migration = migration or Migration()
    films = migration.titles * migration.films_a_title
    film_hours = film_vcpu_hours(migration)
    film_usd = film_hours * usd_a_vcpu_hour(PriceList.load())
    day_vcpus = film_hours * migration.films_a_title * migration.titles_a_day / 24
    most = PRODUCTION.encoding.spot_max_vcpus
    audience, tiers = Audience(), Tiers()
    # Of the bits that H.265 would have taken.
    saved = migration.capable_share * migration.saved_share
    saved_usd = cloudfront_usd_m_a_month(audience, tiers) * saved
    pb = films * film_gb(migration) / GB_A_PB
    copies = 1 + len(PRODUCTION.storage.replica_regions)
    storage_usd_m = pb * GB_A_PB * PRICES["S3 Standard"].marginal_usd * copies / 1e6
    total_usd_m = films * film_usd / 1e6
    hd_hours, uhd_hours = (film_vcpu_hours(replace(migration, source_lines=lines)) for lines in (1080, 2160))
    mixed_hours = (1 - migration.uhd_share) * hd_hours + migration.uhd_share * uhd_hours
    return {
        "days": Figure(migration.days, "days", "for all titles, at 100 a day unless told otherwise (Q43: six months)"),
        "stated_usd_a_title": Figure(
            migration.stated_usd / migration.titles, "USD", "a title, of Q43's 15 million; Q40 has 100 to 200"
        ),
        "q40_total_usd_m": Figure(migration.titles * 150 / 1e6, "million USD", "in all, at Q40's 150 USD a title"),
        "film_vcpu_hours": Figure(film_hours, "vCPU-hours", "a film of two hours, encoded and scored, as measured"),
        "film_usd": Figure(film_usd, "USD", "a film of two hours, on spot"),
        "title_usd": Figure(film_usd * migration.films_a_title, "USD", "a title, of as many films as 175 PB say"),
        "total_usd_m": Figure(total_usd_m, "million USD", "in all, on spot"),
        "uhd_share": Figure(migration.uhd_share, "share", "of films with 2160 lines, where the farm's mix is meant"),
        "total_mixed_usd_m": Figure(
            total_usd_m * mixed_hours / film_hours, "million USD", "in all, on spot, with the farm's mix of sources"
        ),
        "vcpus": Figure(day_vcpus, "vCPUs", "busy all day, at that pace"),
        "most_titles_a_day": Figure(
            migration.titles_a_day * most / day_vcpus, "titles", "a day, if production's spot farm did nothing else"
        ),
        "measured_saved_pct": Figure(
            100 * measured_saving(), "%", "of H.265's bits that AV1 saved on the clips of the bench (Q15: 30)"
        ),
        "film_gb": Figure(film_gb(migration), "GB", "of a film in AV1, all its rungs"),
        "added_pb": Figure(pb, "PB", "more, one copy"),
        "added_usd_m_a_month": Figure(storage_usd_m, "million USD", "a month, kept in Standard in four regions"),
        "viewing_after_a_fifth_pct": Figure(
            100 * covered(0.2), "%", "of the hours, when a fifth of the titles is done"
        ),
        "days_to_80_pct_of_viewing": Figure(
            next(day for day in range(int(migration.days) + 2) if progress(migration, day)[1] >= _MOST_HOURS),
            "days",
            "until titles with 80 % of the hours are done, the most watched first",
        ),
        "bits_saved_pct": Figure(100 * saved, "%", "of all bits, when all is done"),
        "peak_saved_tbps": Figure(audience.peak_tbps * saved, "Tbit/s", "less at the peak"),
        "cloudfront_saved_usd_m_a_month": Figure(
            saved_usd, "million USD", "a month less for CloudFront's share, at list price"
        ),
        "payback_days": Figure(
            30 * total_usd_m / (saved_usd - storage_usd_m), "days", "until that has paid for it, once all is done"
        ),
    }
