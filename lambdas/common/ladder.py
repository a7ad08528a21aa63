"""The ladder of a title, and the evidence for it: what was tried, what came out, and what it saves.

Bit rates are in kbit/s. VMAF is that of the excerpts, frame by frame, on the screen that
the codec's largest fixed rung fills.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from lambdas.common.media import Record, Slug, Tier


class Codec(StrEnum):
    """What a picture is coded with."""

    H264 = "h264"
    H265 = "h265"
    AV1 = "av1"


class DynamicRange(StrEnum):
    """How much light a picture is coded for."""

    SDR = "sdr"
    """BT.709, limited range."""
    HDR10 = "hdr10"
    """BT.2020 with PQ, limited range, and what displays want to know of the master (SMPTE ST 2086, CTA-861.3)."""


class Probe(Record):
    """One trial: the excerpts at a size and a quality."""

    width: int
    height: int
    crf: float = Field(description="constant rate factor, of the codec's own scale: less is better")
    kbps: float = Field(description="as it would be in the film, where key frames are a segment apart")
    vmaf: float = Field(description="mean over frames, the excerpts weighted by what they stand for")
    vmaf_p5: float


class FixedRung(Record):
    """A rung of the ladder that every title would get, on the same excerpts."""

    rung: Slug
    width: int
    height: int
    kbps: float = Field(description="as it came out, and not as it was asked for")
    vmaf: float


class SearchedRung(Record):
    """A rung that was chosen for this title."""

    rung: Slug
    width: int
    height: int
    tier: Tier
    crf: float
    kbps: float
    vmaf: float


class EqualQuality(Record):
    """What a fixed rung's quality costs on the hull."""

    rung: Slug
    vmaf: float
    fixed_kbps: float
    hull_kbps: float
    saving_pct: float = Field(description="100 x (1 - hull_kbps / fixed_kbps); negative: the hull needs more")


class Savings(Record):
    """What a title's own ladder saves against the fixed one, both ways; negative: it needs more."""

    equal_vmaf_pct: float | None = Field(
        description="the mean of `equal_vmaf`'s savings; none: no fixed rung's quality lies on the hull"
    )
    equal_vmaf: tuple[EqualQuality, ...]
    at_target_pct: float = Field(
        description="100 x (1 - kbps of the best rung / kbps of the best fixed rung): the target is reached, "
        "and what lies above it is not paid for"
    )
    fixed_misses_target: bool = Field(description="the best fixed rung stays below the target: more bits are right")


class CodecLadder(Record):
    """A title's ladder in one codec."""

    codec: Codec
    probes: tuple[Probe, ...] = Field(description="in the order in which they were tried")
    hull: tuple[Probe, ...] = Field(description="upper convex hull in (log kbps, VMAF), rising")
    rungs: tuple[SearchedRung, ...] = Field(description="the best first")
    fixed: tuple[FixedRung, ...]
    savings: Savings
    hdr10: tuple[SearchedRung, ...] = Field(
        default=(), description="the same for HDR10, the best first; VMAF is that of its tone-mapped picture"
    )

    @property
    def made(self) -> tuple[SearchedRung, ...]:
        """Every rung that is encoded."""
        return (*self.rungs, *self.hdr10)


class LadderReport(Record):
    """How a title's ladder was found."""

    schema_version: Literal[1] = 1
    vmaf_target: float = Field(description="what the best rung is held to")
    margin: float = Field(description="by how much more it was aimed at")
    excerpts: Annotated[int, Field(ge=1)]
    excerpt_frames: Annotated[int, Field(ge=1, description="of all excerpts")]
    search_frames: int = Field(description="encoded by the search")
    fixed_frames: int = Field(description="encoded to compare with the fixed ladder")
    hdr10_frames: int = Field(default=0, description="encoded to find the qualities of HDR10 rungs")
    grid_frames: int = Field(description="that every size at every whole CRF would have encoded")
    ladders: tuple[CodecLadder, ...]

    @property
    def search_frames_ratio(self) -> float:
        """What was encoded, of what the whole grid would have been."""
        return self.search_frames / self.grid_frames
