"""The rules of a picture's colour: what it says of itself has to be whole, of one piece, and plausible.

An encoder that has to guess shows a film in the wrong colours, and nobody hears of it but the viewers.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from lambdas.common.events import Finding
from lambdas.common.media import Chromaticity, HdrFacts, MasteringDisplay, Transfer, VideoFacts
from lambdas.ingestion.findings import EXPORT_AGAIN, finding


class ColorSpace(NamedTuple):
    """A colour space that is taken: what its three tags may say, in ffmpeg's words."""

    name: str
    primaries: frozenset[str]
    transfers: frozenset[str]
    matrices: frozenset[str]


_REC_601 = frozenset({"smpte170m", "bt470bg"})
COLOR_SPACES = (
    ColorSpace("BT.709", frozenset({"bt709"}), frozenset({"bt709"}), frozenset({"bt709"})),
    # 525 and 625 lines each have their own; many tools write BT.709's transfer function, which is the same curve.
    ColorSpace("BT.601", _REC_601, frozenset({"smpte170m", "bt709", "bt470bg"}), _REC_601),
    ColorSpace("BT.2020 PQ", frozenset({"bt2020"}), frozenset({"smpte2084"}), frozenset({"bt2020nc"})),
    ColorSpace("BT.2020 HLG", frozenset({"bt2020"}), frozenset({"arib-std-b67"}), frozenset({"bt2020nc"})),
)
MIN_HDR_BIT_DEPTH = 10
MAX_LUMINANCES = (100.0, 10_000.0)
"""Of a display for grading in high dynamic range, in cd/m²: the least and the most, which is PQ's own."""
MAX_BLACK = 1.0
"""How bright such a display's black may be, in cd/m²."""
D65 = Chromaticity(x=0.3127, y=0.3290)
GAMUTS = {
    "P3": (Chromaticity(x=0.680, y=0.320), Chromaticity(x=0.265, y=0.690), Chromaticity(x=0.150, y=0.060)),
    "BT.2020": (Chromaticity(x=0.708, y=0.292), Chromaticity(x=0.170, y=0.797), Chromaticity(x=0.131, y=0.046)),
}
CHROMATICITY_TOLERANCE = 0.01
_NAMES = ", ".join(space.name for space in COLOR_SPACES)


def untagged(name: str, video: VideoFacts) -> Finding | None:
    """All three tags are there."""
    missing = [what for what, said in _tags(video).items() if said is None]
    if not missing:
        return None
    return finding(
        "COLOR_UNTAGGED",
        subject=name,
        message=f"the file does not say the picture's {', '.join(missing)}",
        remedy=f"Tag the picture with primaries, transfer and matrix of what it was graded in ({_NAMES}): "
        f"{EXPORT_AGAIN}.",
    )


def not_allowed(name: str, video: VideoFacts) -> Finding | None:
    """Every tag that is there belongs to a colour space that is taken."""
    known = {
        "primaries": frozenset().union(*(space.primaries for space in COLOR_SPACES)),
        "transfer": frozenset().union(*(space.transfers for space in COLOR_SPACES)),
        "matrix": frozenset().union(*(space.matrices for space in COLOR_SPACES)),
    }
    wrong = [f"{what} {said}" for what, said in _tags(video).items() if said is not None and said not in known[what]]
    if not wrong:
        return None
    return finding(
        "COLOR_NOT_ALLOWED",
        subject=name,
        message=f"the picture's {', '.join(wrong)} is of no colour space that is taken",
        remedy=f"Convert the picture to one of {_NAMES}; P3 comes within BT.2020: {EXPORT_AGAIN}.",
    )


def inconsistent(name: str, video: VideoFacts) -> Finding | None:
    """The three tags belong to one colour space."""
    tags = _tags(video)
    if None in tags.values() or not_allowed(name, video) or _color_space(video):
        return None
    return finding(
        "COLOR_INCONSISTENT",
        subject=name,
        message=f"{', '.join(f'{what} {said}' for what, said in tags.items())} belong to no one colour space",
        remedy=f"Correct the tags to those of what the picture was graded in ({_NAMES}): {EXPORT_AGAIN}.",
    )


