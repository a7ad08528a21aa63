"""What the catalog's bytes cost by storage class, and which lifecycle is the cheapest (Q8, Q28, Q32, Q33, Q35).

Bytes are of a kind: sources, mezzanines, encodes by how much they are watched. Each kind says how its bytes are read as
they age, and how long a reader may wait. A lifecycle names a class for every age; bytes only ever move to colder ones.
The optimiser finds the cheapest lifecycle of each kind that lets nobody wait too long.

Not counted: requests, which are small beside bytes where objects are gigabytes; Intelligent-Tiering's monitoring, for
the same reason; transitions, 0.05 USD a thousand objects at most; temporary copies of what is restored.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import pairwise
from math import exp, expm1, fsum, log, log1p
from typing import Literal, NamedTuple

from models.figures import Figure
from models.picture import Axis, bars
from models.prices import GB_A_PB, PRICES
from stacks.settings import PRODUCTION

DAYS_A_STEP = 30
"""Ages are counted in months of 30 days."""
_STEPS = 24
"""What is older than the last of them is treated alike: 690 days and more."""
_DAYS_A_YEAR = 365
_INFREQUENT_DAYS, _INSTANT_DAYS = 30, 90
"""Without being read, until Intelligent-Tiering bills less, and less again."""

ClassName = Literal[
    "S3 Standard", "S3 Standard-IA", "S3 Glacier Instant", "S3 Glacier Flexible", "S3 Glacier Deep Archive"
]


class NoClassError(ValueError):
    """No storage class may be waited for as briefly as a kind of bytes asks; the message names the kind."""


class Retrieval(NamedTuple):
    """One way to get bytes back."""

    name: str
    wait_h: float
    """The longest that AWS calls typical: docs.aws.amazon.com/AmazonS3, "Understanding archive retrieval options"."""
    usd_a_gb: float


def _back(name: str, wait_h: float) -> Retrieval:
    return Retrieval(name=name, wait_h=wait_h, usd_a_gb=PRICES[f"retrieval, {name}"].list_usd)


@dataclass(frozen=True, kw_only=True)
class StorageClass:
    """A storage class of S3, from the warmest to the coldest."""

    name: ClassName
    retrievals: tuple[Retrieval, ...]
    least_days: int
    """What leaves sooner is billed for so long."""

    @property
    def usd_a_gb_month(self) -> float:
        """The price of the last gigabyte of a large amount."""
        return PRICES[self.name].marginal_usd

    def retrieval(self, most_wait_h: float) -> Retrieval | None:
        """Return the cheapest way back within `most_wait_h`, if there is one."""
        fitting = [way for way in self.retrievals if way.wait_h <= most_wait_h]
        return min(fitting, key=lambda way: way.usd_a_gb, default=None)


CLASSES: tuple[StorageClass, ...] = (
    StorageClass(name="S3 Standard", retrievals=(Retrieval("none", 0, 0.0),), least_days=0),
    StorageClass(name="S3 Standard-IA", retrievals=(_back("Standard-IA", 0),), least_days=30),
    StorageClass(name="S3 Glacier Instant", retrievals=(_back("Glacier Instant", 0),), least_days=90),
    StorageClass(
        name="S3 Glacier Flexible",
        # Expedited is for a few urgent objects, and its capacity is promised only where it is bought.
        retrievals=(_back("Glacier Flexible, standard", 5), _back("Glacier Flexible, bulk", 12)),
        least_days=90,
    ),
    StorageClass(
        name="S3 Glacier Deep Archive",
        retrievals=(_back("Deep Archive, standard", 12), _back("Deep Archive, bulk", 48)),
        least_days=180,
    ),
)
_BY_NAME: Mapping[str, StorageClass] = {each.name: each for each in CLASSES}


class Band(NamedTuple):
    """How bytes are read from an age on, until the next band."""

    from_day: int
    reads_a_month: float
    """How often each byte is read, on average; 0.01 is a hundredth of them."""
    most_wait_h: float
    """How long a reader may wait for the first of them."""


@dataclass(frozen=True, kw_only=True)
class Kind:
    """Bytes that are used alike."""

    name: str
    pb: float
    bands: tuple[Band, ...]
    copies: int = 1
    """In so many regions, the first among them; each has the same lifecycle."""
    copies_read: bool = False
    """Whether the other regions' copies are read as often as the first one's, or never."""

    def band(self, day: int) -> Band:
        """Return the band of an age."""
        return [band for band in self.bands if band.from_day <= day][-1]


Lifecycle = tuple[ClassName, ...]
"""The class of each month of age; the last is that of all that is older."""


@dataclass(frozen=True, kw_only=True)
class Catalog:
    """What there is to store."""

    total_pb: float = 175.0
    """Q8, Q28, Q35: one copy."""
    titles: int = 15_000
    """The document's summary."""
    raw_tb_a_film: float = 1.4
    """Q28: 0.8 to 2."""
    mezzanine_tb_a_film: float = 0.085
    """Q28: 50 to 120 GB."""
    encoded_tb_a_film: float = 0.115
    """Q28: 80 to 150 GB."""
    removed_share: float = 0.3
    """Of the encodes, of titles that are not offered now: an assumption."""
    growth_a_year: float = 0.15
    """An assumption. Q23's 1,000 hours a day would be 167 % a year of what there is."""
    origin_pb_a_month: float = 675.0
    """What viewers take from the origin: 1 % of Q80's hours, see `models.bandwidth`."""

    source_wait_h: float = 48.0
    """How long a source of more than a year may be waited for; a younger one no longer than that, and less."""

    @property
    def film_tb(self) -> float:
        """Terabytes a film of two hours."""
        return self.raw_tb_a_film + self.mezzanine_tb_a_film + self.encoded_tb_a_film

    @property
    def films_a_title(self) -> float:
        """How many films of two hours a title must be, on average, for `total_pb`: a series is one title."""
        return self.total_pb * 1000 / self.titles / self.film_tb

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """The bytes by kind. How often each is read, and how long it may take, are assumptions.

        Encodes are split as Netflix's engagement report of the first half of 2023 has viewing: the first fifth of the
        titles have 85.6 % of the hours, the next three fifths 14.0, the last fifth 0.4.
        """
        raw, mezzanine, encoded = (
            self.total_pb * tb / self.film_tb
            for tb in (self.raw_tb_a_film, self.mezzanine_tb_a_film, self.encoded_tb_a_film)
        )
        offered = encoded * (1 - self.removed_share)
        copies = 1 + len(PRODUCTION.storage.replica_regions)

        def watched(name: str, *, titles: float, hours: float) -> Kind:
            reads = self.origin_pb_a_month * hours / (offered * titles)
            return Kind(
                name=name, pb=offered * titles, bands=(Band(0, reads / copies, 0),), copies=copies, copies_read=True
            )

        return (
            # At first it is read to be encoded, then for repairs; later for campaigns, known weeks before.
            Kind(
                name="sources",
                pb=raw,
                bands=(
                    Band(0, 1.0, 0),
                    Band(30, 0.05, min(5, self.source_wait_h)),
                    Band(90, 0.01, min(12, self.source_wait_h)),
                    Band(365, 0.002, self.source_wait_h),
                ),
                copies=copies,
            ),
            Kind(name="mezzanines", pb=mezzanine, bands=(Band(0, 0.5, 0), Band(180, 0.02, 0))),
            watched("encodes, first fifth", titles=0.2, hours=0.856),
            watched("encodes, next three fifths", titles=0.6, hours=0.140),
            watched("encodes, last fifth", titles=0.2, hours=0.004),
            Kind(name="encodes, removed", pb=encoded * self.removed_share, bands=(Band(0, 0.002, 48),), copies=copies),
        )


