"""The codecs: what ffmpeg is told, so that a picture is coded as its recipe says."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from encoder.color import svt_metadata, x265_metadata
from encoder.tools import threads
from lambdas.common.ladder import Codec, DynamicRange
from lambdas.common.media import HdrFacts
from lambdas.encoding.models import VideoRecipe

EIGHT_BITS, TEN_BITS = "yuv420p", "yuv420p10le"
# Longer than any film: nothing but what is forced is a key frame.
_NEVER = 1_000_000
# SVT-AV1 refuses to be capped at more.
_MOST_AV1_KBPS = 100_000


class CrfRange(NamedTuple):
    """The constant rate factors of a codec that are worth trying, from the best picture to the smallest file."""

    first: float
    last: float
    step: float


CRF_RANGE: Mapping[Codec, CrfRange] = MappingProxyType(
    {
        Codec.H264: CrfRange(first=15, last=45, step=0.5),
        Codec.H265: CrfRange(first=15, last=45, step=0.5),
        Codec.AV1: CrfRange(first=20, last=63, step=1),
    }
)


def pixel_format(recipe: VideoRecipe) -> str:
    """Return the pixel format that a recipe's picture is coded in: 10 bits in AV1 and in Main 10, else 8."""
    # AV1's Main profile has both depths; 10 bits band less, and cost next to nothing.
    return TEN_BITS if recipe.codec is Codec.AV1 or recipe.profile == "main10" else EIGHT_BITS


def video_options(
    recipe: VideoRecipe, *, gop: int, key_frames: str | None = None, hdr: HdrFacts | None = None
) -> tuple[str, ...]:
    """Return ffmpeg's options of a recipe: encoder, quality or bit rate, peak, closed GOPs, threads.

    Parameters
    ----------
    recipe
        How it is encoded; with a `crf` the bit rate is not aimed at, and the peak is. SVT-AV1 may miss it: see
        `encoder.chunk`.
    gop
        Frames from one key frame to the next; there is no other key frame.
    key_frames
        A value of ``-force_key_frames`` that says where they are instead.
    hdr
        What the source says of its master; an HDR10 rung says it as well.
    """
    common = ("-pix_fmt", pixel_format(recipe), "-threads", str(threads()))
    forced = () if key_frames is None else ("-force_key_frames", key_frames)
    told = hdr if recipe.dynamic_range is DynamicRange.HDR10 else None
    return (*_OPTIONS[recipe.codec](recipe, gop if key_frames is None else _NEVER, told), *forced, *common)


def _h264(recipe: VideoRecipe, gop: int, _hdr: HdrFacts | None) -> tuple[str, ...]:
    return (
        *("-c:v", "libx264", "-preset", recipe.preset, "-profile:v", recipe.profile),
        *_rate(recipe),
        *(*_fixed(gop), "-x264-params", "open-gop=0"),
    )


def _h265(recipe: VideoRecipe, gop: int, hdr: HdrFacts | None) -> tuple[str, ...]:
    # `hvc1`: Apple's players take no `hev1`. `info=0`: no program version in what viewers receive. x265 takes
    # every processor unless `pools` says otherwise.
    quiet = ("open-gop=0", "info=0", "log-level=error", f"pools={threads()}")
    return (
        *("-c:v", "libx265", "-preset", recipe.preset, "-profile:v", recipe.profile, "-tag:v", "hvc1"),
        *_rate(recipe),
        *(*_fixed(gop), "-forced-idr", "1"),
        *("-x265-params", ":".join((*quiet, *(x265_metadata(hdr) if hdr else ())))),
    )


def _av1(recipe: VideoRecipe, gop: int, hdr: HdrFacts | None) -> tuple[str, ...]:
    rate: tuple[str, ...] = ("-b:v", f"{recipe.bitrate_kbps}k")
    parameters = svt_metadata(hdr) if hdr else ()
    # SVT-AV1 caps a constant quality only.
    if recipe.crf is not None:
        rate = ("-maxrate", f"{min(recipe.maxrate_kbps, _MOST_AV1_KBPS)}k", "-bufsize", f"{recipe.buffer_kbits}k")
        # ffmpeg's own option for the CRF rounds to whole numbers without a word; SVT-AV1 takes quarters.
        parameters = (f"crf={round(recipe.crf * 4) / 4:g}", *parameters)
    return (
        *("-c:v", "libsvtav1", "-preset", recipe.preset, "-g", str(gop), "-flags", "+cgop"),
        *rate,
        *(("-svtav1-params", ":".join(parameters)) if parameters else ()),
    )


def _rate(recipe: VideoRecipe) -> tuple[str, ...]:
    aimed_at = ("-b:v", f"{recipe.bitrate_kbps}k") if recipe.crf is None else ("-crf", f"{recipe.crf:g}")
    return (*aimed_at, "-maxrate", f"{recipe.maxrate_kbps}k", "-bufsize", f"{recipe.buffer_kbits}k")


def _fixed(gop: int) -> tuple[str, ...]:
    return ("-g", str(gop), "-keyint_min", str(gop), "-sc_threshold", "0")


_OPTIONS = {Codec.H264: _h264, Codec.H265: _h265, Codec.AV1: _av1}
