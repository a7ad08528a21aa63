"""The events on the bus: the only thing, besides the catalog's API, that contexts say to each other."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, ClassVar, Literal

from pydantic import AwareDatetime, Field

from lambdas.common.ladder import LadderReport
from lambdas.common.media import (
    EncodingMode,
    Manifests,
    MediaFacts,
    ObjectRef,
    Priority,
    Record,
    Rendition,
    RightsWindow,
    Slug,
    SubtitleSource,
    Tier,
    TitleMetadata,
)
from lambdas.common.qc import Complexity, QcCheck, Verdict


class Event(Record):
    """The base of every event; the class's name is the bus's ``detail-type``."""

    source: ClassVar[str]
    schema_version: Literal[1] = 1

    @classmethod
    def detail_type(cls) -> str:
        """Return the name under which the bus carries this event."""
        return cls.__name__


class Finding(Record):
    """One reason why a delivery cannot be accepted, and what the studio can do about it."""

    code: str
    subject: str
    message: str
    remedy: str


class DeliveryReceived(Event):
    """A manifest has arrived and parses."""

    source: ClassVar[str] = "marquee.ingestion"
    studio: Slug
    delivery_id: str
    version_id: str
    title_id: Slug
    title_name: str
    priority: Priority
    delivered_at: datetime
    size_bytes: int


class DeliveryRejected(Event):
    """A delivery cannot be accepted. Its bytes are kept for the studio's questions, and expire."""

    source: ClassVar[str] = "marquee.ingestion"
    studio: str
    delivery_id: str
    version_id: str
    findings: tuple[Finding, ...]


class QualityJudged(Event):
    """The picture and the sound of a delivery were measured and judged."""

    source: ClassVar[str] = "marquee.ingestion"
    studio: Slug
    delivery_id: str
    version_id: str
    title_id: Slug
    verdict: Verdict
    checks: tuple[QcCheck, ...]
    complexity: Complexity | None = Field(default=None, description="of the picture; none: not measured")


class ReviewRequested(Event):
    """A person has to look at a delivery before it goes on."""

    source: ClassVar[str] = "marquee.ingestion"
    studio: Slug
    delivery_id: str
    version_id: str
    title_id: Slug
    checks: tuple[QcCheck, ...] = Field(description="those that ask for a review")
    until: datetime
    escalated: bool = Field(default=False, description="nobody answered in time: somebody else has to")


class ReviewDecided(Event):
    """A person has decided on a delivery."""

    source: ClassVar[str] = "marquee.ingestion"
    studio: Slug
    delivery_id: str
    version_id: str
    title_id: Slug
    approved: bool
    by: str
    note: str = ""


class Fixity(Record):
    """What the inspection measured of one version of one delivered object."""

    ref: ObjectRef
    sha256: str = Field(description="in hexadecimal")


class SourceAccepted(Event):
    """A delivery passed every check: its media file is now a source.

    A `media` that lies in another delivery's folder is the same file, sent before: its twin is not kept.
    """

    source: ClassVar[str] = "marquee.ingestion"
    studio: Slug
    delivery_id: str
    version_id: str
    title: TitleMetadata
    priority: Priority
    delivered_at: AwareDatetime
    media: ObjectRef
    facts: MediaFacts
    analysis: ObjectRef
    thumbnails: ObjectRef
    rights: tuple[RightsWindow, ...]
    subtitles: tuple[SubtitleSource, ...] = ()
    fixity: tuple[Fixity, ...] = Field(default=(), description="one a file: two may be versions of one key")


class ReencodeRequested(Event):
    """A published title shall be encoded anew, from the same source, as part of a campaign.

    `accepted` is what was accepted then, as the source of a new version of priority `campaign`.
    """

    source: ClassVar[str] = "marquee.catalog"
    campaign: Slug
    replaces: str = Field(description="the version that the new one is to replace, and no other")
    off_peak: bool = Field(description="whether it waits for the hours in which machines are cheap")
    by: str
    accepted: SourceAccepted


class RepackageRequested(Event):
    """A title's current version shall be packaged anew, from its own tracks: nothing is encoded.

    `accepted` is what was accepted then, as the source of the new version.
    """

    source: ClassVar[str] = "marquee.catalog"
    replaces: str = Field(description="the version whose tracks are taken, and that the new one is to replace")
    new_keys: bool = Field(description="whether a new key period is opened; otherwise its keys stay")
    by: str
    accepted: SourceAccepted


class EncodingStarted(Event):
    """The ladder of a version is planned and its jobs are queued."""

    source: ClassVar[str] = "marquee.encoding"
    studio: Slug
    delivery_id: str
    title_id: Slug
    version_id: str
    rungs: tuple[str, ...]
    jobs: int
    mode: EncodingMode = EncodingMode.NORMAL


