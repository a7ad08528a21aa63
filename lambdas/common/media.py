"""Media facts that cross contexts: what ingestion measured, encoding reads, and the catalog records."""

from __future__ import annotations

import re
import unicodedata
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, ValidationInfo, field_validator

Slug = Annotated[
    str,
    Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$", description="lower case letters, digits and hyphens, at most 63"),
]
Language = Annotated[
    str,
    Field(
        pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$", max_length=35, description="BCP 47, for example `en` or `pt-BR`"
    ),
]
Age = Annotated[int, Field(ge=0, le=21, description="years")]
UNDETERMINED = "und"
"""The language of a track that does not say it (ISO 639-2)."""
Rational = Annotated[str, Field(pattern=r"^[1-9]\d*/[1-9]\d*$", description="for example 24000/1001")]


class Record(BaseModel):
    """An immutable value that refuses fields it does not know.

    Its validator is built when it is first used: a function imports more models than it uses.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class Stored(Record):
    """What is read from a table: the fields that matter here, whatever else the item has.

    Items outlive deployments, and rollbacks: what a newer release has added is passed over.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)


class Priority(StrEnum):
    """How soon an encode is wanted, the most urgent first."""

    ORIGINAL = "original"
    LICENSED = "licensed"
    CAMPAIGN = "campaign"
    """What is published already, and encoded anew: it waits for everything else. No studio may ask for it."""


class EncodingMode(StrEnum):
    """How much trouble is taken over an encode."""

    NORMAL = "normal"
    DEGRADED = "degraded"
    """Fewer rungs and a faster preset, while there is more to encode than can be done in time."""


class Tier(StrEnum):
    """What one content key opens."""

    AUDIO = "AUDIO"
    SD = "SD"
    HD = "HD"
    UHD = "UHD"


class ObjectRef(Record):
    """One version of one S3 object."""

    bucket: str
    key: str
    version_id: str | None = None

    @property
    def uri(self) -> str:
        """The object as ``s3://bucket/key``."""
        return f"s3://{self.bucket}/{self.key}"


class Transfer(StrEnum):
    """A transfer function of high dynamic range."""

    PQ = "pq"
    HLG = "hlg"


class Chromaticity(Record):
    """A colour's place in the CIE 1931 diagram."""

    x: float
    y: float


class AudioRole(StrEnum):
    """What a track of sound is for."""

    MAIN = "main"
    COMMENTARY = "commentary"
    DESCRIPTION = "description"
    """The film's sound, with what happens on the screen told to those who do not see it."""


_TITLES = (
    (re.compile(r"\bcommentary\b", re.IGNORECASE), AudioRole.COMMENTARY),
    (re.compile(r"\b(described|descriptive|audio description)\b", re.IGNORECASE), AudioRole.DESCRIPTION),
)


class MasteringDisplay(Record):
    """The display on which a film was graded (SMPTE ST 2086)."""

    red: Chromaticity
    green: Chromaticity
    blue: Chromaticity
    white: Chromaticity
    min_luminance: float = Field(description="cd/m²")
    max_luminance: float = Field(description="cd/m²")


class HdrFacts(Record):
    """What a picture of high dynamic range says of itself."""

    transfer: Transfer
    mastering_display: MasteringDisplay | None = None
    max_cll: int | None = Field(default=None, description="of the brightest pixel, cd/m²")
    max_fall: int | None = Field(default=None, description="of the brightest frame's average, cd/m²")


class VideoFacts(Record):
    """A video stream as the tools found it; none stands for what the file does not say."""

    codec: str
    profile: str | None = None
    commercial_name: str | None = Field(default=None, description="MediaInfo's, for example ProRes 422 HQ")
    width: int
    height: int
    sample_aspect_ratio: Rational | None = Field(default=None, description="a pixel's width to its height")
    pixel_format: str
    bit_depth: int | None = None
    chroma_subsampling: Literal["4:0:0", "4:2:0", "4:2:2", "4:4:4", "other"] | None = None
    frame_rate: Rational
    constant_frame_rate: bool | None = Field(
        default=None, description="by the time stamps, whatever is declared; none, where there are none"
    )
    frames: int = Field(description="decoded, not declared")
    start_s: float | None = None
    duration_s: float | None = None
    field_order: str | None = Field(default=None, description="progressive, or tt, bb, tb, bt as ffprobe calls them")
    scan_type: str | None = Field(default=None, description="MediaInfo's: Progressive, Interlaced, MBAFF")
    color_range: Literal["tv", "pc"] | None = None
    color_primaries: str | None = None
    color_transfer: str | None = None
    color_space: str | None = None
    hdr: HdrFacts | None = Field(default=None, description="none: standard dynamic range")


SAMPLES_PER_ATMOS_FRAME = 1536
"""Of E-AC-3: six blocks of 256, at 48 kHz 32 ms."""


class Eac3Facts(Record):
    """What the frames of a stream of E-AC-3 say, from the first to the last (ETSI TS 102 366, TS 103 420)."""

    frames: int
    atmos_frames: int = Field(description="those that announce Dolby Atmos (JOC)")
    complexity: int | None = Field(description="of Atmos, its index; none: the frames are not of one mind, or without")
    whole_frames: bool = Field(description="each has 1,536 samples, as Atmos has to")
    substreams: int = Field(description="one, up to 5.1")
    bitrate_kbps: int

    @property
    def duration_s(self) -> float:
        """How long whole frames last at 48 kHz."""
        return self.frames * SAMPLES_PER_ATMOS_FRAME / 48_000


