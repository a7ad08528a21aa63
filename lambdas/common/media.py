"""Media facts that cross contexts: what ingestion measured, encoding reads, and the catalog records."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Slug = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
Language = Annotated[str, Field(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$", max_length=35, description="BCP 47")]
UNDETERMINED = "und"
"""The language of a track that does not say it (ISO 639-2)."""
Rational = Annotated[str, Field(pattern=r"^[1-9]\d*/[1-9]\d*$", description="for example 24000/1001")]


class Record(BaseModel):
    """An immutable value that refuses fields it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Priority(StrEnum):
    """How soon a delivery is wanted."""

    ORIGINAL = "original"
    LICENSED = "licensed"


class Tier(StrEnum):
    """What one content key opens."""

    AUDIO = "AUDIO"
    SD = "SD"
    HD = "HD"


class ObjectRef(Record):
    """One version of one S3 object."""

    bucket: str
    key: str
    version_id: str | None = None

    @property
    def uri(self) -> str:
        """The object as ``s3://bucket/key``."""
        return f"s3://{self.bucket}/{self.key}"


class VideoFacts(Record):
    """A video stream as the probe found it."""

    codec: str
    profile: str | None = None
    width: int
    height: int
    pixel_format: str
    frame_rate: Rational
    frames: int = Field(description="decoded, not declared")
    color_primaries: str | None = None
    color_transfer: str | None = None
    color_space: str | None = None


class AudioFacts(Record):
    """An audio stream as the probe found it."""

    codec: str
    channels: int
    sample_rate_hz: int
    language: str | None = None


class MediaFacts(Record):
    """A media file as the probe found it."""

    container: str
    duration_s: float
    video: VideoFacts | None = None
    audio: tuple[AudioFacts, ...] = ()


class TitleMetadata(Record):
    """What a studio says of a title."""

    title_id: Slug
    name: Annotated[str, Field(min_length=1, max_length=200)]
    synopsis: Annotated[str, Field(max_length=2000)] = ""
    year: Annotated[int, Field(ge=1888, le=2100)] | None = None
    credit: Annotated[str, Field(max_length=500)] = ""


class SubtitleSource(Record):
    """A delivered subtitle file (WebVTT)."""

    source: ObjectRef
    language: Language


class Rendition(Record):
    """One video rung, encoded, scored and packaged."""

    rung: str
    codec: str
    width: int
    height: int
    bitrate_kbps: float = Field(description="measured: bits of the rendition over its duration")
    vmaf_mean: float
    vmaf_p5: float = Field(description="5th percentile over frames")
    tier: Tier


class Manifests(Record):
    """Keys in the media bucket."""

    dash: str
    hls: str
