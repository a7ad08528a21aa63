"""The two profiles: the same classes with other values. Every number that a stack needs stands here.

`sandbox` costs next to nothing while idle: whatever bills by the hour or month without use is an opt-in there,
and the setting says its price (us-east-1, list price, 2026-11).
`production` is what a platform of this size would run.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Literal
from urllib.parse import urlsplit

from lambdas.common.ladder import Codec, DynamicRange
from lambdas.common.media import Tier
from lambdas.encoding.cost import JobSizes
from lambdas.encoding.farm_mode import Shortcuts
from lambdas.encoding.models import Floor, JobSize, SearchRules, SoundRules, VideoRecipe
from lambdas.encoding.off_peak import OffPeak
from lambdas.ingestion.quality import QcThresholds
from lambdas.playback.accounts import Plan, Plans
from lambdas.playback.pathways import OWN, Pathway, Pathways
from stacks.sound import PRODUCTION_SOUND, SANDBOX_SOUND

PLANS = Plans(
    plans=(
        Plan(name="basic", streams=1, top_tier=Tier.SD),
        Plan(name="standard", streams=2, top_tier=Tier.HD),
        Plan(name="premium", streams=4, top_tier=Tier.UHD, offline_s=48 * 3600),
    ),
    default_plan="standard",
    default_territory="US",
)


class SettingsError(ValueError):
    """A setting that was asked for does not exist or does not fit; the message names the remedy."""


@dataclass(frozen=True, kw_only=True)
class Studio:
    """A studio that may deliver. Its name is its prefix in the raw bucket.

    Others join a deployed platform by ``marquee studio add``.
    """

    name: str
    ssh_public_keys: tuple[str, ...] = ()
    notification_email: str | None = None


@dataclass(frozen=True, kw_only=True)
class GovernanceSettings:
    """Ownership and money."""

    cost_centre: str
    monthly_budget_usd: int
    log_retention_days: Literal[7, 30, 365]
    alarm_a_function: bool
    """An alarm for each function: 0.10 USD a month each. Without it, one alarm watches every function of the region."""
    operations_email: str | None = None


@dataclass(frozen=True, kw_only=True)
class StorageSettings:
    """Buckets. Days count from an object's creation unless they say otherwise."""

    replica_regions: tuple[str, ...]
    removable: bool
    """Whether destroying the stacks destroys the data."""
    replica_key: bool
    """The data key replicated to each replica region: 1 USD a month each. Without it, the key there is S3's own."""
    replication_time_control: bool
    """A 15-minute objective with metrics: 0.015 USD a GB replicated."""
    raw_to_glacier_days: int = 90
    raw_to_deep_archive_days: int = 365
    mezzanine_to_intelligent_tiering_days: int = 180
    noncurrent_expiry_days: int = 30
    work_expiry_days: int = 7
    abort_upload_days: int = 7
    """Counted from an upload's beginning, running or not."""
    abort_delivery_days: int = 30
    """The same where studios deliver: 5 TB in 7 days would take 66 Mbit/s without a pause, in 30 days 16 Mbit/s do."""
    access_log_expiry_days: int = 90
    rejected_expiry_days: int = 90
    """What was rejected is kept for a studio's questions."""
    duplicate_expiry_days: int = 1
    """A file that was delivered before is recorded, and not kept twice."""
    replication_lag_alarm_minutes: int = 15
    verification_sample: int = 200
    """Objects a bucket and replica region that the monthly verification compares, byte by byte of their checksums."""
    consistency_lag_minutes: int = 24 * 60
    """An object that is younger when an inventory is written may be missing from it, or be still on its way."""
    inventory_expiry_days: int = 30
    check_report_expiry_days: int = 400
    """More than a year of monthly reports."""
    landing_expiry_days: int = 30
    """What was delivered in the second ingest region lies in the primary one, and need not lie there too."""


