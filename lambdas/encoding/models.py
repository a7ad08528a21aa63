"""The encoding plan and what the encoder reports back: the contract between the planner and AWS Batch."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from math import log2
from types import MappingProxyType
from typing import Annotated, Literal, Self

from pydantic import AwareDatetime, Field, field_validator, model_validator

from lambdas.common.content_keys import ContentKey
from lambdas.common.ladder import Codec, DynamicRange, LadderReport
from lambdas.common.media import (
    AudioRole,
    EncodingMode,
    HdrFacts,
    Language,
    ObjectRef,
    Priority,
    Rational,
    Record,
    Rendition,
    Slug,
    SubtitleSource,
    Tier,
)

VMAF_TARGET = 95.0
"""What a ladder is searched for, in normal mode, and what its best rung is held to where the tier says nothing else."""
MOST_RAISES = 2
"""How often a chunk that falls short is encoded again."""
MOST_WORST = 8
"""Frames of a rung that is below its floor, that are kept as pictures."""
RAISE = 1.3
"""By how much more bits each time: x264 gains 2 to 3 VMAF where it is near the target."""
CRF_PER_DOUBLING: Mapping[Codec, float] = MappingProxyType({Codec.H264: 5.0, Codec.H265: 5.5, Codec.AV1: 13.0})
"""By how much less CRF takes about twice the bits.

Seen on two clips of 72 frames, Big Buck Bunny at 640 x 360 and Carphone at 176 x 144: 4.5 to 5.8 for x264 from CRF 18
to 30, 5.0 to 6.4 for x265 there, 10 to 19 for SVT-AV1 from 24 to 48.
"""


class VideoRecipe(Record):
    """How one rung is encoded. A recipe is data: two recipes never differ in code."""

    rung: Slug
    codec: Codec = Codec.H264
    width: Annotated[int, Field(gt=0, multiple_of=2)]
    height: Annotated[int, Field(gt=0, multiple_of=2)]
    crf: float | None = Field(default=None, description="of the codec's own scale; none: the bit rate is aimed at")
    bitrate_kbps: int = Field(description="the average that is aimed at, or with a CRF, expected")
    maxrate_kbps: int
    buffer_kbits: int = Field(description="the VBV buffer")
    profile: Literal["main", "high", "main10"]
    preset: str
    tier: Tier
    dynamic_range: DynamicRange = DynamicRange.SDR

    @model_validator(mode="after")
    def _hdr10_has_ten_bits(self) -> Self:
        deep = self.codec is Codec.AV1 or self.profile == "main10"
        if self.dynamic_range is DynamicRange.HDR10 and not deep:
            raise ValueError(f"rung {self.rung} is HDR10 and has 8 bits: make it AV1, or H.265 of the profile main10")
        return self

    @property
    def peak_kbits(self) -> int:
        """The declared peak, of any one second: what flows into the VBV buffer meanwhile, and what it holds."""
        return self.maxrate_kbps + self.buffer_kbits

    def with_rates(self, factor: float) -> VideoRecipe:
        """Return the same rung with `factor` times the rates; a quality that is aimed at stays what it is."""
        rates = ("bitrate_kbps", "maxrate_kbps", "buffer_kbits")
        return self.model_copy(update={rate: round(getattr(self, rate) * factor) for rate in rates})

    def with_more(self, factor: float) -> VideoRecipe:
        """Return the same rung with `factor` times the bits."""
        more = self.with_rates(factor)
        if self.crf is None:
            return more
        return more.model_copy(update={"crf": round(self.crf - CRF_PER_DOUBLING[self.codec] * log2(factor), 2)})


class SourcePicture(Record):
    """What the samples of a source's picture mean: ffmpeg's words, of which no other gets into a filter."""

    scan: Literal["progressive", "tff", "bff"] = Field(
        default="progressive", description="interlaced: the top, or the bottom field first"
    )
    primaries: Literal["bt709", "smpte170m", "bt470bg", "bt2020"] = "bt709"
    matrix: Literal["bt709", "smpte170m", "bt470bg", "bt2020nc"] = "bt709"
    full_range: bool = False
    hdr: HdrFacts | None = Field(default=None, description="none: standard dynamic range, by the curve of BT.709")


class SoundCodec(StrEnum):
    """What sound is coded in."""

    AAC = "aac"
    """AAC-LC: what every player knows."""
    HE_AAC = "heaac"
    """HE-AAC, version 1: AAC-LC at half the sample rate, and spectral band replication."""
    AC3 = "ac3"
    EAC3 = "eac3"


class SoundRecipe(Record):
    """How sound is encoded, whatever its language. A recipe is data, as a rung is."""

    name: Slug = Field(description="in HLS, that of the group")
    codec: SoundCodec
    kbps: dict[int, int] = Field(description="bit rate by channels: sound gets the most of them that it has")

    @field_validator("kbps")
    @classmethod
    def _mono_has_its_place(cls, kbps: dict[int, int]) -> dict[int, int]:
        if 1 not in kbps:
            message = "a recipe says the bit rate of 1 channel as well"
            raise ValueError(message)
        return kbps


class LoudnessTarget(Record):
    """Where loudness is brought to, by one gain for the whole track."""

    integrated_lkfs: Annotated[float, Field(lt=0, description="of the programme, EBU R 128's integrated loudness")]
    true_peak_dbtp: Annotated[float, Field(le=0, description="which no track exceeds: it stays less loud instead")]


class SoundRules(Record):
    """What is made of a film's sound."""

    recipes: Annotated[tuple[SoundRecipe, ...], Field(min_length=1)]
    loudness: LoudnessTarget

    @field_validator("recipes")
    @classmethod
    def _names_are_unique(cls, recipes: tuple[SoundRecipe, ...]) -> tuple[SoundRecipe, ...]:
        if len({recipe.name for recipe in recipes}) != len(recipes):
            message = "two recipes have one name"
            raise ValueError(message)
        rates = [(recipe.codec, channels, kbps) for recipe in recipes for channels, kbps in recipe.kbps.items()]
        twice = next((rate for rate in rates if rates.count(rate) > 1), None)
        if twice is not None:
            codec, channels, kbps = twice
            message = (
                f"two recipes have {kbps} kbit/s of {channels} channels in {codec}: their tracks would be called alike"
            )
            raise ValueError(message)
        return recipes


