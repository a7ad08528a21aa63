"""The source document's figures, each held against the others: what it states, and what its own inputs give.

`Document` holds the figures as the source document has them; `audit` derives from them, and from a few published facts
that stand here with their source, what each statement should be. Whether it holds is worked out and never written down.
A month has 30 days, a year 365, a petabyte 1e15 bytes: as the source document reckons.

Run as ``python -m models.audit`` to write ``docs/questions/arithmetic.md``; ``make docs`` does. ``marquee audit``
prints the same.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from models.figures import Figure

PAGE = Path(__file__).resolve().parents[1] / "docs" / "questions" / "arithmetic.md"

HOURS_A_DAY = 24
DAYS_A_MONTH = 30
DAYS_A_YEAR = 365
MONTHS_A_YEAR = 12
HOUR_S = 3600
MINUTE_S = 60
FILM_H = 2
"""The source document sizes everything for a film of two hours."""

WATCHED_H = 93.5e9
"""Netflix, "What We Watched" for the first half of 2023: hours viewed in 181 days, over 18,214 titles."""
WATCHED_DAYS = 181
FILL_GBPS = 1.2
"""Netflix, Open Connect's help pages: what a storage appliance fills at, at most, within its window."""
FILL_WINDOW_H = 12
"""The same: from 2 AM to 2 PM."""
EXPEDITED_MAX_MINUTES = 5
STANDARD_RETRIEVAL_MINUTES = (3 * 60, 5 * 60)
"""Amazon S3 User Guide, "Archive retrieval options", Glacier Flexible Retrieval: expedited 1-5 minutes, standard 3-5
hours."""
DEAREST_CLOUDFRONT_USD_GB = 0.12
"""aws.amazon.com/cloudfront/pricing: of all regions and volumes the dearest gigabyte that is listed."""
BETWEEN_REGIONS_USD_GB = 0.02
"""aws.amazon.com/s3/pricing, out of us-east-1 to another region."""
RESERVED_MIB = 32
"""AWS Batch User Guide, "Compute resource memory management": what its AMI keeps for the agent; the kernel takes
more."""
MIB_A_4XLARGE = 32 * 1024
"""aws.amazon.com/ec2/instance-types/c5: 32 GiB are installed in a c5.4xlarge."""
ACCOUNT_ID_DIGITS = 12
"""AWS Account Management Reference Guide, "AWS account ID"."""
MOST_PARTS = 10_000
"""Amazon S3 User Guide, "Amazon S3 multipart upload limits"."""
HOLD_BACK_TARGET_DURATIONS = 3
"""RFC 8216, 6.3.3: a live playlist is not begun nearer to its end than so many target durations."""
LIGHT_KM_S = 299_792.458


class Span(NamedTuple):
    """From the least to the most; either end may be open."""

    low: float
    high: float

    @classmethod
    def of(cls, value: float) -> Span:
        """One value."""
        return cls(value, value)

    def meets(self, other: Span, *, rounding: float) -> bool:
        """Whether both have a value in common, if each end may be rounded by the share `rounding`."""
        return self.low * (1 - rounding) <= other.high and other.low * (1 - rounding) <= self.high

    def __str__(self) -> str:
        """Both ends, or the one that is not open."""
        if self.low == self.high:
            return _number(self.low)
        if self.high == math.inf:
            return f"{_number(self.low)} or more"
        if self.low == 0:
            return f"at most {_number(self.high)}"
        return f"{_number(self.low)}–{_number(self.high)}"


_IN_FULL = 1000


def _percent(share: float) -> str:
    return f"{_number(share * 100)} %"


def _number(value: float) -> str:
    """Three significant digits, and whole thousands in full."""
    if value == 0 or abs(value) >= _IN_FULL:
        return f"{value:,.0f}"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    text = f"{value:.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