@dataclass(frozen=True, kw_only=True)
class IngestionSettings:
    """How studios deliver."""

    sftp: bool
    """A Transfer Family SFTP server: 0.30 USD an hour, 219 USD a month, used or not."""
    studios: tuple[Studio, ...]
    rekognition: bool
    """Content labels by Amazon Rekognition: 0.10 USD a minute of film."""
    second_region: str | None
    """Where studios deliver if the primary region is away: one of the replica regions, whose key it uses."""
    domain: str | None
    """The name under which studios reach whichever ingest region is well; its zone is declared."""
    quality: QcThresholds = field(default_factory=QcThresholds)
    inspection_hours: int
    """How long the inspection, and after it the analysis, of one film may take."""
    review_hours: int = 48
    """How long a review may wait before it is escalated."""
    review_escalated_hours: int = 120
    """How long it may wait after that, before it counts as a failure of ours."""
    loopback_webhooks: bool = False
    """Whether a studio's webhook may be on the machine itself: in the embedded cloud."""
    part_mib: int = 64
    """The least size of a multipart upload's parts; a file of more than 10,000 of them gets larger ones."""
    url_minutes: int = 60
    """How long a presigned part may wait for its sender."""
    api_rate_per_s: int
    api_burst: int


def _kind(rung: VideoRecipe) -> tuple[Codec, int, int]:
    return rung.codec, rung.width, rung.height


@dataclass(frozen=True, kw_only=True)
class EncodingSettings:
    """The farm and the ladder."""

    launch: Literal["fargate", "ec2"]
    image: str | None
    """The encoder's image URI. Without one, the deployment builds ``encoder/Dockerfile`` (needs Docker)."""
    job_vcpus: int
    job_memory_mib: int
    small_job_vcpus: int
    """What a job holds that one thread does: all but the encoding and the scoring of a picture."""
    small_job_memory_mib: int
    attempts: int
    """Of an inspection or an analysis; of an encode, the workflow decides by what it fails with."""
    most_memory_mib: int
    """An encode that ran out of memory gets twice what it had, up to this."""
    title_cap_usd: float
    """What encoding a title may cost; an operator may allow one more, or less."""
    first_retry_pause_s: int = 60
    """The longest pause before the first retry of a transient failure; it doubles with each."""
    job_timeout_minutes: int = 12 * 60
    """How long an attempt may take: twice what the longest should, which are the scoring of two hours of 1080 lines in
    `sandbox`, and of 2160 lines of HLG in `production`."""
    heartbeat_minutes: int = 10
    """An encode that is not heard of for so long is stuck. Its worker sends a word every 15 s; its lease lasts 60 s."""
    starting_minutes: int = 20
    """So is a job whose container does not come up; the image is pulled in a minute or two."""
    runnable_minutes: int = 60
    """So is one that gets no machine, where others of its queue get none either; reaching capacity takes minutes."""
    longest_wait_hours: int = 6
    """A job that waits for longer is an alarm, backlog or not."""
    sla_hours: int = 24
    """From a title's delivery until it is processed."""
    spot_max_vcpus: int
    on_demand_max_vcpus: int
    instance_families: tuple[str, ...]
    """EC2 only; all of one architecture, because a Batch queue takes no mixture."""
    max_parallel_jobs: int
    """Jobs of one title in flight. An inline Map, of the rungs, runs at most 40 branches whatever stands here."""
    segment_s: float
    chunk_segments: int
    ladder: tuple[VideoRecipe, ...]
    floors: Mapping[Tier, Floor]
    """What VMAF over the frames of a title's best rung must reach, its mean and its 5th percentile, in SDR and in HDR10
    (as SDR shows it), by the tier of that rung. A tier that is not there is held to its prediction: so small
    a picture loses by being enlarged. Ladders are searched for a mean of 95, or for a higher one that stands here."""
    shortcuts: Shortcuts
    """What degraded mode leaves out: rungs, and the care of x264; what the best rung's mean has to reach instead."""
    sound: SoundRules
    """What is made of every language that a film is delivered in."""
    search: SearchRules
    """What the search for a title's own ladder is held to: `ladder` gives it its sizes and presets, and is compared."""
    drained_below: int
    """Jobs that wait: if fewer do, there is no backlog, and a degraded mode ends before its time."""
    off_peak: OffPeak | None
    """When campaigns are encoded; none: at any time."""

    def __post_init__(self) -> None:
        """Hold the ladder against what the search needs of it.

        Raises
        ------
        SettingsError
            If a rung in HDR10 has no SDR rung of its codec and size: its quality is found from that one's.
        """
        sdr = {_kind(rung) for rung in self.ladder if rung.dynamic_range is DynamicRange.SDR}
        for rung in self.ladder:
            if _kind(rung) not in sdr:
                raise SettingsError(
                    f"the ladder has {rung.rung} in HDR10, and no SDR rung in {rung.codec} of {rung.height} lines: add "
                    "one, from which the search finds its quality"
                )

    @property
    def sizes(self) -> JobSizes:
        """How large the jobs of an encode are."""
        return JobSizes(
            threaded=JobSize(vcpus=self.job_vcpus, memory_mib=self.job_memory_mib),
            single=JobSize(vcpus=self.small_job_vcpus, memory_mib=self.small_job_memory_mib),
        )

    @property
    def first_capacity(self) -> str:
        """What a job runs on if it gets what is asked for first, as ``lambdas/encoding/prices.json`` calls it."""
        return "fargate-arm-spot" if self.launch == "fargate" else f"{self.instance_families[0]}-spot"