class AudioTrack(Record):
    """One track of sound: from what, and how it is encoded."""

    name: str = Field(description="unique in the plan, for example ``en_stereo_128k``")
    streams: Annotated[tuple[int, ...], Field(min_length=1, max_length=2)] = Field(
        description="of the source's sound, by their places; two are the left and the right channel"
    )
    language: Language
    role: AudioRole = AudioRole.MAIN
    number: int = Field(default=1, ge=1, description="of those with its language and role")
    recipe: Slug
    codec: SoundCodec
    channels: int
    bitrate_kbps: int
    loudness: LoudnessTarget
    atmos: int | None = Field(
        default=None, description="the complexity index of Dolby Atmos: it stays as delivered; none: it is encoded"
    )

    @property
    def label(self) -> str:
        """What tells it from every other track of its recipe, for example ``en commentary``."""
        role = [] if self.role is AudioRole.MAIN else [self.role.value]
        number = [] if self.number == 1 else [str(self.number)]
        return " ".join((self.language, *role, *number))


class JobSize(Record):
    """What a job holds of a machine."""

    vcpus: Annotated[int, Field(gt=0)]
    memory_mib: Annotated[int, Field(gt=0)]


class Chunk(Record):
    """A run of whole segments, by frame number."""

    index: int
    first_frame: int
    frames: int


class Excerpt(Record):
    """A run of frames that stands for a part of the film."""

    first_frame: Annotated[int, Field(ge=0)]
    frames: Annotated[int, Field(ge=1)]
    share: Annotated[float, Field(gt=0, le=1, description="of the film; those of a plan sum to 1")]
    shot_frames: Annotated[int, Field(ge=1)] | None = Field(
        default=None, description="of the shot that it is from: the next one begins with a new picture; none: unknown"
    )


class SearchRules(Record):
    """What the search for a title's ladder is held to."""

    excerpts: Annotated[int, Field(ge=1, description="of different shots, at most")]
    excerpt_s: Annotated[float, Field(gt=0, description="how long each is, at most")]
    most_rungs: Annotated[int, Field(ge=1, description="a codec")]
    step: Annotated[
        float, Field(gt=1, description="a rung's bit rate over that of the next lower one, if there are rungs enough")
    ] = 2.0
    floor_kbps: Annotated[int, Field(gt=0, description="of the lowest rung: what the slowest line carries")]
    margin: Annotated[float, Field(ge=0, description="of VMAF, above the target: excerpts are not the film")] = 0.5
    tolerance: Annotated[
        float, Field(gt=0, description="of VMAF: how far below its prediction a lower rung may come out")
    ] = 6.0