def age_shares(growth_a_year: float) -> tuple[float, ...]:
    """Return the share of bytes of each month of age, the last one all that is older; they sum to 1.

    Of a stock that grows by a share g a year and loses nothing, ``1 - (1 + g)^-t`` is younger than t years. Without
    growth, all of it is old.
    """
    rate = log1p(growth_a_year) * DAYS_A_STEP / _DAYS_A_YEAR
    return (*(exp(-rate * step) * -expm1(-rate) for step in range(_STEPS - 1)), exp(-rate * (_STEPS - 1)))


def _usd_a_gb(storage_class: StorageClass, band: Band) -> float | None:
    """Return what a gigabyte costs a month, kept and read; none, if a reader would wait for too long."""
    way = storage_class.retrieval(band.most_wait_h)
    return None if way is None else storage_class.usd_a_gb_month + band.reads_a_month * way.usd_a_gb


def cheapest(kind: Kind, *, growth_a_year: float) -> Lifecycle:
    """Return the lifecycle of `kind` whose month is the cheapest, and that lets nobody wait for too long.

    By dynamic programming over ages, backwards. The state is the class, and how long bytes have been in it as far as
    that matters: nothing leaves a class before `least_days`, so that nothing is billed for days after it left.

    Raises
    ------
    NoClassError
        If no class is fast enough at some age.
    """
    shares = age_shares(growth_a_year)

    @cache
    def best(step: int, number: int, stayed: int) -> tuple[float, tuple[int, ...]] | None:
        """Return the cost of this age and all above it, and their classes, if bytes of this age are in a class."""
        here = CLASSES[number]
        usd = _usd_a_gb(here, kind.band(step * DAYS_A_STEP))
        if usd is None:
            return None
        if step == _STEPS - 1:
            return shares[step] * usd, (number,)
        least = -(-here.least_days // DAYS_A_STEP)
        onwards = [best(step + 1, number, min(stayed + 1, least))]
        if stayed + 1 >= least:
            onwards += [best(step + 1, colder, 0) for colder in range(number + 1, len(CLASSES))]
        found = [way for way in onwards if way is not None]
        if not found:
            return None
        after_usd, after = min(found)
        return shares[step] * usd + after_usd, (number, *after)

    ways = [way for number in range(len(CLASSES)) if (way := best(0, number, 0)) is not None]
    if not ways:
        raise NoClassError(f"{kind.name}: no storage class is as fast as asked at every age; let readers wait longer")
    return tuple(CLASSES[number].name for number in min(ways)[1])


def usd_a_gb_month(kind: Kind, lifecycle: Lifecycle, *, growth_a_year: float) -> float:
    """Return what a gigabyte of `kind` costs a month on average over its ages, kept and read.

    Raises
    ------
    NoClassError
        If `lifecycle` lets a reader wait for too long.
    """
    parts = []
    for step, (name, share) in enumerate(zip(lifecycle, age_shares(growth_a_year), strict=True)):
        usd = _usd_a_gb(_BY_NAME[name], kind.band(step * DAYS_A_STEP))
        if usd is None:
            raise NoClassError(f"{kind.name}: {name} is too slow from day {step * DAYS_A_STEP} on")
        parts.append(share * usd)
    return fsum(parts)


def rules(lifecycle: Lifecycle) -> str:
    """Return a lifecycle in words: the class at first, then each transition with its day."""
    moves = (
        f"{name} from day {step * DAYS_A_STEP}"
        for step, (before, name) in enumerate(pairwise(lifecycle), start=1)
        if name != before
    )
    return ", ".join((lifecycle[0], *moves))


def from_days(*moves: tuple[int, ClassName]) -> Lifecycle:
    """Return the lifecycle of transitions at days, which are rounded to months; before the first, it is S3 Standard."""
    known: tuple[tuple[int, ClassName], ...] = ((0, "S3 Standard"), *moves)
    return tuple([name for day, name in known if round(day / DAYS_A_STEP) <= step][-1] for step in range(_STEPS))


Policy = Mapping[str, Lifecycle]
"""A lifecycle a kind."""


def all_standard(catalog: Catalog) -> Policy:
    """Return the policy of Q33's 4 million USD: nothing is ever moved."""
    return {kind.name: from_days() for kind in catalog.kinds}


def deployed(catalog: Catalog) -> Policy:
    """Return what the production profile declares, which is Q29's: see ``stacks/storage.py`` and its settings.

    Intelligent-Tiering moves by itself what is not read, and bills it as Standard for 30 days, then as Standard-IA, and
    from 90 on as Glacier Instant. It bills no retrieval, but what is read is frequent again for a month at least: that
    is about the retrieval fee of those classes, which is counted instead.
    """
    days = PRODUCTION.storage
    own: dict[str, Lifecycle] = {
        "sources": from_days(
            (days.raw_to_glacier_days, "S3 Glacier Flexible"),
            (days.raw_to_deep_archive_days, "S3 Glacier Deep Archive"),
        ),
        "mezzanines": from_days(
            (days.mezzanine_to_intelligent_tiering_days + _INFREQUENT_DAYS, "S3 Standard-IA"),
            (days.mezzanine_to_intelligent_tiering_days + _INSTANT_DAYS, "S3 Glacier Instant"),
        ),
    }
    return {**all_standard(catalog), **own}


def optimised(catalog: Catalog) -> Policy:
    """Return the cheapest policy."""
    return {kind.name: cheapest(kind, growth_a_year=catalog.growth_a_year) for kind in catalog.kinds}


class Line(NamedTuple):
    """What a storage class holds and costs."""

    pb: float
    kept_usd: float
    """A month."""
    read_usd: float
    """A month, for retrievals."""


def bill(catalog: Catalog, policy: Policy, *, replicas: bool) -> Mapping[str, Line]:
    """Return a month's bill by storage class; with the copies in the replica regions, or of the first region alone.

    Prices fall with the amount of a region, and each region is billed for itself, at the same prices. A reader may wait
    as long as a kind's band says: of the ways back, the cheapest that is fast enough is paid for.

    Raises
    ------
    NoClassError
        As `usd_a_gb_month`.
    """
    shares = age_shares(catalog.growth_a_year)
    held: dict[tuple[int, str], float] = {}
    read: dict[str, float] = {}
    for kind in catalog.kinds:
        usd_a_gb_month(kind, policy[kind.name], growth_a_year=catalog.growth_a_year)
        for step, (name, share) in enumerate(zip(policy[kind.name], shares, strict=True)):
            band = kind.band(step * DAYS_A_STEP)
            way = _BY_NAME[name].retrieval(band.most_wait_h)
            gb = kind.pb * share * GB_A_PB
            for region in range(kind.copies if replicas else 1):
                held[region, name] = held.get((region, name), 0.0) + gb
                if region == 0 or kind.copies_read:
                    read[name] = read.get(name, 0.0) + gb * band.reads_a_month * (way.usd_a_gb if way else 0.0)
    return {
        each.name: Line(
            pb=fsum(gb for (_, name), gb in held.items() if name == each.name) / GB_A_PB,
            kept_usd=fsum(PRICES[name].cost_usd(gb) for (_, name), gb in held.items() if name == each.name),
            read_usd=read.get(each.name, 0.0),
        )
        for each in CLASSES
    }


def total_usd(lines: Mapping[str, Line]) -> float:
    """Return what all of it costs a month."""
    return fsum(line.kept_usd + line.read_usd for line in lines.values())


def colder_copies_usd(catalog: Catalog) -> float:
    """Return what a month costs less if copies of sources go to Deep Archive as they come; nobody reads them.

    A replication rule may name the class of the copy. What is lost is time: a copy takes 12 hours to be there.
    """
    [sources] = [kind for kind in catalog.kinds if kind.name == "sources"]
    shares = zip(deployed(catalog)["sources"], age_shares(catalog.growth_a_year), strict=True)
    warm = fsum(share * _BY_NAME[name].usd_a_gb_month for name, share in shares)
    gb = sources.pb * GB_A_PB * (sources.copies - 1)
    return gb * (warm - _BY_NAME["S3 Glacier Deep Archive"].usd_a_gb_month)


def replication_usd(catalog: Catalog) -> tuple[float, float]:
    """Return what transfer and time control cost: once for all that there is, and a month for what comes."""
    usd_a_gb = PRICES["transfer between regions"].list_usd
    if PRODUCTION.storage.replication_time_control:
        usd_a_gb += PRICES["replication time control"].list_usd
    once = fsum(kind.pb * (kind.copies - 1) for kind in catalog.kinds) * GB_A_PB * usd_a_gb
    return once, once * (age_shares(catalog.growth_a_year)[0])


def grown(catalog: Catalog, years: float) -> Catalog:
    """Return the catalog after so many years; what viewers take of it grows alike."""
    factor = (1 + catalog.growth_a_year) ** years
    return replace(catalog, total_pb=catalog.total_pb * factor, origin_pb_a_month=catalog.origin_pb_a_month * factor)


def glacier_share(saving: float) -> float:
    """Return which share of bytes must leave Standard for Glacier Flexible to save a share of the bill, both flat."""
    return saving / (1 - PRICES["S3 Glacier Flexible"].list_usd / PRICES["S3 Standard"].list_usd)


def break_even_reads(cold: ClassName, *, most_wait_h: float) -> float:
    """Return how often a month a byte must be read for Standard to be as cheap as `cold`."""
    way = _BY_NAME[cold].retrieval(most_wait_h)
    if way is None or way.usd_a_gb == 0:
        return float("inf")
    return (CLASSES[0].usd_a_gb_month - _BY_NAME[cold].usd_a_gb_month) / way.usd_a_gb


@dataclass(frozen=True, kw_only=True)
class ArchiveRisk:
    """How sources in an archive may be lost, by the year."""

    object_loss: float = 1e-11
    """A year and object: what AWS designs every class here for, eleven nines. It is no promise."""
    region_loss: float = 1e-5
    """A year: a region's data gone for good. An assumption; it has not happened."""
    mistake: float = 1e-3
    """A year: everything that one can reach is deleted by mistake. Assumed; whoever has the account reaches all."""
    reachable_copies: int = 1
    """Of the copies, how many one mistake reaches. Deletions are not replicated here."""

    def lost_objects(self, objects: float, *, copies: int) -> float:
        """Return how many objects a year lose every copy by AWS's durability alone."""
        return objects * self.object_loss**copies

    def all_lost(self, *, copies: int) -> float:
        """Return the probability a year that all copies of everything are gone, each by region loss or mistake.

        A mistake takes `reachable_copies` at once; the others are independent of it and of each other.
        """
        reached = min(self.reachable_copies, copies)
        survivors = self.region_loss ** (copies - reached)
        by_mistake = self.mistake * survivors
        by_regions = (1 - self.mistake) * self.region_loss**copies
        return by_mistake + by_regions


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """All of them."""

    catalog: Catalog = field(default_factory=Catalog)
    risk: ArchiveRisk = field(default_factory=ArchiveRisk)
    object_gb: float = 100.0
    """The mean source file: an assumption, a reel or an episode."""


def picture(inputs: Inputs | None = None) -> str:
    """Return the bill by policy and storage class, as SVG."""
    catalog = (inputs or Inputs()).catalog
    policies = {"all in Standard": all_standard, "as deployed": deployed, "cheapest": optimised}
    return bars(
        {
            name: {
                each.removeprefix("S3 "): (line.kept_usd + line.read_usd) / 1e6
                for each, line in bill(catalog, policy(catalog), replicas=False).items()
                if line.pb > 0
            }
            for name, policy in policies.items()
        },
        title="Storage of one region by class, retrievals included",
        y=Axis(label="million USD a month"),
    )


def figures(inputs: Inputs | None = None) -> Mapping[str, Figure]:
    """Return the model's results, with the default inputs unless others are given."""
    inputs = inputs or Inputs()
    catalog, risk = inputs.catalog, inputs.risk
    gb = catalog.total_pb * GB_A_PB
    flat = gb * PRICES["S3 Standard"].list_usd
    standard, ours, best = (
        total_usd(bill(catalog, policy, replicas=False))
        for policy in (all_standard(catalog), deployed(catalog), optimised(catalog))
    )
    everywhere, best_everywhere = (
        total_usd(bill(catalog, policy, replicas=True)) for policy in (deployed(catalog), optimised(catalog))
    )
    cold = bill(catalog, deployed(catalog), replicas=False)
    once, monthly = replication_usd(catalog)
    raw = next(kind for kind in catalog.kinds if kind.name == "sources")
    objects = raw.pb * GB_A_PB / inputs.object_gb
    deep_gb = cold["S3 Glacier Deep Archive"].pb * GB_A_PB
    later = grown(catalog, 5)
    impatient = {
        wait_h: replace(catalog, source_wait_h=min(wait_h, catalog.source_wait_h)) for wait_h in (0.0, 5.0, 12.0)
    }
    faster = {
        wait_h: total_usd(bill(each, optimised(each), replicas=False)) / 1e6 for wait_h, each in impatient.items()
    }
    return {
        "film_tb": Figure(catalog.film_tb, "TB", "a film of two hours: source, mezzanine and encodes (Q28)"),
        "catalog_of_films_pb": Figure(catalog.titles * catalog.film_tb / 1000, "PB", "if every title were one film"),
        "films_a_title": Figure(catalog.films_a_title, "films", "of two hours a title, for the total to be right"),
        "sources_pb": Figure(raw.pb, "PB", "of the total are sources"),
        "flat_standard_usd_m": Figure(flat / 1e6, "million USD", "a month, all of it at 0.023 (Q33's 4)"),
        "standard_usd_m": Figure(standard / 1e6, "million USD", "a month, all of it in Standard"),
        "deployed_usd_m": Figure(ours / 1e6, "million USD", "a month, with production's lifecycle (Q29)"),
        "optimised_usd_m": Figure(best / 1e6, "million USD", "a month, with the cheapest lifecycle"),
        "optimised_within_12_h_usd_m": Figure(
            faster[12.0], "million USD", "a month, the cheapest if every source must come within 12 hours"
        ),
        "optimised_within_5_h_usd_m": Figure(
            faster[5.0], "million USD", "a month, the cheapest if every source must come within 5 hours"
        ),
        "optimised_at_once_usd_m": Figure(
            faster[0.0], "million USD", "a month, the cheapest if every source must come at once"
        ),
        "deployed_saving_pct": Figure(100 * (1 - ours / standard), "%", "less than all in Standard, as deployed"),
        "optimised_saving_pct": Figure(100 * (1 - best / standard), "%", "less than all in Standard, at the cheapest"),
        "deployed_usd_m_a_year": Figure(12 * ours / 1e6, "million USD", "a year, as deployed, one region"),
        "deployed_replicas_usd_m": Figure(everywhere / 1e6, "million USD", "a month, as deployed, all four regions"),
        "optimised_replicas_usd_m": Figure(best_everywhere / 1e6, "million USD", "a month, cheapest, all four regions"),
        "deployed_replicas_usd_m_a_year": Figure(
            12 * everywhere / 1e6, "million USD", "a year, as deployed, all four regions"
        ),
        "replication_once_usd_m": Figure(once / 1e6, "million USD", "once, to copy all to three regions, with RTC"),
        "replication_monthly_usd_m": Figure(monthly / 1e6, "million USD", "a month, to copy what is new"),
        "colder_copies_saved_usd_m": Figure(
            colder_copies_usd(catalog) / 1e6, "million USD", "a month less, if copies of sources began in Deep Archive"
        ),
        "three_standard_replicas_usd_m_a_year": Figure(
            12 * 3 * flat / 1e6, "million USD", "a year, three more copies in Standard, at 0.023 (Q30 says 10)"
        ),
        "three_archive_replicas_usd_m_a_year": Figure(
            12 * 3 * gb * PRICES["S3 Glacier Deep Archive"].list_usd / 1e6,
            "million USD",
            "a year, three more copies in Deep Archive",
        ),
        "transfer_once_usd_m": Figure(
            3 * gb * PRICES["transfer between regions"].list_usd / 1e6,
            "million USD",
            "once, all of it to three regions",
        ),
        "glacier_share_for_40_pct": Figure(
            100 * glacier_share(0.4), "%", "of all bytes in Glacier, to save Q33's 40 % by that alone"
        ),
        "standard_pb": Figure(cold["S3 Standard"].pb, "PB", "in Standard, as deployed"),
        "archive_pb": Figure(
            cold["S3 Glacier Flexible"].pb + cold["S3 Glacier Deep Archive"].pb,
            "PB",
            "in the two archives, as deployed",
        ),
        "break_even_ia_reads": Figure(
            break_even_reads("S3 Standard-IA", most_wait_h=0), "reads", "a byte and month, above which IA is dearer"
        ),
        "restore_all_usd_m": Figure(
            deep_gb * PRICES["retrieval, Deep Archive, standard"].list_usd / 1e6,
            "million USD",
            "to take all of Deep Archive back within 12 hours or so",
        ),
        "restore_all_bulk_usd_m": Figure(
            deep_gb * PRICES["retrieval, Deep Archive, bulk"].list_usd / 1e6,
            "million USD",
            "the same in bulk, 48 hours",
        ),
        "source_objects_m": Figure(objects / 1e6, "million", "source files"),
        "lost_objects_a_year": Figure(
            risk.lost_objects(objects, copies=1), "objects", "lost a year, of one copy, by eleven nines"
        ),
        "all_lost_one_copy_ppm": Figure(1e6 * risk.all_lost(copies=1), "ppm", "a year that all is lost, one copy"),
        "all_lost_two_copies_ppm": Figure(
            1e6 * risk.all_lost(copies=2), "ppm", "a year that all is lost, two copies of which a mistake reaches one"
        ),
        "all_lost_two_reachable_ppm": Figure(
            1e6 * replace(risk, reachable_copies=2).all_lost(copies=2), "ppm", "the same, if a mistake reaches both"
        ),
        "pb_in_5_years": Figure(later.total_pb, "PB", "in five years"),
        "deployed_usd_m_in_5_years": Figure(
            total_usd(bill(later, deployed(later), replicas=False)) / 1e6, "million USD", "a month then, as deployed"
        ),
        "growth_at_q23_pct": Figure(
            100 * 1000 * 365 * catalog.film_tb / 2 / 1000 / catalog.total_pb,
            "%",
            "a year, if 1,000 hours came a day (Q23)",
        ),
        "doubling_years": Figure(log(2) / log1p(catalog.growth_a_year), "years", "until there is twice as much"),
    }