@dataclass(frozen=True, kw_only=True)
class PlaybackSettings:
    """Sessions and keys."""

    session_ttl_s: int
    dedicated_content_key: bool
    """A key of its own for wrapping content keys: 1 USD a month. Without it, the platform's key wraps them."""
    api_rate_per_s: int
    api_burst: int
    heartbeat_s: int = 30
    """How often a player says that it still plays."""
    lease_s: int = 75
    """How long its place among an account's streams is kept if it does not: two heartbeats may be lost."""
    progress_replica_regions: tuple[str, ...] = ()
    """Where there are replicas of viewers' progress, beside the primary region: every report is written there too."""
    plans: Plans = PLANS
    """What accounts may have, and what a viewer has who has no record."""
    drm_vendors_secret: str | None = None
    """The ARN of the secret that names the DRM vendors (`lambdas.playback.vendors.VendorsSettings`). Whoever has the
    contracts makes it, in the primary region. Without one, their routes answer that they are not offered."""


@dataclass(frozen=True, kw_only=True)
class RateLimitSettings:
    """What one viewer may ask of an endpoint in any minute. The outer walls are the API's throttle and the web ACL."""

    valkey: bool
    """A Valkey cache that counts, and the network to reach it by: 35.43 USD a month. Without it, nobody counts."""
    playback: int = 100
    catalog: int = 1000
    profile: int = 50
    telemetry: int = 30
    """A player tells twice a minute, and at each end of a session: room for all streams of the largest plan, and for
    whoever looks into one film after the other. One that tells more is not waited for."""


_PATHWAY_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_HOST = re.compile(r"https://[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?::(?P<port>[0-9]{1,5}))?/")
_LAST_PORT = 65_535
_MOST_PATHWAYS = 8