class JobCounts(Record):
    """How many jobs there are, and how they stand. A job that is none of the three waits, or will be submitted."""

    total: Annotated[int, Field(ge=0)]
    done: Annotated[int, Field(ge=0)]
    running: Annotated[int, Field(ge=0, description="somebody works at it, and was heard of lately")]
    failed: Annotated[int, Field(ge=0, description="its last attempt failed, and nobody has begun another")]


class QueueDepth(Record):
    """How many jobs, of whatever title, are in the farm's queue of encodes; of each kind 1,000 are counted at most."""

    waiting: Annotated[int, Field(ge=0)]
    running: Annotated[int, Field(ge=0)]


class EncodingProgressed(Event):
    """Something has changed among the jobs of a version.

    It says how things stand and not what has changed: of two, the one with the later `at` is true.
    """

    source: ClassVar[str] = "marquee.encoding"
    studio: Slug
    delivery_id: str
    title_id: Slug
    version_id: str
    at: AwareDatetime = Field(description="when the jobs were looked at")
    jobs: JobCounts
    chunks: JobCounts = Field(description="those of the jobs that encode chunks")
    eta: AwareDatetime | None = Field(description="when all should be done; none: nobody can say, or all is")
    usd: float | None = Field(description="what was spent up to now; none: something that was used has no price")
    queue: QueueDepth


class PoorFrame(Record):
    """A frame of a rejected rung, as evidence."""

    timecode: str
    vmaf: float
    pictures: tuple[ObjectRef, ...] = Field(description="of the source and of the rendition")


class RenditionRejected(Event):
    """A rung is further from its source than it may be, although it was given more bits. The version is not packaged.

    `PipelineFailed` follows, and calls the operators.
    """

    source: ClassVar[str] = "marquee.encoding"
    studio: Slug
    delivery_id: str
    title_id: Slug
    version_id: str
    rung: str
    vmaf_mean: float
    vmaf_p5: float = Field(description="5th percentile over frames")
    floor_mean: float
    floor_p5: float
    raised: Annotated[int, Field(ge=0, description="chunks that were encoded again with more bits, each time counted")]
    worst_timecode: str
    worst_vmaf: float
    pictures: tuple[ObjectRef, ...] = Field(description="the worst frame, of the source and of the rendition")
    others: tuple[PoorFrame, ...] = Field(
        default=(),
        description="the worst frame of each other chunk below the floor, the worst first; seven at most",
    )


class Verification(Record):
    """The automatic check that stands between a packaged version and its publication."""

    verified: bool
    checked_at: AwareDatetime
    objects: int = Field(description="that the manifests name, and that are there")


class VersionPackaged(Event):
    """A version is encoded, scored, encrypted and packaged, and lies in the media bucket."""

    source: ClassVar[str] = "marquee.encoding"
    studio: Slug
    delivery_id: str
    title_id: Slug
    version_id: str
    duration_s: float
    manifests: Manifests
    poster: str
    thumbnails: str | None
    renditions: tuple[Rendition, ...]
    key_ids: dict[Tier, str]
    verification: Verification | None = Field(default=None, description="none: nobody has looked")
    mode: EncodingMode = Field(default=EncodingMode.NORMAL, description="in which it was planned")
    ladder: LadderReport | None = Field(default=None, description="how its rungs were found; none: nobody has searched")


class TitlePublished(Event):
    """A title's current version has changed.

    `revision` grows by one with every change of the title: of two announcements, the higher one is true, in
    whatever order they arrive.
    """

    source: ClassVar[str] = "marquee.catalog"
    revision: Annotated[int, Field(ge=1)]
    studio: Slug
    delivery_id: str
    title: TitleMetadata
    version_id: str
    duration_s: float
    manifests: Manifests
    poster: str
    thumbnails: str | None
    renditions: tuple[Rendition, ...]
    key_ids: dict[Tier, str]
    rights: tuple[RightsWindow, ...] = Field(default=(), description="none: announced before they were told")


class TitleRolledBack(TitlePublished):
    """A title's current version is an earlier one again."""

    replaced: str = Field(description="the version that was current until now")
    by: str
    reason: str


class SourceRestored(Event):
    """A title's source was taken out of the archive, read, and is what it was: it can be encoded again."""

    source: ClassVar[str] = "marquee.storage"
    title_id: Slug
    version_id: str
    objects: int
    size_bytes: int
    until: datetime | None = Field(description="when the copies lapse; none if nothing was archived")
    by: str


class FarmModeChanged(Event):
    """The farm takes less trouble over each title from now on, or again as much as ever."""

    source: ClassVar[str] = "marquee.encoding"
    revision: Annotated[int, Field(ge=1, description="grows by one with every change")]
    degraded: bool
    until: AwareDatetime | None = Field(description="when a degraded mode ends, if nobody ends it before")
    reason: str
    by: str
    at: AwareDatetime


class PipelineFailed(Event):
    """A workflow stopped for a reason that is not the studio's: people have to look."""

    source: ClassVar[str] = "marquee.pipeline"
    pipeline: Literal["ingestion", "encoding"]
    studio: str
    delivery_id: str
    version_id: str
    error: str
    remedy: str
