"""How long one vCPU takes for what the farm does, as it was measured: what a prediction of cost goes by. Pure."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from lambdas.common.errors import PermanentError
from lambdas.common.ladder import Codec
from lambdas.common.media import Record, Transfer
from lambdas.encoding.models import VideoRecipe


class UnknownPresetError(PermanentError):
    """Nobody has measured how fast a preset is; the message names the remedy."""


class Span(Record):
    """A figure for a film that is easy to encode, and for the one that is expected: neither is a bound."""

    low: float = Field(ge=0, allow_inf_nan=False)
    expected: float = Field(ge=0, allow_inf_nan=False)

    @model_validator(mode="after")
    def _low_is_low(self) -> Self:
        if self.low > self.expected:
            raise ValueError(f"{self.low} is more than {self.expected}")
        return self

    def __add__(self, other: Span) -> Span:
        return Span(low=self.low + other.low, expected=self.expected + other.expected)

    def __mul__(self, factor: float) -> Span:
        return Span(low=self.low * factor, expected=self.expected * factor)


class SpeedTable(Record):
    """How many seconds one vCPU takes for what.

    "A megapixel" is one of one frame: a frame of 1920 x 1080 has 2.07 of them.
    """

    machine: str = Field(description="what it was measured on, and when")
    job_start_s: Span = Field(description="a job, before and after its work, from its claim on")
    read_s: Span = Field(description="a megapixel of the source: decoded, and scaled to a rung")
    encode_s: dict[Codec, dict[str, Span]] = Field(description="a megapixel of the rung, by codec and preset")
    tone_map_s: dict[Transfer, Span] = Field(description="a megapixel of an SDR picture that is made of HDR")
    score_s: Span = Field(description="a megapixel of the source: both sides decoded, one scaled, and VMAF")
    skim_s: Span = Field(description="a megapixel of the source that is read for its sound alone")
    audio_s: Span = Field(description="a second of a track of sound: mixed, measured, encoded, measured")
    join_s: Span = Field(description="a megabyte of a rendition")
    package_s: Span = Field(description="a megabyte of all renditions and the sound")
    verify_s: Span = Field(description="a rendition, or a track of sound")
    parallel_share: float = Field(ge=0, le=1, description="of encoding and scoring, what the vCPUs share among them")

    def encode(self, recipe: VideoRecipe) -> Span:
        """Return the seconds a megapixel of a recipe's preset.

        Raises
        ------
        UnknownPresetError
            If it was not measured.
        """
        try:
            return self.encode_s[recipe.codec][recipe.preset]
        except KeyError:
            measured = ", ".join(self.encode_s.get(recipe.codec, {})) or "none"
            raise UnknownPresetError(
                f"nobody has measured the preset {recipe.preset!r} of {recipe.codec}, only {measured}: "
                f"measure it as MEASURED in lambdas/encoding/speed.py says, and add it there"
            ) from None


MEASURED = SpeedTable(
    machine="one vCPU of an AMD EPYC of the third generation (2.45 GHz), 2026-11-22",
    job_start_s=Span(low=0.3, expected=2.0),
    read_s=Span(low=0.009, expected=0.017),
    encode_s={
        Codec.H264: {
            "ultrafast": Span(low=0.006, expected=0.009),
            "superfast": Span(low=0.012, expected=0.019),
            "veryfast": Span(low=0.018, expected=0.028),
            "faster": Span(low=0.030, expected=0.046),
            "fast": Span(low=0.039, expected=0.056),
            "medium": Span(low=0.044, expected=0.078),
            "slow": Span(low=0.069, expected=0.136),
            "slower": Span(low=0.095, expected=0.24),
            "veryslow": Span(low=0.20, expected=0.44),
        },
        Codec.H265: {
            "medium": Span(low=0.14, expected=0.175),
            "slow": Span(low=0.28, expected=0.43),
        },
        Codec.AV1: {
            "8": Span(low=0.076, expected=0.097),
            "6": Span(low=0.142, expected=0.178),
        },
    },
    tone_map_s={
        Transfer.PQ: Span(low=0.025, expected=0.03),
        Transfer.HLG: Span(low=0.055, expected=0.06),
    },
    score_s=Span(low=0.04, expected=0.06),
    skim_s=Span(low=0.0005, expected=0.004),
    audio_s=Span(low=0.035, expected=0.05),
    join_s=Span(low=0.009, expected=0.025),
    package_s=Span(low=0.013, expected=0.03),
    verify_s=Span(low=0.4, expected=0.5),
    parallel_share=0.95,
)
"""Measured with the ffmpeg of imageio-ffmpeg 0.8.1, as CPU time (user and system) with one thread, on a
machine that did other work beside, which lengthens it somewhat.

Three clips of five seconds were made of 1920 x 1080 at 24 frames a second, ProRes 422 HQ: ``testsrc2`` (63 Mbit/s), the
same with ``noise=alls=8:allf=t+u`` (187 Mbit/s), and Big Buck Bunny, enlarged (180 Mbit/s). `low` is the first, and
`expected` the mean of the other two, each over the rungs that have the preset, or over 854 x 480 at 1,500 kbit/s where
no ladder has it. Of H.265 and AV1 it is the first second of each clip, at 854 x 480, and with production's presets
at 1920 x 1080, on 2026-11-23; measured so, x264's ``slow`` came out as it stands here for the first clip, and a fifth
below for the other two. To measure again, on a Graviton host above all, where nobody has:

- ``read_s``: ``ffmpeg -benchmark -threads 1 -filter_threads 1 -i CLIP -map 0:v -vf FILTERS -f null -`` with the filters
  of `encoder.chunk`; ``utime`` and ``stime`` over frames times megapixels of the clip.
- ``encode_s``: the whole command of `encoder.chunk` with ``-threads 1``, less the above, over megapixels of the rung.
- ``tone_map_s``: the filters of an SDR rung as `encoder.color` makes them of BT.2020, less the same without conversion;
  measured on ten frames of ``testsrc2``, and with noise, which takes as long, at 1080 and 720 lines (2026-11-23).
- ``score_s``: the command of `encoder.score` with one thread, and VMAF alone. PSNR and SSIM take a tenth more, the NEG
  model of a best rung seven tenths; neither is counted.
- ``audio_s`` (`low` is stereo in AAC, the other 5.1 in AC-3, of two minutes), ``join_s``, ``package_s``: a long track,
  the same way, through the commands of `encoder.audio`, `encoder.join` and `encoder.packager`; of ``verify_s`` the
  whole task.
- ``job_start_s``: a task whose work is nothing, and one that opens the source, with moto for S3.

Every task over the third clip took 133 s of CPU time with the sandbox's ladder and 261 s with production's H.264, where
`predict` says 131 s and 269 s for one vCPU; the clip and the start of a job are among what the table was made of.

Assumed, and not measured: a gigabit a second to and from S3 where a job mostly carries bytes (``skim_s`` of a ProRes
source, ``join_s``, ``package_s``; `low` is without it), and `parallel_share`.
"""