@dataclass(frozen=True, kw_only=True)
class DeliverySettings:
    """The edge."""

    web_acl: bool
    """A WAF web ACL with its four rules: 9 USD a month, plus requests."""
    price_class: Literal["100", "all"]
    sign_in_endpoint: str | None = None
    """Where studios sign in, if not at Cognito's own endpoint."""
    sign_in_domain: str | None = None
    """Where viewers sign in, if not at the domain of their user pool: an address that ends with a slash."""
    further_pathways: tuple[Pathway, ...] = ()
    """What serves segments beside the distribution, whose rank is 0: an appliance, or a second CDN. Each has the same
    paths below ``/media/``, the same edge code with the same keys, and lets pages of any origin read its answers."""
    steering_ttl_s: int = 60
    """How often players ask which pathway is the best: so long it takes until all have moved."""

    def __post_init__(self) -> None:
        """Hold the further pathways against what manifests and the page's policy can name.

        Raises
        ------
        SettingsError
            If an id, a rank or an address cannot be, or two pathways share one.
        """
        if len(self.further_pathways) > _MOST_PATHWAYS:
            raise SettingsError(f"{len(self.further_pathways)} further_pathways: name {_MOST_PATHWAYS} at most")
        for one in self.further_pathways:
            if not _PATHWAY_ID.fullmatch(one.id):
                raise SettingsError(f"pathway {one.id!r}: an id is 1 to 64 letters, digits, full stops, '-' or '_'")
            host = _HOST.fullmatch(one.base_url)
            if not host or int(host["port"] or 443) > _LAST_PORT:
                raise SettingsError(
                    f"pathway {one.id!r} has the base_url {one.base_url!r}: give that of its host, in lower case and "
                    "with a slash at its end, such as https://cache.example/"
                )
        ranked = self.pathways.ranked
        # By its name alone, whatever the port, Shaka Player tells one host from another.
        hosts = [urlsplit(one.base_url).hostname for one in ranked]
        for name, values in (
            ("id", [one.id for one in ranked]),
            ("rank", [one.rank for one in ranked]),
            ("host", hosts),
        ):
            if twice := [value for value, count in Counter(values).items() if count > 1]:
                raise SettingsError(
                    f"two pathways have the {name} {twice[0]!r}: give each its own; the distribution's id is "
                    f"{OWN.id!r}, and its rank {OWN.rank}"
                )

    @property
    def pathways(self) -> Pathways:
        """The distribution, and what serves beside it."""
        return Pathways(further=self.further_pathways)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """One profile."""

    profile: Literal["sandbox", "production"]
    primary_region: str
    governance: GovernanceSettings
    storage: StorageSettings
    ingestion: IngestionSettings
    encoding: EncodingSettings
    playback: PlaybackSettings
    rate_limits: RateLimitSettings
    delivery: DeliverySettings
    namespace: str = field(default="marquee")

    @property
    def production(self) -> bool:
        """Whether this is the production profile."""
        return self.profile == "production"