@dataclass(frozen=True, kw_only=True)
class Document:
    """The figures of the source document; the comment says in which question."""

    # Traffic and viewers: Q13, Q59, Q61, Q64, Q78, Q80.
    subscribers: float = 200e6
    viewing_h_a_day: float = 1e9
    bitrate_mbps: float = 5
    average_tbps: float = 208
    peak_factor: float = 2
    peak_tbps: float = 416
    other_peak_tbps: float = 830
    volume_pb_a_month: float = 270
    tier_shares_pct: tuple[float, float, float] = (95, 4, 1)
    peak_concurrent_share: float = 0.3
    streams: Span = Span(10e6, 100e6)
    # Appliances: Q13, Q60, Q61, Q62.
    appliances: float = 10_000
    appliance_streams: Span = Span(8000, 15_000)
    appliance_gbps: Span = Span(40, 80)
    appliance_tb: float = 780
    flash_tb: float = 60
    disk_tb: float = 720
    cached_titles: Span = Span(15_000, 30_000)
    refresh_nights: float = 1
    site_subscribers: float = 50_000
    site_gbps: float = 75
    site_appliances: float = 2
    # Storage: Q8, Q27, Q28, Q30, Q33, Q35.
    titles: float = 15_000
    stored_pb: float = 175
    raw_gb: Span = Span(800, 2000)
    mezzanine_gb: Span = Span(50, 120)
    encoded_gb: Span = Span(80, 150)
    standard_usd_gb: float = 0.023
    glacier_usd_gb: float = 0.0036
    deep_archive_usd_gb: float = 0.00099
    glacier_saving_pct: float = 85
    glacier_minutes: Span = Span(1, 5)
    storage_musd_a_month: float = 4
    storage_target_musd_a_month: float = 2.4
    storage_saving_pct: float = 40
    replica_regions: int = 3
    replication_musd_a_year: float = 10
    recovery_musd_a_year: Span = Span(10, 15)
    branching_storage: Span = Span(3, 5)
    # Encoding: Q15, Q23, Q40, Q42, Q43, Q45, Q82, Q90, Q98.
    ingest_h_a_day: float = 1000
    video_profiles: Span = Span(30, 40)
    audio_tracks: Span = Span(40, 50)
    jobs_a_title: float = 1200
    usd_a_title: Span = Span(100, 200)
    segment_s: float = 4
    back_offs: tuple[int, ...] = (1, 2, 4, 8)
    retries: int = 3
    migration_titles_a_day: float = 100
    migration_months: float = 6
    migration_musd: float = 15
    farm_musd: float = 50
    farm_target_musd: float = 35
    farm_saving_pct: float = 30
    spot_saving: float = 0.7
    most_instances: float = 10_000
    most_vcpus: float = 10_000
    job_vcpus: float = 16
    job_mib: float = 32_768
    account_id: str = "123456"
    backlog_titles: float = 500
    backlog_capacity: float = 3
    backlog_h: Span = Span(24, 48)
    upload_tb: float = 2
    part_mib: float = 500
    # Playback and live: Q11, Q44, Q49, Q50, Q54, Q81.
    buffered_segments: int = 3
    buffered_s: float = 12
    start_s: float = 2
    live_segment_s: float = 2
    live_delay_s: float = 3
    decisions: int = 5
    requests_a_minute: int = 100
    safety: float = 0.9
    # Money: Q64, Q67, Q75, Q91, Q93.
    cloudfront_musd_a_month: float = 25
    cloudfront_target_musd_a_month: float = 16
    cloudfront_goal_musd_a_year: float = 100
    raised_share_pct: float = 98
    costs_musd: tuple[tuple[str, float], ...] = (
        ("storage", 50),
        ("encoding", 50),
        ("CDN", 300),
        ("appliances", 50),
        ("DRM and security", 125),
    )
    total_musd: float = 500
    aws_bill_musd: float = 200
    bill_lines_musd: tuple[tuple[str, float], ...] = (
        ("spot", 30),
        ("reserved instances", 15),
        ("S3", 10),
        ("right-sizing", 5),
        ("CloudFront", 5),
        ("reserved capacity", 5),
    )
    bill_saving_musd: float = 70
    bill_saving_pct: float = 35
    recovery_plan_musd: float = 5
    recovery_plan_share_pct: float = 10
    drm_musd: float = 125
    drm_shares_pct: tuple[float, float, float] = (60, 30, 10)
    protected_musd: Span = Span(12_000, 15_000)
    piracy_musd: Span = Span(2000, 3000)
    drm_return: float = 100
    # Reliability: Q12, Q25, Q91.
    availability_pct: float = 99.99
    rto_minutes: float = 60
    # Mars: Q100.
    mars_km: float = 400e6
    mars_round_trip_minutes: float = 20
    mars_pb: Span = Span(1, math.inf)


@dataclass(frozen=True, kw_only=True)
class Audited:
    """One statement of the source document, recomputed.

    Parameters
    ----------
    claim
        What is stated, in our words.
    stated, computed
        Both in `unit`.
    working
        How `computed` comes about, with its inputs.
    rounding
        By which share either may be rounded and still agree.
    """

    id: str
    questions: tuple[int, ...]
    claim: str
    stated: Span
    computed: Span
    unit: str
    working: str
    rounding: float = 0.1

    @property
    def agrees(self) -> bool:
        """Whether what is stated is what its inputs give."""
        return self.stated.meets(self.computed, rounding=self.rounding)


def audit(document: Document = Document()) -> tuple[Audited, ...]:
    """Return every audited statement, by the first question that makes it."""
    topics = (_traffic, _appliances, _storage, _encoding, _playback, _content_delivery_cost, _money, _recovery, _mars)
    statements = [statement for topic in topics for statement in topic(document)]
    return tuple(sorted(statements, key=lambda statement: statement.questions))


def figures() -> dict[str, Figure]:
    """What each statement should be, by its id in snake_case; of a range each end, unless it is open."""
    found: dict[str, Figure] = {}
    for statement in audit():
        name, what = statement.id.replace("-", "_"), f"{statement.claim}, recomputed"
        low, high = statement.computed
        ends = {"": low} if low == high else {"_low": low, "_high": high}
        found |= {
            f"{name}{end}": Figure(value, statement.unit, what) for end, value in ends.items() if 0 < value < math.inf
        }
    return found


def _petabytes_a_month(tbps: float) -> float:
    return tbps * 1e12 / 8 * HOUR_S * HOURS_A_DAY * DAYS_A_MONTH / 1e15


def _average_tbps(document: Document) -> float:
    return document.viewing_h_a_day / HOURS_A_DAY * document.bitrate_mbps / 1e6


