"""The rules of a feature's picture, but for its colour."""

from __future__ import annotations

from fractions import Fraction

from lambdas.common.events import Finding
from lambdas.common.media import VideoFacts
from lambdas.ingestion.findings import EXPORT_AGAIN, finding

CODECS = ("prores", "dnxhd", "h264", "hevc")
JPEG2000 = "jpeg2000"
PREVIEW_PROFILES = ("Proxy", "LT", "DNXHR LB")
"""Of ProRes and DNxHR: made for cutting, and not for what viewers see."""
MIN_WIDTH, MIN_HEIGHT = 640, 360
MAX_WIDTH, MAX_HEIGHT = 8192, 4320
FRAME_RATES = tuple(Fraction(rate) for rate in ("24000/1001", "24", "25", "30000/1001", "30", "50", "60000/1001", "60"))
INTERLACED = ("tt", "bb", "tb", "bt")
INTERLACED_SCANS = ("Interlaced", "MBAFF", "PAFF", "Mixed")


def jpeg2000(name: str, video: VideoFacts) -> Finding | None:
    """JPEG 2000, the codec of IMF and of cinema packages, is known and not taken yet."""
    if video.codec != JPEG2000:
        return None
    return finding(
        "JPEG2000_NOT_TAKEN",
        subject=name,
        message="the picture is JPEG 2000, as in IMF and cinema packages, which is not taken yet",
        remedy=f"Send ProRes 422 HQ, ProRes 4444 or DNxHR HQX of the same master: {EXPORT_AGAIN}.",
    )


def codec(name: str, video: VideoFacts) -> Finding | None:
    """ProRes, DNxHD or DNxHR, H.264 or H.265."""
    if video.codec in CODECS or video.codec == JPEG2000:
        return None
    return finding(
        "CODEC_NOT_ALLOWED",
        subject=name,
        message=f"the video codec is {video.codec}; allowed are {', '.join(CODECS)}",
        remedy=f"Choose ProRes 422 HQ or DNxHR where you can: {EXPORT_AGAIN}.",
    )


def profile(name: str, video: VideoFacts) -> Finding | None:
    """No profile that is made for previews."""
    if video.codec not in {"prores", "dnxhd"} or video.profile not in PREVIEW_PROFILES:
        return None
    return finding(
        "PROFILE_NOT_ALLOWED",
        subject=name,
        message=f"the picture is {video.commercial_name or video.profile}, which is made for previews",
        remedy=f"Choose ProRes 422, 422 HQ or 4444, or DNxHR SQ or better: {EXPORT_AGAIN}.",
    )


def too_small(name: str, video: VideoFacts) -> Finding | None:
    """640x360 at least."""
    if video.width >= MIN_WIDTH and video.height >= MIN_HEIGHT:
        return None
    return finding(
        "RESOLUTION_TOO_SMALL",
        subject=name,
        message=f"the picture has {video.width}x{video.height}, and the least is {MIN_WIDTH}x{MIN_HEIGHT}",
        remedy=f"Deliver the picture at the resolution of its master: {EXPORT_AGAIN}.",
    )


def too_large(name: str, video: VideoFacts) -> Finding | None:
    """8192x4320 at most."""
    if video.width <= MAX_WIDTH and video.height <= MAX_HEIGHT:
        return None
    return finding(
        "RESOLUTION_TOO_LARGE",
        subject=name,
        message=f"the picture has {video.width}x{video.height}, and the most is {MAX_WIDTH}x{MAX_HEIGHT}",
        remedy=f"Scale it to at most {MAX_WIDTH}x{MAX_HEIGHT}: {EXPORT_AGAIN}.",
    )


def odd_dimensions(name: str, video: VideoFacts) -> Finding | None:
    """Both sides are even: a pixel of colour covers two of picture."""
    if video.width % 2 == 0 and video.height % 2 == 0:
        return None
    return finding(
        "DIMENSIONS_ODD",
        subject=name,
        message=f"the picture has {video.width}x{video.height}; both have to be even",
        remedy=f"Crop or pad the picture by one line or column: {EXPORT_AGAIN}.",
    )


def pixels_not_square(name: str, video: VideoFacts) -> Finding | None:
    """Pixels are square: every player shows these alike."""
    if video.sample_aspect_ratio is None or Fraction(video.sample_aspect_ratio) == 1:
        return None
    return finding(
        "PIXELS_NOT_SQUARE",
        subject=name,
        message=f"a pixel is {video.sample_aspect_ratio.replace('/', ':')}, not 1:1: the picture would be distorted",
        remedy=f"Scale the picture to square pixels: {EXPORT_AGAIN}.",
    )


def variable_frame_rate(name: str, video: VideoFacts) -> Finding | None:
    """Frames lie evenly, by their time stamps."""
    if video.constant_frame_rate:
        return None
    no_stamps = "the picture has no time stamps by which its frame rate could be known"
    message = "the frame rate is not constant: by their time stamps, frames do not lie evenly"
    return finding(
        "VARIABLE_FRAME_RATE",
        subject=name,
        message=no_stamps if video.constant_frame_rate is None else message,
        remedy=f"Conform the film to a constant frame rate: {EXPORT_AGAIN}.",
    )


def frame_rate(name: str, video: VideoFacts) -> Finding | None:
    """One of the eight frame rates; an average of several is none."""
    if not video.constant_frame_rate or Fraction(video.frame_rate) in FRAME_RATES:
        return None
    allowed = ", ".join(str(rate) for rate in FRAME_RATES)
    return finding(
        "FRAME_RATE_NOT_ALLOWED",
        subject=name,
        message=f"the frame rate is {video.frame_rate}; allowed are {allowed} frames a second",
        remedy=f"Conform the film to the frame rate that it was shot in: {EXPORT_AGAIN}.",
    )


def interlaced(name: str, video: VideoFacts) -> Finding | None:
    """No file that calls itself interlaced. Quality control looks for combing in those that do not."""
    if video.field_order not in INTERLACED and video.scan_type not in INTERLACED_SCANS:
        return None
    return finding(
        "INTERLACED",
        subject=name,
        message=f"the picture is interlaced (field order {video.field_order or 'not said'}, "
        f"scan type {video.scan_type or 'not said'})",
        remedy=f"Deliver a progressive master, or deinterlace it where it can be looked at: {EXPORT_AGAIN}.",
    )


RULES = (
    jpeg2000,
    codec,
    profile,
    too_small,
    too_large,
    odd_dimensions,
    pixels_not_square,
    variable_frame_rate,
    frame_rate,
    interlaced,
)