def _rung(
    *,
    height: int,
    bitrate_kbps: int,
    tier: Tier,
    preset: str,
    profile: Literal["main", "high", "main10"],
    codec: Codec = Codec.H264,
    hdr10: bool = False,
    name: str = "",
) -> VideoRecipe:
    """Return a rung of a 16:9 picture; the peak is 1.5 times the average, the buffer two seconds of it.

    It is called by its codec, where that is not H.264, its height, and what else there is to its name.
    """
    peak = bitrate_kbps * 3 // 2
    parts = ("" if codec is Codec.H264 else codec, f"{height}p", "hdr10" if hdr10 else "", name)
    return VideoRecipe(
        rung="-".join(part for part in parts if part),
        codec=codec,
        width=-(-height * 16 // 9 // 2) * 2,
        height=height,
        bitrate_kbps=bitrate_kbps,
        maxrate_kbps=peak,
        buffer_kbits=peak * 2,
        profile=profile,
        preset=preset,
        tier=tier,
        dynamic_range=DynamicRange.HDR10 if hdr10 else DynamicRange.SDR,
    )


_h265 = partial(_rung, preset="slow", profile="main10", codec=Codec.H265)
_av1 = partial(_rung, preset="6", profile="main", codec=Codec.AV1)

SANDBOX_LADDER = (
    _rung(height=1080, bitrate_kbps=6000, tier=Tier.HD, preset="veryfast", profile="high"),
    _rung(height=720, bitrate_kbps=3000, tier=Tier.HD, preset="veryfast", profile="high"),
    _rung(height=480, bitrate_kbps=1400, tier=Tier.SD, preset="veryfast", profile="main"),
    _rung(height=360, bitrate_kbps=750, tier=Tier.SD, preset="veryfast", profile="main"),
)

_H264_LADDER = (
    _rung(height=1080, bitrate_kbps=8000, tier=Tier.HD, preset="slow", profile="high"),
    _rung(height=1080, bitrate_kbps=5000, tier=Tier.HD, preset="slow", profile="high", name="medium"),
    _rung(height=720, bitrate_kbps=3000, tier=Tier.HD, preset="slow", profile="high"),
    _rung(height=480, bitrate_kbps=1500, tier=Tier.SD, preset="slow", profile="main"),
    _rung(height=360, bitrate_kbps=800, tier=Tier.SD, preset="slow", profile="main"),
    _rung(height=240, bitrate_kbps=400, tier=Tier.SD, preset="slow", profile="main"),
)
# More than 1080 lines are there in the newer codecs only. These rates are about six tenths of H.264's, and four.
_NEWER_SIZES = (
    (2160, Tier.UHD, 12_000, 8500),
    (1440, Tier.UHD, 7500, 5200),
    (1080, Tier.HD, 4800, 3300),
    (720, Tier.HD, 1900, 1300),
    (480, Tier.SD, 950, 650),
    (360, Tier.SD, 500, 350),
    (240, Tier.SD, 250, 180),
)
_H265_LADDER = tuple(_h265(height=height, tier=tier, bitrate_kbps=kbps) for height, tier, kbps, _ in _NEWER_SIZES)
_AV1_LADDER = tuple(_av1(height=height, tier=tier, bitrate_kbps=kbps) for height, tier, _, kbps in _NEWER_SIZES)
# Of titles that are delivered in PQ, beside their own ladder and fixed: the sizes that are seen most have two rates,
# about 1.2 times those of SDR.
_HDR10_SIZES = (
    ("", 2160, Tier.UHD, 14_400, 10_200),
    ("medium", 2160, Tier.UHD, 11_000, 7800),
    ("", 1440, Tier.UHD, 9000, 6200),
    ("", 1080, Tier.HD, 5800, 4000),
    ("medium", 1080, Tier.HD, 3800, 2700),
    ("", 720, Tier.HD, 2300, 1600),
)
_HDR10_LADDER = (
    *(
        _h265(height=height, tier=tier, bitrate_kbps=kbps, hdr10=True, name=name)
        for name, height, tier, kbps, _ in _HDR10_SIZES
    ),
    *(
        _av1(height=height, tier=tier, bitrate_kbps=kbps, hdr10=True, name=name)
        for name, height, tier, _, kbps in _HDR10_SIZES
    ),
)
PRODUCTION_LADDER = (*_H264_LADDER, *_H265_LADDER, *_AV1_LADDER, *_HDR10_LADDER)

SANDBOX = Settings(
    profile="sandbox",
    primary_region="us-east-1",
    governance=GovernanceSettings(
        cost_centre="engineering-sandbox", monthly_budget_usd=25, log_retention_days=7, alarm_a_function=False
    ),
    storage=StorageSettings(
        replica_regions=("us-west-2",), removable=True, replica_key=False, replication_time_control=False
    ),
    ingestion=IngestionSettings(
        sftp=False,
        studios=(Studio(name="blender"),),
        rekognition=False,
        second_region=None,
        domain=None,
        inspection_hours=2,
        part_mib=8,
        api_rate_per_s=50,
        api_burst=100,
    ),
    encoding=EncodingSettings(
        launch="fargate",
        image=None,
        job_vcpus=1,
        job_memory_mib=4096,
        small_job_vcpus=1,
        small_job_memory_mib=4096,
        attempts=3,
        most_memory_mib=8192,
        title_cap_usd=5.0,
        spot_max_vcpus=16,
        on_demand_max_vcpus=8,
        instance_families=(),
        max_parallel_jobs=8,
        segment_s=4.0,
        chunk_segments=2,
        ladder=SANDBOX_LADDER,
        floors={Tier.HD: Floor(vmaf_mean=95, vmaf_p5=85)},
        shortcuts=Shortcuts(skipped_rungs=("480p",), preset="superfast", vmaf_target=93),
        sound=SANDBOX_SOUND,
        # Half-second excerpts say less of a film than production's, most of all of low rungs.
        search=SearchRules(excerpts=6, excerpt_s=0.5, most_rungs=4, floor_kbps=400, tolerance=8.0),
        drained_below=8,
        off_peak=None,
    ),
    playback=PlaybackSettings(session_ttl_s=4 * 3600, dedicated_content_key=False, api_rate_per_s=50, api_burst=100),
    rate_limits=RateLimitSettings(valkey=False),
    delivery=DeliverySettings(web_acl=False, price_class="100"),
)

PRODUCTION = Settings(
    profile="production",
    primary_region="us-east-1",
    governance=GovernanceSettings(
        cost_centre="streaming-platform", monthly_budget_usd=16_000_000, log_retention_days=365, alarm_a_function=True
    ),
    storage=StorageSettings(
        replica_regions=("us-west-2", "eu-west-1", "ap-southeast-1"),
        removable=False,
        replica_key=True,
        replication_time_control=True,
    ),
    ingestion=IngestionSettings(
        sftp=True,
        studios=(Studio(name="blender"), Studio(name="northlight"), Studio(name="harbour-lane")),
        rekognition=True,
        second_region="eu-west-1",
        domain="deliver.marquee.example",
        inspection_hours=12,
        api_rate_per_s=1_000,
        api_burst=500,
    ),
    encoding=EncodingSettings(
        launch="ec2",
        image=None,
        job_vcpus=16,
        job_memory_mib=28_000,
        small_job_vcpus=2,
        small_job_memory_mib=3500,
        attempts=5,
        most_memory_mib=56_000,
        title_cap_usd=220.0,
        spot_max_vcpus=10_000,
        on_demand_max_vcpus=2_000,
        instance_families=("c7g", "c8g", "m7g", "m8g"),
        max_parallel_jobs=1_000,
        segment_s=4.0,
        chunk_segments=15,
        ladder=PRODUCTION_LADDER,
        floors={tier: Floor(vmaf_mean=95, vmaf_p5=85) for tier in (Tier.HD, Tier.UHD)},
        shortcuts=Shortcuts(
            skipped_rungs=("1080p-medium", "240p", *(rung.rung for rung in (*_H265_LADDER, *_AV1_LADDER))),
            preset="faster",
            vmaf_target=93,
        ),
        sound=PRODUCTION_SOUND,
        search=SearchRules(excerpts=16, excerpt_s=2.0, most_rungs=10, floor_kbps=150),
        drained_below=1_000,
        off_peak=OffPeak(begins=4, ends=12),
    ),
    playback=PlaybackSettings(
        session_ttl_s=4 * 3600,
        dedicated_content_key=True,
        api_rate_per_s=10_000,
        api_burst=5_000,
        progress_replica_regions=("us-west-2",),
    ),
    rate_limits=RateLimitSettings(valkey=True),
    delivery=DeliverySettings(web_acl=True, price_class="all"),
)

PROFILES: Mapping[str, Settings] = {"sandbox": SANDBOX, "production": PRODUCTION}

EDGE_REGION = "us-east-1"
"""CloudFront takes web ACLs, functions and certificates from this region only."""

OPT_INS = ("sftp", "web_acl", "content_key", "rate_limits")
"""What a sandbox may switch on although it bills while idle."""


def profile(name: str, *, opt_ins: tuple[str, ...] = ()) -> Settings:
    """Return the settings of profile `name`, with `opt_ins` switched on.

    Raises
    ------
    SettingsError
        If the profile or an opt-in does not exist.
    """
    if name not in PROFILES:
        raise SettingsError(f"there is no profile {name!r}: choose one of {', '.join(PROFILES)}")
    if unknown := set(opt_ins) - set(OPT_INS):
        raise SettingsError(f"no such opt-in: {', '.join(sorted(unknown))}; there are {', '.join(OPT_INS)}")
    settings = PROFILES[name]
    return replace(
        settings,
        ingestion=replace(settings.ingestion, sftp=settings.ingestion.sftp or "sftp" in opt_ins),
        delivery=replace(settings.delivery, web_acl=settings.delivery.web_acl or "web_acl" in opt_ins),
        rate_limits=replace(settings.rate_limits, valkey=settings.rate_limits.valkey or "rate_limits" in opt_ins),
        playback=replace(
            settings.playback,
            dedicated_content_key=settings.playback.dedicated_content_key or "content_key" in opt_ins,
        ),
    )


def with_ssh_keys(settings: Settings, keys: Mapping[str, str]) -> Settings:
    """Return `settings` in which each studio named in `keys` may log in with its SSH public key.

    Raises
    ------
    SettingsError
        If a key is for a studio that the profile does not have.
    """
    names = {studio.name for studio in settings.ingestion.studios}
    if unknown := set(keys) - names:
        raise SettingsError(f"no such studio: {', '.join(sorted(unknown))}; add it to stacks/settings.py")
    studios = tuple(
        replace(studio, ssh_public_keys=(*studio.ssh_public_keys, keys[studio.name])) if studio.name in keys else studio
        for studio in settings.ingestion.studios
    )
    return replace(settings, ingestion=replace(settings.ingestion, studios=studios))