def _traffic(document: Document) -> Iterator[Audited]:
    viewers = document.viewing_h_a_day / HOURS_A_DAY
    average = _average_tbps(document)
    volume = _petabytes_a_month(average)
    from_volume = document.volume_pb_a_month / _petabytes_a_month(1)
    yield Audited(
        id="average-bandwidth",
        questions=(80,),
        claim="a thousand million hours a day at the average rate, as bandwidth",
        stated=Span.of(document.average_tbps),
        computed=Span.of(average),
        unit="Tbps on average",
        working=f"{_number(document.viewing_h_a_day / 1e6)} M h ÷ 24 h = {viewers / 1e6:.2f} M viewers at any time, "
        f"× {_number(document.bitrate_mbps)} Mbps",
    )
    yield Audited(
        id="peak-bandwidth",
        questions=(80,),
        claim="the evening's peak, as a multiple of the average",
        stated=Span.of(document.peak_tbps),
        computed=Span.of(average * document.peak_factor),
        unit="Tbps at the peak",
        working=f"{_number(average)} Tbps × {_number(document.peak_factor)}",
    )
    yield Audited(
        id="two-peaks",
        questions=(80,),
        claim="the “actual” peak, beside the one that was computed in the line before",
        stated=Span.of(document.other_peak_tbps),
        computed=Span.of(average * document.peak_factor),
        unit="Tbps at the peak",
        working="the same hours, bit rate and factor; two peaks of one service cannot both be right",
    )
    yield Audited(
        id="volume-as-bandwidth",
        questions=(80,),
        claim="what the monthly volume is as bandwidth",
        stated=Span.of(document.other_peak_tbps),
        computed=Span(from_volume, from_volume * document.peak_factor),
        unit="Tbps",
        working=f"{_number(document.volume_pb_a_month)} PB × 8 ÷ 30 days = {from_volume:.2f} Tbps on average, at the "
        f"peak {_number(document.peak_factor)} times that: the document is a thousand times too high",
    )
    yield Audited(
        id="monthly-volume",
        questions=(64, 80),
        claim="what is delivered in a month",
        stated=Span.of(document.volume_pb_a_month),
        computed=Span.of(volume),
        unit="PB a month",
        working=f"{_number(average)} Tbps ÷ 8 × 86,400 s = {volume / DAYS_A_MONTH / 1000:.2f} EB a day, × 30. "
        f"{_number(document.volume_pb_a_month)} PB are {_number(document.volume_pb_a_month / volume * 720 * 60)} "
        f"minutes "
        "of that month",
    )
    published = WATCHED_H / WATCHED_DAYS
    yield Audited(
        id="hours-watched",
        questions=(13,),
        claim="hours watched a day",
        stated=Span.of(document.viewing_h_a_day / 1e6),
        computed=Span.of(published / 1e6),
        unit="M hours a day",
        working=f"published: {WATCHED_H / 1e9:.1f} G h in {WATCHED_DAYS} days. Stated: "
        f"{document.viewing_h_a_day / document.subscribers:.1f} h a subscriber every day; published: "
        f"{published / document.subscribers:.1f} h",
    )
    yield Audited(
        id="streams-at-once",
        questions=(78,),
        claim="streams at once: tens of millions",
        stated=Span(document.streams.low / 1e6, document.streams.high / 1e6),
        computed=Span(viewers / 1e6, viewers * document.peak_factor / 1e6),
        unit="M streams",
        working="viewers on average, and at the peak of Q80",
    )
    by_share = document.subscribers * document.peak_concurrent_share
    yield Audited(
        id="viewers-at-the-peak",
        questions=(61, 78, 80),
        claim="viewers at the peak, by the share of subscribers in Q61",
        stated=Span.of(by_share / 1e6),
        computed=Span.of(viewers * document.peak_factor / 1e6),
        unit="M viewers",
        working=f"Q61: {_percent(document.peak_concurrent_share)} of {_number(document.subscribers / 1e6)} M "
        f"subscribers; Q80: "
        f"{viewers / 1e6:.2f} M on average × {_number(document.peak_factor)}",
    )
    share = document.tier_shares_pct[2] / 100
    yield Audited(
        id="origin-share",
        questions=(59, 64),
        claim="the whole month's volume, beside what the origin alone should serve of Q80's bandwidth",
        stated=Span(share * volume, math.inf),
        computed=Span.of(document.volume_pb_a_month),
        unit="PB a month",
        working=f"{_percent(share)} of {_number(volume)} PB are {_number(share * volume)} PB, and the whole cannot "
        f"be less",
    )
    yield Audited(
        id="tiers-add-up",
        questions=(59,),
        claim="the shares of the three tiers",
        stated=Span.of(100),
        computed=Span.of(sum(document.tier_shares_pct)),
        unit="%",
        working=" + ".join(_number(part) for part in document.tier_shares_pct),
        rounding=0,
    )


