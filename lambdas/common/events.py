"""The events on the bus: the only thing, besides the catalog's API, that contexts say to each other."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from lambdas.common.media import (
    Manifests,
    MediaFacts,
    ObjectRef,
    Priority,
    Record,
    Rendition,
    Slug,
    SubtitleSource,
    Tier,
    TitleMetadata,
)


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
    priority: Priority


class DeliveryRejected(Event):
    """A delivery cannot be accepted. The bytes stay where they are."""

    source: ClassVar[str] = "marquee.ingestion"
    studio: str
    delivery_id: str
    version_id: str
    findings: tuple[Finding, ...]


class SourceAccepted(Event):
    """A delivery passed every check: its media file is now a source."""

    source: ClassVar[str] = "marquee.ingestion"
    studio: Slug
    delivery_id: str
    version_id: str
    title: TitleMetadata
    priority: Priority
    media: ObjectRef
    facts: MediaFacts
    subtitles: tuple[SubtitleSource, ...] = ()


class EncodingStarted(Event):
    """The ladder of a version is planned and its jobs are queued."""

    source: ClassVar[str] = "marquee.encoding"
    studio: Slug
    title_id: Slug
    version_id: str
    rungs: tuple[str, ...]
    jobs: int


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
    renditions: tuple[Rendition, ...]
    key_ids: dict[Tier, str]


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
    renditions: tuple[Rendition, ...]
    key_ids: dict[Tier, str]


class PipelineFailed(Event):
    """A workflow stopped for a reason that is not the studio's: people have to look."""

    source: ClassVar[str] = "marquee.pipeline"
    pipeline: Literal["ingestion", "encoding"]
    studio: str
    delivery_id: str
    version_id: str
    error: str
    remedy: str