def shallow_hdr(name: str, video: VideoFacts) -> Finding | None:
    """PQ and HLG have ten bits at least: with eight, skies show bands."""
    if video.hdr is None or (video.bit_depth or 0) >= MIN_HDR_BIT_DEPTH:
        return None
    return finding(
        "HDR_BIT_DEPTH",
        subject=name,
        message=f"{video.hdr.transfer.upper()} with {video.bit_depth or 'an unknown number of'} bits a sample; "
        f"the least is {MIN_HDR_BIT_DEPTH}",
        remedy=f"Export it again from the master with {MIN_HDR_BIT_DEPTH} bits or more, not from an 8 bit copy; "
        "deliver it with a manifest of its new size and checksum.",
    )


def no_hdr10_metadata(name: str, video: VideoFacts) -> Finding | None:
    """PQ comes with the mastering display, MaxCLL and MaxFALL, which displays need to map it."""
    hdr = video.hdr
    if hdr is None or hdr.transfer is not Transfer.PQ:
        return None
    there = {
        "mastering display (SMPTE ST 2086)": hdr.mastering_display,
        "MaxCLL": hdr.max_cll,
        "MaxFALL": hdr.max_fall,
    }
    missing = [what for what, value in there.items() if value is None]
    if not missing:
        return None
    return finding(
        "HDR10_METADATA_MISSING",
        subject=name,
        message=f"the picture is PQ, and the file does not say its {', '.join(missing)}",
        remedy=f"Export the HDR10 metadata that the grading recorded together with the picture: {EXPORT_AGAIN}.",
    )


def implausible_hdr10_metadata(name: str, video: VideoFacts) -> Finding | None:
    """What HDR10's metadata say can be true."""
    hdr = video.hdr
    if hdr is None or hdr.transfer is not Transfer.PQ:
        return None
    faults = [*(_display_faults(hdr.mastering_display) if hdr.mastering_display else ()), *_light_faults(hdr)]
    if not faults:
        return None
    return finding(
        "HDR10_METADATA_IMPLAUSIBLE",
        subject=name,
        message="; ".join(faults),
        remedy=f"Correct the HDR10 metadata to those that the grading recorded: {EXPORT_AGAIN}.",
    )


def _tags(video: VideoFacts) -> dict[str, str | None]:
    return {"primaries": video.color_primaries, "transfer": video.color_transfer, "matrix": video.color_space}


def _color_space(video: VideoFacts) -> ColorSpace | None:
    return next(
        (
            space
            for space in COLOR_SPACES
            if video.color_primaries in space.primaries
            and video.color_transfer in space.transfers
            and video.color_space in space.matrices
        ),
        None,
    )


def _display_faults(display: MasteringDisplay) -> Iterator[str]:
    least, most = MAX_LUMINANCES
    if not least <= display.max_luminance <= most:
        yield f"a mastering display of {display.max_luminance:g} cd/m² (it has {least:g} to {most:g})"
    if display.min_luminance > MAX_BLACK:
        yield f"a mastering display whose black has {display.min_luminance:g} cd/m²"
    if not _near(display.white, D65):
        yield f"a mastering display whose white is not D65 but {display.white.x:.4f}, {display.white.y:.4f}"
    colors = (display.red, display.green, display.blue)
    if not any(all(map(_near, colors, gamut)) for gamut in GAMUTS.values()):
        yield f"a mastering display whose red, green and blue are those of neither {' nor '.join(GAMUTS)}"


def _light_faults(hdr: HdrFacts) -> Iterator[str]:
    most = MAX_LUMINANCES[1]
    if hdr.max_cll is not None and not 1 <= hdr.max_cll <= most:
        yield f"a MaxCLL of {hdr.max_cll} cd/m²"
    if hdr.max_fall is not None and not 1 <= hdr.max_fall <= (hdr.max_cll or most):
        yield f"a MaxFALL of {hdr.max_fall} cd/m² (the average of a frame is not above its brightest pixel)"


def _near(first: Chromaticity, second: Chromaticity) -> bool:
    return max(abs(first.x - second.x), abs(first.y - second.y)) <= CHROMATICITY_TOLERANCE


RULES = (untagged, not_allowed, inconsistent, shallow_hdr, no_hdr10_metadata, implausible_hdr10_metadata)