def _appliances(document: Document) -> Iterator[Audited]:
    peak = _average_tbps(document) * document.peak_factor
    low, high = (gbps * 1000 / document.bitrate_mbps for gbps in document.appliance_gbps)
    yield Audited(
        id="streams-an-appliance",
        questions=(13,),
        claim="streams that an appliance serves",
        stated=document.appliance_streams,
        computed=Span(low, high),
        unit="streams",
        working=f"{document.appliance_gbps} Gbps ÷ {_number(document.bitrate_mbps)} Mbps",
    )
    needed = peak * document.tier_shares_pct[0] / 100
    fleet = [document.appliances * gbps / 1000 for gbps in document.appliance_gbps]
    yield Audited(
        id="fleet-at-the-peak",
        questions=(13, 59, 80),
        claim="what the fleet delivers at the peak, if 10,000 appliances carry 95 % of it",
        stated=Span(0, fleet[1]),
        computed=Span.of(needed),
        unit="Tbps",
        working=f"{_number(document.tier_shares_pct[0])} % of {_number(peak)} Tbps; appliances of "
        f"{document.appliance_gbps} Gbps have {_number(fleet[0])}–{_number(fleet[1])}, at the lower end with next to "
        "nothing left for a failure",
        rounding=0,
    )
    viewers = document.site_subscribers * document.peak_concurrent_share
    gbps = viewers * document.bitrate_mbps / 1000
    yield Audited(
        id="site-bandwidth",
        questions=(61,),
        claim="what 50,000 subscribers take at the peak",
        stated=Span.of(document.site_gbps),
        computed=Span.of(gbps),
        unit="Gbps",
        working=f"{_number(viewers)} viewers × {_number(document.bitrate_mbps)} Mbps",
    )
    least, spare = document.appliance_gbps.low, 1
    appliances = math.ceil(gbps / least) + spare
    yield Audited(
        id="site-appliances",
        questions=(61,),
        claim="appliances for that, one of which may fail",
        stated=Span.of(document.site_appliances),
        computed=Span.of(appliances),
        unit="appliances",
        working=f"{_number(gbps)} ÷ {_number(least)} Gbps, rounded up, and one. Two carry it at "
        f"{_percent(gbps / (document.site_appliances * least))} load with none to spare; two are enough only if each "
        f"has "
        f"{_number(gbps)} Gbps or more",
    )
    sites = document.subscribers / document.site_subscribers
    yield Audited(
        id="fleet-by-sites",
        questions=(61, 13),
        claim="the fleet's size, by Q61's sites",
        stated=Span.of(document.appliances),
        computed=Span(sites * document.site_appliances, sites * appliances),
        unit="appliances",
        working=f"{_number(sites)} sites of {_number(document.site_subscribers)} subscribers × "
        f"{_number(document.site_appliances)}, or {_number(appliances)} with one to spare",
    )
    yield Audited(
        id="appliance-storage",
        questions=(62, 60),
        claim="flash and disk of an appliance",
        stated=Span.of(document.appliance_tb),
        computed=Span.of(document.flash_tb + document.disk_tb),
        unit="TB",
        working=f"{_number(document.flash_tb)} + {_number(document.disk_tb)}",
        rounding=0,
    )
    fits = Span(*(document.appliance_tb * 1000 / gb for gb in reversed(document.encoded_gb)))
    yield Audited(
        id="titles-an-appliance",
        questions=(60, 28),
        claim="titles that fit on an appliance",
        stated=document.cached_titles,
        computed=fits,
        unit="titles",
        working=f"{_number(document.appliance_tb)} TB ÷ {document.encoded_gb} GB of encoded variants; the catalog has "
        f"{_number(document.titles)}, so the upper end is more than there are",
    )
    hot = document.titles / 5
    yield Audited(
        id="hot-titles-on-flash",
        questions=(62, 79),
        claim="flash for the most watched fifth of the titles",
        stated=Span.of(document.flash_tb),
        computed=Span(*(hot * gb / 1000 for gb in document.encoded_gb)),
        unit="TB",
        working=f"{_number(hot)} titles × {document.encoded_gb} GB; {_number(document.flash_tb)} TB leave "
        f"{_number(document.flash_tb * 1000 / hot)} GB a title",
    )
    night_tb = FILL_GBPS / 8 * FILL_WINDOW_H * HOUR_S / 1000
    yield Audited(
        id="daily-refresh",
        questions=(60,),
        claim="nights in which an appliance's whole storage is filled anew",
        stated=Span.of(document.refresh_nights),
        computed=Span.of(document.appliance_tb / night_tb),
        unit="nights",
        working=f"{FILL_GBPS} Gbps for {FILL_WINDOW_H} h are {night_tb:.2f} TB a night. A daily update can change "
        f"{_percent(night_tb / document.appliance_tb)} of what is stored",
    )


def _storage(document: Document) -> Iterator[Audited]:
    stored_gb = document.stored_pb * 1e6
    standard_musd = stored_gb * document.standard_usd_gb / 1e6
    film = Span(
        document.raw_gb.low + document.mezzanine_gb.low + document.encoded_gb.low,
        document.raw_gb.high + document.mezzanine_gb.high + document.encoded_gb.high,
    )
    yield Audited(
        id="storage-a-title",
        questions=(8, 28),
        claim="the whole storage, by title",
        stated=Span.of(stored_gb / document.titles / 1000),
        computed=Span(film.low / 1000, film.high / 1000),
        unit="TB a title",
        working=f"stated: {_number(document.stored_pb)} PB ÷ {_number(document.titles)} titles. Computed: source, "
        "mezzanine and encoded variants of a two-hour film. Series have more hours a title; nothing says so",
    )
    yield Audited(
        id="storage-bill",
        questions=(33, 8),
        claim="what 175 PB cost a month",
        stated=Span.of(document.storage_musd_a_month),
        computed=Span.of(standard_musd),
        unit="M USD a month",
        working=f"{_number(document.stored_pb)} PB × {document.standard_usd_gb} USD: it holds only if everything "
        f"lies in "
        "Standard, and Q8 archives the sources",
    )
    yield Audited(
        id="storage-target",
        questions=(33,),
        claim="the target of a bill that is cut by 40 %",
        stated=Span.of(document.storage_target_musd_a_month),
        computed=Span.of(document.storage_musd_a_month * (1 - document.storage_saving_pct / 100)),
        unit="M USD a month",
        working=f"{_number(document.storage_musd_a_month)} × (1 − {document.storage_saving_pct / 100}). To reach it, "
        f"{_percent(document.storage_saving_pct / 100 / (1 - document.glacier_usd_gb / document.standard_usd_gb))} "
        f"of the "
        "bytes have to go to Glacier",
    )
    yield Audited(
        id="glacier-saving",
        questions=(33, 8),
        claim="what Glacier saves of Standard's price",
        stated=Span.of(document.glacier_saving_pct),
        computed=Span.of(100 * (1 - document.glacier_usd_gb / document.standard_usd_gb)),
        unit="%",
        working=f"1 − {document.glacier_usd_gb} ÷ {document.standard_usd_gb}; retrieval and minimum storage time are "
        "not in it",
        rounding=0.02,
    )
    yield Audited(
        id="glacier-retrieval",
        questions=(27,),
        claim="how long a retrieval from Glacier takes",
        stated=document.glacier_minutes,
        computed=Span(*map(float, STANDARD_RETRIEVAL_MINUTES)),
        unit="minutes",
        working=f"3–5 hours as standard; {EXPEDITED_MAX_MINUTES} minutes at most is the expedited tier, below 250 MB, "
        "for a higher price",
    )
    replicas = standard_musd * document.replica_regions * MONTHS_A_YEAR
    transfer = stored_gb * document.replica_regions * BETWEEN_REGIONS_USD_GB / 1e6
    archived = stored_gb * document.replica_regions * document.deep_archive_usd_gb * MONTHS_A_YEAR / 1e6
    yield Audited(
        id="replication-cost",
        questions=(30,),
        claim="replicas of everything in three more regions",
        stated=Span.of(document.replication_musd_a_year),
        computed=Span.of(replicas),
        unit="M USD a year",
        working=f"{document.replica_regions} × {_number(standard_musd)} M USD × 12 in Standard. "
        f"{_number(transfer)} M USD is the transfer alone, once ({BETWEEN_REGIONS_USD_GB} USD a GB)",
    )
    yield Audited(
        id="recovery-cost",
        questions=(35,),
        claim="disaster recovery of the content, in three or more regions",
        stated=document.recovery_musd_a_year,
        computed=Span.of(replicas),
        unit="M USD a year",
        working=f"{_number(replicas)} in Standard, {_number(archived)} in Deep Archive. In Deep Archive a recovery "
        f"takes "
        "12 hours and more, and Q35 asks for one",
    )
    levels = range(document.decisions + 1)
    tree = sum(2**level for level in levels) / len(levels)
    yield Audited(
        id="branching-storage",
        questions=(34, 54),
        claim="storage of a film with decisions, in films",
        stated=document.branching_storage,
        computed=Span.of(tree),
        unit="times a film",
        working=f"{document.decisions} decisions of two options make {2**document.decisions} endings and "
        f"{2 ** (document.decisions + 1) - 2} branches; as many parts of the same length on each way, "
        f"{sum(2**level for level in levels)} parts for {len(levels)}. Three to five needs branches that meet again",
    )