class AudioFacts(Record):
    """An audio stream as the tools found it; none stands for what the file does not say."""

    codec: str
    channels: int
    channel_layout: str | None = Field(default=None, description="as ffmpeg calls it, for example 5.1(side)")
    sample_rate_hz: int
    bit_depth: int | None = Field(default=None, description="of PCM; none for lossy sound")
    language: str | None = None
    title: str | None = Field(default=None, description="the track's title, or its handler's name")
    role: AudioRole | None = Field(default=None, description="by the container's disposition; none: it does not say")
    start_s: float | None = None
    duration_s: float | None = None
    eac3: Eac3Facts | None = Field(default=None, description="none: it is no E-AC-3, or unreadable")

    @property
    def purpose(self) -> AudioRole:
        """What it is for: by the container's disposition, else by its title."""
        said = (role for words, role in _TITLES if words.search(self.title or ""))
        return self.role or next(said, AudioRole.MAIN)

    @property
    def is_atmos(self) -> bool:
        """Whether Dolby Atmos is in it."""
        return self.eac3 is not None and self.eac3.atmos_frames > 0


class MediaFacts(Record):
    """A media file as the tools found it; none stands for what the file does not say."""

    container: str = Field(description="mov, mp4, mxf, or what ffprobe calls it")
    start_s: float | None = Field(default=None, description="of whichever stream is first, time codes included")
    duration_s: float
    timecode: str | None = Field(default=None, description="of the first frame")
    writing_application: str | None = Field(default=None, description="MediaInfo's")
    video: VideoFacts | None = None
    audio: tuple[AudioFacts, ...] = ()


def _one_readable_line(name: str) -> str:
    if not name.strip() or any(unicodedata.category(char) in {"Cc", "Zl", "Zp"} for char in name):
        message = "a name is one line that can be read: no line breaks or control characters, and not only spaces"
        raise ValueError(message)
    return name


Name = Annotated[str, AfterValidator(_one_readable_line), Field(min_length=1, max_length=200)]
LAST_NUMBER = 9999
"""Of a season and of an episode: what sorts as text needs a number of digits."""


SPECIALS = 0
"""The season of what belongs to a series and stands in none of its seasons."""


class SeriesPlace(Record):
    """A title's place in a series of its studio."""

    series_id: Annotated[
        Slug,
        Field(
            description="the same in every episode of the series: lower case letters, digits and hyphens, at most 63; "
            "the same id of another studio is another series"
        ),
    ]
    name: Annotated[Name, Field(description="the series', as viewers read it, in any script: 1 to 200 characters")]
    season: Annotated[
        int,
        Field(ge=SPECIALS, le=LAST_NUMBER, description="1 to 9999; 1 where there are no seasons; 0 for a special"),
    ]
    episode: Annotated[int, Field(ge=1, le=LAST_NUMBER, description="within the season: 1 to 9999")]


class TitleMetadata(Record):
    """What a studio says of a title."""

    title_id: Annotated[
        Slug,
        Field(
            description="lower case letters, digits and hyphens, at most 63; "
            "the same id is the same title, and a new delivery of it a new version"
        ),
    ]
    name: Annotated[Name, Field(description="as viewers read it, in any script: 1 to 200 characters")]
    synopsis: Annotated[str, Field(max_length=2000, description="at most 2,000 characters")] = ""
    year: Annotated[int, Field(ge=1888, le=2100)] | None = Field(
        default=None, description="of the first showing, 1888 to 2100"
    )
    credit: Annotated[str, Field(max_length=500, description="shown beside the film: at most 500 characters")] = ""
    min_age: Annotated[int, Field(ge=0, le=21)] | None = Field(
        default=None,
        description="its rating: from which age it may be seen, 0 to 21; left out: not rated, and kept from children",
    )
    # Not said of a film: whoever reads events by an older release takes no field that it does not know.
    series: SeriesPlace | None = Field(
        default=None,
        description="of which series it is an episode, and which one; left out: of none",
        exclude_if=lambda series: series is None,
    )


WORLD = "WORLD"
Territory = Annotated[
    str, Field(pattern=rf"^([A-Z]{{2}}|{WORLD})$", description="ISO 3166-1 alpha-2, for example `DE`, or `WORLD`")
]


class RightsWindow(Record):
    """Where and when a title may be shown."""

    territories: Annotated[
        tuple[Territory, ...],
        Field(
            min_length=1,
            max_length=250,
            description="where: at least one of ISO 3166-1 alpha-2, for example `DE`, or `WORLD`",
        ),
    ]
    starts_at: AwareDatetime = Field(description="from when: ISO 8601 with a time zone, `2026-12-01T00:00:00Z`")
    ends_at: Annotated[
        AwareDatetime | None,
        Field(description="until when, this moment excluded: ISO 8601 with a time zone; left out: for good"),
    ] = None

    @field_validator("ends_at")
    @classmethod
    def _ends_after_it_starts(cls, ends_at: AwareDatetime | None, info: ValidationInfo) -> AwareDatetime | None:
        starts_at = info.data.get("starts_at")
        if ends_at is not None and starts_at is not None and ends_at <= starts_at:
            message = "a window ends after it starts"
            raise ValueError(message)
        return ends_at


class SubtitleKind(StrEnum):
    """What a subtitle file is for."""

    SUBTITLES = "subtitles"
    FORCED = "forced"
    """What is not understood in the film's own language: shown although subtitles are off."""
    SDH = "sdh"
    """For the deaf and hard of hearing: with the sounds that are heard."""


class SubtitleSource(Record):
    """A delivered subtitle file (WebVTT)."""

    source: ObjectRef
    language: Language
    kind: SubtitleKind = SubtitleKind.SUBTITLES

    @property
    def track(self) -> str:
        """The name of its track, unique in a version, for example ``en`` or ``en_forced``."""
        return self.language if self.kind is SubtitleKind.SUBTITLES else f"{self.language}_{self.kind}"


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