class Floor(Record):
    """What the best rung of a codec has to reach, if it is of the tier that this is for."""

    vmaf_mean: Annotated[float, Field(ge=0, le=100)] = VMAF_TARGET
    vmaf_p5: Annotated[float, Field(ge=0, le=100, description="of its 5th percentile over frames")]


class QualityFloor(Record):
    """What a rendition has to reach before it is packaged."""

    rung: Slug
    vmaf_mean: Annotated[float, Field(ge=0, le=100)]
    vmaf_p5: Annotated[float, Field(ge=0, le=100, description="of its 5th percentile over frames")]

    def reached(self, *, mean: float, p5: float) -> bool:
        """Say whether a mean and a 5th percentile of VMAF are enough."""
        return mean >= self.vmaf_mean and p5 >= self.vmaf_p5


class Raise(Record):
    """A chunk of a rung that fell short, and is encoded with more bits."""

    rung: Slug
    chunk: Annotated[int, Field(ge=0)]
    times: Annotated[int, Field(ge=1, le=MOST_RAISES)]


class Repackaged(Record):
    """The version whose tracks are packaged anew: no picture or sound is encoded."""

    version_id: str
    keys: tuple[ContentKey, ...] = Field(description="that it is encrypted with")


class EncodingPlan(Record):
    """Everything that the jobs of one version need to know."""

    schema_version: Literal[1] = 1
    studio: Slug
    delivery_id: str
    title_id: Slug
    version_id: str
    priority: Priority = Priority.LICENSED
    mode: EncodingMode = EncodingMode.NORMAL
    vmaf_target: Annotated[float, Field(ge=0, le=100, description="what the ladder was chosen for")] = VMAF_TARGET
    source: ObjectRef
    subtitles: tuple[SubtitleSource, ...] = ()
    thumbnails: ObjectRef | None = Field(default=None, description="the WebVTT track of the seek thumbnails")
    work_bucket: str
    media_bucket: str
    frame_rate: Rational
    frames: int
    width: Annotated[int, Field(description="of the source as it is shown, of square pixels, even")]
    height: Annotated[int, Field(description="the same")]
    picture: SourcePicture = SourcePicture()
    picture_start_s: float = Field(
        default=0.0, ge=0, description="when the source's picture begins, after whichever of its streams is first"
    )
    segment_frames: int = Field(description="frames a segment, and the distance of key frames")
    segment_s: float = Field(description="seconds a segment, exactly: segment_frames over frame_rate")
    chunks: tuple[Chunk, ...]
    video: tuple[VideoRecipe, ...] = Field(description="until the search is done, the fixed ladder")
    fixed: tuple[VideoRecipe, ...] = Field(
        default=(),
        description="the fixed ladder: it gives the search its sizes, and of SDR something to be compared with",
    )
    excerpts: tuple[Excerpt, ...] = Field(default=(), description="what is tried on")
    search: SearchRules | None = Field(default=None, description="none: nothing is searched")
    ladder: LadderReport | None = Field(default=None, description="what was found; none: not yet")
    floors: tuple[QualityFloor, ...] = Field(default=(), description="of the rungs that are held to one")
    raised: tuple[Raise, ...] = Field(default=(), description="by rung and chunk; a chunk stands here once")
    audio: tuple[AudioTrack, ...] = Field(default=(), description="the first is what is heard unless another is chosen")
    keys: tuple[ContentKey, ...]
    repackages: Repackaged | None = Field(default=None, description="none: its tracks are encoded")

    def display_of(self, codec: Codec) -> tuple[int, int]:
        """Return the width and height of the screen that a codec's pictures are judged on: those of its largest rung.

        Viewers of a larger one get another codec; on theirs, no rung of this one could be good enough. Without a fixed
        ladder it is the source's size.
        """
        sizes = [(recipe.width, recipe.height) for recipe in self.fixed if recipe.codec is codec]
        return max(sizes, key=lambda size: size[0] * size[1], default=(self.width, self.height))

    @property
    def winding(self) -> tuple[VideoRecipe, ...]:
        """The rungs by which players wind: the smallest of each codec, as a picture that is seen so shortly needs.

        A film of one segment has one key frame, and nothing to wind by.
        """
        if self.frames <= self.segment_frames:
            return ()
        codecs = dict.fromkeys(recipe.codec for recipe in self.video)
        return tuple(
            min(
                (recipe for recipe in self.video if recipe.codec is codec),
                key=lambda recipe: (recipe.width * recipe.height, recipe.bitrate_kbps),
            )
            for codec in codecs
        )

    def recipe(self, rung: str, chunk: int) -> VideoRecipe:
        """Return how a chunk of a rung is encoded: as the ladder says, or with more bits.

        Raises
        ------
        ValueError
            If the plan has no such rung.
        """
        [recipe] = [recipe for recipe in self.video if recipe.rung == rung]
        factor = RAISE ** next((found.times for found in self.raised if (found.rung, found.chunk) == (rung, chunk)), 0)
        return recipe.with_more(factor) if factor > 1 else recipe