def _encoding(document: Document) -> Iterator[Audited]:
    films_a_day = document.ingest_h_a_day / FILM_H
    yield Audited(
        id="parts-of-an-upload",
        questions=(19,),
        claim="parts of a 2 TB upload: no more than S3 takes",
        stated=Span(0, MOST_PARTS),
        computed=Span.of(math.ceil(document.upload_tb * 1e12 / (document.part_mib * 2**20))),
        unit="parts",
        working=f"{_number(document.upload_tb)} TB ÷ {_number(document.part_mib)} MiB",
        rounding=0,
    )
    yield Audited(
        id="films-a-year",
        questions=(23,),
        claim="the catalog, beside a year's deliveries",
        stated=Span.of(document.titles),
        computed=Span.of(films_a_day * DAYS_A_YEAR),
        unit="films of two hours",
        working=f"{_number(document.ingest_h_a_day)} h a day are {_number(films_a_day)} films: the catalog is "
        f"delivered "
        f"{films_a_day * DAYS_A_YEAR / document.titles:.0f} times over in a year",
    )
    outputs = Span(
        document.video_profiles.low + document.audio_tracks.low,
        document.video_profiles.high + document.audio_tracks.high,
    )
    yield Audited(
        id="jobs-a-title",
        questions=(40,),
        claim="encoding jobs of a title, a job a rendition",
        stated=Span.of(document.jobs_a_title),
        computed=outputs,
        unit="jobs",
        working=f"{document.video_profiles} video profiles and {document.audio_tracks} tracks. 1,200 are right if each "
        f"profile is cut into {document.jobs_a_title / document.video_profiles.high:.0f} chunks or more",
    )
    yield Audited(
        id="back-offs",
        questions=(42,),
        claim="retries, beside the pauses before them",
        stated=Span.of(document.retries),
        computed=Span.of(len(document.back_offs)),
        unit="retries",
        working=", ".join(f"{pause} min" for pause in document.back_offs) + ": a pause a retry",
        rounding=0,
    )
    yield Audited(
        id="migration-time",
        questions=(43,),
        claim="days that the catalog takes at 100 titles a day",
        stated=Span(0, document.migration_months * DAYS_A_MONTH),
        computed=Span.of(document.titles / document.migration_titles_a_day),
        unit="days",
        working=f"{_number(document.titles)} ÷ {_number(document.migration_titles_a_day)}",
        rounding=0,
    )
    yield Audited(
        id="migration-cost",
        questions=(43, 40),
        claim="a title's cost in the migration, beside a whole new title's",
        stated=Span.of(document.migration_musd * 1e6 / document.titles),
        computed=document.usd_a_title,
        unit="USD a title",
        working=f"{_number(document.migration_musd)} M USD ÷ {_number(document.titles)}; Q40 makes every profile for "
        f"less",
    )
    yearly = Span(*(films_a_day * DAYS_A_YEAR * usd / 1e6 for usd in document.usd_a_title))
    yield Audited(
        id="farm-bill",
        questions=(15, 23, 40),
        claim="the farm's bill, by what is delivered and what a title costs",
        stated=Span.of(document.farm_musd),
        computed=yearly,
        unit="M USD a year",
        working=f"{_number(films_a_day)} films a day × 365 × {document.usd_a_title} USD; the catalog once would be "
        f"{_number(document.titles * document.usd_a_title.low / 1e6)}–"
        f"{_number(document.titles * document.usd_a_title.high / 1e6)}",
    )
    yield Audited(
        id="farm-target",
        questions=(15, 45),
        claim="the farm's bill, cut by 30 %",
        stated=Span.of(document.farm_target_musd),
        computed=Span.of(document.farm_musd * (1 - document.farm_saving_pct / 100)),
        unit="M USD a year",
        working=f"{_number(document.farm_musd)} × (1 − {document.farm_saving_pct / 100})",
    )
    yield Audited(
        id="all-on-spot",
        questions=(45,),
        claim="the farm's bill if everything runs on spot",
        stated=Span.of(document.farm_target_musd),
        computed=Span.of(document.farm_musd * (1 - document.spot_saving)),
        unit="M USD a year",
        working=f"{_number(document.farm_musd)} × (1 − {document.spot_saving}). {_number(document.farm_target_musd)} "
        f"needs {_percent((1 - document.farm_target_musd / document.farm_musd) / document.spot_saving)} of the work "
        f"on spot, "
        "and no other remedy",
    )
    yield Audited(
        id="jobs-at-once",
        questions=(82, 90, 98),
        claim="what the farm may have: instances of Q82, in vCPU of Q90's jobs",
        stated=Span.of(document.most_vcpus),
        computed=Span.of(document.most_instances * document.job_vcpus),
        unit="vCPU",
        working=f"{_number(document.most_instances)} instances × {_number(document.job_vcpus)}. Q90's "
        f"{_number(document.most_vcpus)} vCPU run {_number(document.most_vcpus / document.job_vcpus)} jobs at once",
    )
    yield Audited(
        id="memory-of-a-job",
        questions=(90,),
        claim="memory that a job asks for, on a c5.4xlarge",
        stated=Span.of(document.job_mib),
        computed=Span(0, MIB_A_4XLARGE - RESERVED_MIB),
        unit="MiB",
        working=f"{_number(MIB_A_4XLARGE)} MiB installed, less {RESERVED_MIB} for the agent and more for the kernel: "
        f"the "
        "job is never placed there",
        rounding=0,
    )
    yield Audited(
        id="account-id",
        questions=(90,),
        claim="digits of the account in the ARNs",
        stated=Span.of(len(document.account_id)),
        computed=Span.of(ACCOUNT_ID_DIGITS),
        unit="digits",
        working=f"an account id has {ACCOUNT_ID_DIGITS}",
        rounding=0,
    )
    # What is delivered meanwhile needs one normal capacity; the rest works on the backlog.
    left = document.backlog_capacity - 1
    hours = document.backlog_titles / (films_a_day * left) * HOURS_A_DAY
    yield Audited(
        id="backlog-recovery",
        questions=(98, 23),
        claim="hours until a backlog of 500 titles is gone, at three times the normal capacity: within",
        stated=Span(0, document.backlog_h.high),
        computed=Span.of(hours),
        unit="hours",
        working=f"the normal capacity keeps up with Q23's {_number(films_a_day)} films a day, so {_number(left)} times "
        "that is left for the backlog, which is one day's deliveries",
        rounding=0,
    )


