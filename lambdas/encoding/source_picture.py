"""What the facts of a source say of its picture, as a plan has it. Pure.

Ingestion refuses most of what is unusual (`lambdas/ingestion/picture_rules.py`, `color_rules.py`): interlaced pictures,
stretched pixels, odd sizes, untagged colours, PQ without metadata. The encoder does not build on that: what it is given
comes out right, or is refused here.
"""

from __future__ import annotations

from fractions import Fraction
from math import ceil
from typing import NamedTuple

from pydantic import ValidationError

from lambdas.common.errors import PermanentError
from lambdas.common.media import HdrFacts, Transfer, VideoFacts
from lambdas.encoding.models import SourcePicture

# The first letter counts: QuickTime calls 9 (`tb`) what has the first line early, and encoders write it so.
_TOP_FIRST, _BOTTOM_FIRST = frozenset({"tt", "tb"}), frozenset({"bb", "bt"})
_INTERLACED = frozenset({"Interlaced", "MBAFF", "PAFF", "Mixed"})
_SDR_CURVES = frozenset({None, "bt709", "smpte170m", "bt470bg"})
_SD_LINES = 576
_SD_525_LINES = 486


class PictureNotTakenError(PermanentError):
    """Nobody could say what the picture of a source should look like; the message says why."""


class Size(NamedTuple):
    """Of a picture of square pixels."""

    width: int
    height: int


def shown_size(video: VideoFacts) -> Size:
    """Return the size that a picture is shown at: its lines stay, and stretched pixels are made square.

    Both are even, as 4:2:0 demands; of two as near the lower.
    """
    aspect = Fraction(video.sample_aspect_ratio or 1)
    return Size(width=even(video.width * aspect), height=even(Fraction(video.height)))


def even(pixels: Fraction) -> int:
    """Return the even number next to `pixels`; of two as near the lower, so that nothing is enlarged."""
    return max(2, ceil(pixels / 2 - Fraction(1, 2)) * 2)


def source_picture(video: VideoFacts) -> SourcePicture:
    """Return what a picture's samples mean.

    What it leaves unsaid is taken for what its kind mostly has: BT.2020 for PQ and HLG, BT.709 for more than 576 lines,
    BT.601 for fewer, of the 525-line systems up to 486. Interlaced pictures that do not say which field is first have
    the top one first.

    Raises
    ------
    PictureNotTakenError
        If its frames do not lie evenly, or its colours are of no space that is known.
    """
    if video.constant_frame_rate is False:
        raise PictureNotTakenError(
            "`constant_frame_rate` is false: chunks and segments are counted in frames. Conform the film to one rate"
        )
    scan = "tff" if video.scan_type in _INTERLACED else "progressive"
    if video.field_order in _TOP_FIRST | _BOTTOM_FIRST:
        scan = "tff" if video.field_order in _TOP_FIRST else "bff"
    return SourcePicture.model_validate({"scan": scan, **_colors(video)})


def _colors(video: VideoFacts) -> dict[str, object]:
    hdr = video.hdr
    if hdr is None and video.color_transfer not in _SDR_CURVES:
        raise PictureNotTakenError(
            f"`color_transfer` is {video.color_transfer}, which nobody here can convert: deliver BT.709, PQ or HLG"
        )
    usual = "bt709"
    if video.height <= _SD_LINES:
        usual = "smpte170m" if video.height <= _SD_525_LINES else "bt470bg"
    said: dict[str, object] = {
        "primaries": video.color_primaries or ("bt2020" if hdr else usual),
        "matrix": video.color_space or ("bt2020nc" if hdr else usual),
        "full_range": video.color_range == "pc",
        "hdr": hdr,
    }
    try:
        SourcePicture.model_validate(said)
    except ValidationError as error:
        raise PictureNotTakenError(
            f"the colours are {said['primaries']} with the matrix {said['matrix']}, and one of them nobody here can "
            "convert: deliver BT.709, BT.601 or BT.2020"
        ) from error
    return said


def is_pq(hdr: HdrFacts | None) -> bool:
    """Say whether HDR10 can be made of a source: PQ it has to be."""
    return hdr is not None and hdr.transfer is Transfer.PQ