class ChunkScore(Record):
    """VMAF of a chunk of a rendition."""

    chunk: int
    vmaf_mean: float
    vmaf_p5: float


class WorstFrame(Record):
    """The frame of a rendition, or of one of its chunks, that lost most."""

    frame: Annotated[int, Field(ge=0)]
    timecode: str = Field(description="HH:MM:SS:FF, without dropped numbers")
    vmaf: float
    pictures: tuple[ObjectRef, ...] = Field(default=(), description="it, of the source and of the rendition")


class RungScore(Record):
    """How far one rendition is from the source, on every frame."""

    rung: str
    frames: int
    vmaf_mean: float
    vmaf_harmonic_mean: float
    vmaf_p5: float
    vmaf_min: float
    vmaf_neg_mean: float | None = Field(
        description="by the model that gives nothing for sharpening; none: the rung is held to no 5th percentile"
    )
    psnr_y_mean: float = Field(description="in dB, of luma")
    ssim_mean: float
    chunks: tuple[ChunkScore, ...]
    worst: WorstFrame
    others: Annotated[tuple[WorstFrame, ...], Field(max_length=MOST_WORST - 1)] = Field(
        default=(), description="the worst of every other chunk that is below the floor, the worst first"
    )


class Loudness(Record):
    """How loud sound is, by EBU R 128."""

    integrated_lkfs: float | None = Field(description="none: nothing is louder than its gate, -70")
    true_peak_dbtp: float | None = Field(description="none: digital silence")


class LoudnessReport(Record):
    """What was measured of a track of sound, and what was done about it."""

    track: str
    before: Loudness = Field(description="mixed to its channels, and not yet encoded; of Atmos, of its 5.1, decoded")
    gain_db: float
    after: Loudness = Field(description="encoded, and decoded again; of Atmos, the same")


class Making(Record):
    """How a version was made: what one needs that has the same tracks."""

    plan: EncodingPlan
    scores: tuple[RungScore, ...]
    loudness: tuple[LoudnessReport, ...]


class PackageReport(Record):
    """What lies in the media bucket after packaging."""

    schema_version: Literal[1] = 1
    duration_s: float
    dash: str
    hls: str
    poster: str
    thumbnails: str | None = None
    renditions: tuple[Rendition, ...]
    key_ids: dict[Tier, str]


class Fault(Record):
    """One thing that a player would stumble over."""

    subject: str = Field(description="a manifest, a track, or a segment: a path below the version's prefix")
    message: str


class CheckedTrack(Record):
    """One track of a packaged version, and what decoding some of it gave."""

    track: str = Field(description="its folder, for example ``video/1080p``")
    segments: int
    first: int | None = Field(description="frames, samples or cues of the first segment; none: not decoded")
    middle: int | None = Field(default=None, description="the same of the segment in the middle")
    last: int | None = Field(description="the same of the last segment")


class VerificationReport(Record):
    """What a player would find in the media bucket: the check that stands between a version and its publication."""

    schema_version: Literal[1] = 1
    checked_at: AwareDatetime
    objects: int = Field(description="that the manifests name, and that are there")
    tracks: tuple[CheckedTrack, ...]
    faults: tuple[Fault, ...] = ()

    @property
    def verified(self) -> bool:
        """Whether nothing was found."""
        return not self.faults