def _limiter_lets_pass(requests: int, *, limit: int) -> int:
    """Return how many of `requests` in one second Q81's limiter lets pass: its members are whole seconds."""
    members: set[int] = set()
    passed = 0
    for _ in range(requests):
        if len(members) < limit:
            members.add(0)
            passed += 1
    return passed


def _playback(document: Document) -> Iterator[Audited]:
    yield Audited(
        id="start-buffer",
        questions=(49,),
        claim="what three segments last",
        stated=Span.of(document.buffered_s),
        computed=Span.of(document.buffered_segments * document.segment_s),
        unit="s",
        working=f"{document.buffered_segments} × {_number(document.segment_s)} s",
        rounding=0,
    )
    megabits = document.buffered_s * document.bitrate_mbps
    line = document.bitrate_mbps / document.safety
    yield Audited(
        id="start-up-time",
        questions=(49, 11, 53),
        claim="start-up, if 12 s at the average rate are loaded first",
        stated=Span(0, document.start_s),
        computed=Span.of(megabits / line),
        unit="s",
        working=f"{_number(megabits)} Mb over a line of {line:.1f} Mbps, which carries the rate with the margin of "
        f"Q50. "
        f"Within {_number(document.start_s)} s that takes {_number(megabits / document.start_s)} Mbps, within 1 s "
        f"{_number(megabits)}: begin with less, or on a lower rung",
        rounding=0,
    )
    yield Audited(
        id="live-delay",
        questions=(44,),
        claim="a live event's delay with segments of two seconds",
        stated=Span(0, document.live_delay_s),
        computed=Span.of(document.live_segment_s * HOLD_BACK_TARGET_DURATIONS),
        unit="s",
        working=f"a player begins {HOLD_BACK_TARGET_DURATIONS} target durations behind the end, before encoding and "
        "delivery are counted; less needs partial segments",
        rounding=0,
    )
    lowest = 0.4
    slow_line = lowest
    suitable = [rate for rate in (lowest, 0.8, 1.5) if rate <= slow_line * document.safety]
    yield Audited(
        id="nothing-to-choose",
        questions=(50, 55),
        claim="profiles to choose from on a line as fast as the lowest one: one at least",
        stated=Span(1, math.inf),
        computed=Span.of(len(suitable)),
        unit="profiles",
        working=f"{_number(lowest)} Mbps × {document.safety} is less than the lowest profile of {_number(lowest)}: the "
        "filter leaves none, and the function returns nothing",
        rounding=0,
    )
    burst = 10 * document.requests_a_minute
    yield Audited(
        id="limiter-burst",
        questions=(81,),
        claim="requests of one second that a limit of 100 a minute lets pass",
        stated=Span(0, document.requests_a_minute),
        computed=Span.of(_limiter_lets_pass(burst, limit=document.requests_a_minute)),
        unit="requests",
        working=f"{_number(burst)} requests one after the other: the set's members are whole seconds, so all of one "
        "second are one member, and each request passes. With several clients, check and add are a race besides",
        rounding=0,
    )
    yield Audited(
        id="keys-a-title",
        questions=(70,),
        claim="key ids of a title, beside the keys that are drawn for it",
        stated=Span.of(1),
        computed=Span.of(FILM_H * HOUR_S / document.segment_s),
        unit="keys",
        working=f"a key is drawn for each segment of {_number(document.segment_s)} s of a two-hour film, and the id "
        "depends on the title alone: a player that asks for the id can be given one key, and opens one segment",
        rounding=0,
    )


def _content_delivery_cost(document: Document) -> Iterator[Audited]:
    yearly = document.cloudfront_musd_a_month * MONTHS_A_YEAR
    by_name = dict(document.costs_musd)
    yield Audited(
        id="cloudfront-bill",
        questions=(64,),
        claim="CloudFront's bill of a year, in the summary and by month",
        stated=Span.of(by_name["CDN"]),
        computed=Span.of(yearly),
        unit="M USD a year",
        working=f"{_number(document.cloudfront_musd_a_month)} M USD × 12",
    )
    carried = document.volume_pb_a_month * document.tier_shares_pct[1] / 100
    yield Audited(
        id="cloudfront-price",
        questions=(64, 59),
        claim="the price of a gigabyte, if CloudFront carries its 4 %",
        stated=Span.of(document.cloudfront_musd_a_month / carried),
        computed=Span(0, DEAREST_CLOUDFRONT_USD_GB),
        unit="USD a GB",
        working=f"{_number(document.cloudfront_musd_a_month)} M USD ÷ {_number(carried)} PB, where the dearest listed "
        f"gigabyte costs {DEAREST_CLOUDFRONT_USD_GB}. Over all {_number(document.volume_pb_a_month)} PB it would be "
        f"{document.cloudfront_musd_a_month / document.volume_pb_a_month:.3f}: a bill without appliances",
    )
    remainder = (100 - document.raised_share_pct) / (100 - document.tier_shares_pct[0])
    target = document.cloudfront_musd_a_month * remainder
    yield Audited(
        id="appliance-share",
        questions=(64,),
        claim="CloudFront's bill when appliances carry 98 % instead of 95",
        stated=Span.of(document.cloudfront_target_musd_a_month),
        computed=Span.of(target),
        unit="M USD a month",
        working=f"the remainder falls from 5 % to 2 %: {_number(document.cloudfront_musd_a_month)} × {remainder:.2f}; "
        f"{_number((document.cloudfront_musd_a_month - target) * MONTHS_A_YEAR)} M USD a year",
    )
    yield Audited(
        id="delivery-saving",
        questions=(64,),
        claim="the year's saving that the stated target brings: the goal or more",
        stated=Span(document.cloudfront_goal_musd_a_year, math.inf),
        computed=Span.of((document.cloudfront_musd_a_month - document.cloudfront_target_musd_a_month) * MONTHS_A_YEAR),
        unit="M USD a year",
        working=f"({_number(document.cloudfront_musd_a_month)} − {_number(document.cloudfront_target_musd_a_month)}) "
        f"× 12",
        rounding=0,
    )


def _money(document: Document) -> Iterator[Audited]:
    total = sum(usd for _, usd in document.costs_musd)
    by_name = dict(document.costs_musd)
    lines = dict(document.bill_lines_musd)
    yield Audited(
        id="annual-costs",
        questions=(75, 91, 93),
        claim="the year's costs together",
        stated=Span.of(document.total_musd),
        computed=Span.of(total),
        unit="M USD a year",
        working=" + ".join(f"{_number(usd)} {name}" for name, usd in document.costs_musd),
    )
    on_aws = by_name["storage"] + by_name["encoding"] + by_name["CDN"]
    yield Audited(
        id="aws-bill",
        questions=(93,),
        claim="the bill of AWS, beside its three largest lines in the summary",
        stated=Span.of(document.aws_bill_musd),
        computed=Span(on_aws, math.inf),
        unit="M USD a year",
        working="storage, encoding and CloudFront alone; interfaces, databases and analytics are not in it",
    )
    yield Audited(
        id="bill-lines",
        questions=(93,),
        claim="the six savings together",
        stated=Span.of(document.bill_saving_musd),
        computed=Span.of(sum(lines.values())),
        unit="M USD a year",
        working=" + ".join(f"{_number(usd)} {name}" for name, usd in document.bill_lines_musd)
        + ". Reserved instances and reserved capacity are one discount, named twice",
    )
    yield Audited(
        id="bill-share",
        questions=(93,),
        claim="that, as a share of the bill",
        stated=Span.of(document.bill_saving_pct),
        computed=Span.of(100 * document.bill_saving_musd / document.aws_bill_musd),
        unit="%",
        working=f"{_number(document.bill_saving_musd)} ÷ {_number(document.aws_bill_musd)}",
        rounding=0.02,
    )
    storage = (document.storage_musd_a_month - document.storage_target_musd_a_month) * MONTHS_A_YEAR
    yield Audited(
        id="storage-saving-twice",
        questions=(93, 33),
        claim="what S3 saves in Q93, beside Q33",
        stated=Span.of(lines["S3"]),
        computed=Span.of(storage),
        unit="M USD a year",
        working=f"({_number(document.storage_musd_a_month)} − {_number(document.storage_target_musd_a_month)}) M USD "
        f"× 12",
    )
    spot = document.farm_musd - document.farm_target_musd
    yield Audited(
        id="spot-saving-twice",
        questions=(93, 45),
        claim="what spot saves in Q93, beside Q45's target",
        stated=Span.of(lines["spot"]),
        computed=Span.of(spot),
        unit="M USD a year",
        working=f"{_number(document.farm_musd)} − {_number(document.farm_target_musd)}; at most "
        f"{_number(document.farm_musd * document.spot_saving)}, if all of it were on spot",
    )
    implied = document.recovery_plan_musd / document.recovery_plan_share_pct * 100
    yield Audited(
        id="recovery-share",
        questions=(91, 93),
        claim="the infrastructure of which 5 M USD are a tenth",
        stated=Span.of(implied),
        computed=Span.of(document.aws_bill_musd),
        unit="M USD a year",
        working=f"{_number(document.recovery_plan_musd)} ÷ {_number(document.recovery_plan_share_pct)} %; of Q93's "
        f"bill "
        f"they are {_percent(document.recovery_plan_musd / document.aws_bill_musd)}",
    )
    yield Audited(
        id="drm-shares",
        questions=(67,),
        claim="the shares of the three DRM systems",
        stated=Span.of(100),
        computed=Span.of(sum(document.drm_shares_pct)),
        unit="%",
        working=" + ".join(_number(share) for share in document.drm_shares_pct),
        rounding=0,
    )
    yield Audited(
        id="drm-return",
        questions=(75,),
        claim="the return on DRM, by the revenue that needs it: 100 times",
        stated=Span.of(document.drm_return),
        computed=Span(*(usd / document.drm_musd for usd in document.protected_musd)),
        unit="times",
        working=f"{document.protected_musd} M USD ÷ {_number(document.drm_musd)}: revenue and not margin, and all of "
        f"it "
        "counted as lost without DRM",
    )
    yield Audited(
        id="drm-return-of-piracy",
        questions=(75,),
        claim="the same, by what it keeps from piracy",
        stated=Span.of(document.drm_return),
        computed=Span(*(usd / document.drm_musd for usd in document.piracy_musd)),
        unit="times",
        working=f"{document.piracy_musd} M USD ÷ {_number(document.drm_musd)}: the only part that DRM itself saves",
    )


def _recovery(document: Document) -> Iterator[Audited]:
    allowed = (1 - document.availability_pct / 100) * DAYS_A_YEAR * HOURS_A_DAY * MINUTE_S
    yield Audited(
        id="recovery-time",
        questions=(12, 91),
        claim="the time that a recovery may take, beside what 99.99 % allow in a year",
        stated=Span.of(document.rto_minutes),
        computed=Span(0, allowed),
        unit="minutes",
        working=f"0.01 % of a year are {allowed:.1f} minutes: one recovery within Q91's hour uses more than all of it, "
        "so Q12's availability needs regions that are both active",
        rounding=0,
    )


def _mars(document: Document) -> Iterator[Audited]:
    one_way = document.mars_km / LIGHT_KM_S / MINUTE_S
    yield Audited(
        id="mars-delay",
        questions=(100,),
        claim="the time there and back",
        stated=Span.of(document.mars_round_trip_minutes),
        computed=Span.of(2 * one_way),
        unit="minutes",
        working=f"{_number(document.mars_km / 1e6)} M km ÷ {LIGHT_KM_S:,.0f} km/s = {one_way:.1f} minutes one way",
    )
    yield Audited(
        id="mars-storage",
        questions=(100, 28),
        claim="storage for the whole catalog: 1 PB or more",
        stated=document.mars_pb,
        computed=Span(*(document.titles * gb / 1e6 for gb in document.encoded_gb)),
        unit="PB",
        working=f"{_number(document.titles)} titles × {document.encoded_gb} GB",
        rounding=0,
    )


_HEAD = """\
# The source document's arithmetic

Written by `python -m models.audit`; do not edit. `marquee audit` prints it.

The source document states figures that follow from others. Each of these is computed again here from its own inputs
(`models/audit.py`), and held against what is stated: {disagreeing} of {all} do not hold. Where inputs are ranges, a
statement holds if the ranges meet; a tenth is allowed for rounding unless the statement is exact. A month has 30 days.

Where they disagree, the project's own models go by the computed figure, and the entries of the questions say so. A good
interviewer leaves the fault in the question, and looks for who notices.
"""


def page(statements: tuple[Audited, ...]) -> str:
    """Return ``docs/questions/arithmetic.md``: those that do not hold first."""
    disagreeing = [statement for statement in statements if not statement.agrees]
    agreeing = [statement for statement in statements if statement.agrees]
    parts = [_HEAD.format(disagreeing=len(disagreeing), all=len(statements))]
    for title, group in (("Does not hold", disagreeing), ("Holds", agreeing)):
        parts.append(f"\n## {title}\n\n| Statement | Question | Stated | Computed | Working |\n|---|---|---|---|---|\n")
        parts.extend(
            f'| <span id="{row.id}"></span>{_capital(row.claim)} | {_questions(row)} | {row.stated} {row.unit} | '
            f"{row.computed} {row.unit} | {row.working} |\n"
            for row in group
        )
    return "".join(parts)


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]


def _questions(statement: Audited) -> str:
    return ", ".join(f"Q{number}" for number in statement.questions)


def main() -> None:
    """Write the page."""
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text(page(audit()))


if __name__ == "__main__":
    main()
