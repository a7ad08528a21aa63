"""What the tools say of a file, as the facts that cross contexts. What a file does not say stays unsaid."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from fractions import Fraction
from types import MappingProxyType
from typing import Literal

from encoder.mediainfo import MediaInfo, Track
from encoder.probe import PixelFormat, Probe, SideData, Stream, pixel_formats
from lambdas.common.media import (
    AudioFacts,
    AudioRole,
    Chromaticity,
    Eac3Facts,
    HdrFacts,
    MasteringDisplay,
    MediaFacts,
    Transfer,
    VideoFacts,
)

Subsampling = Literal["4:0:0", "4:2:0", "4:2:2", "4:4:4", "other"]

_RATIONAL = re.compile(r"[1-9]\d*/[1-9]\d*")
_TIMECODE = re.compile(r"\d{2}:\d{2}:\d{2}[:;.]\d{2}")
_CHARS = 200
_TRANSFERS = {"smpte2084": Transfer.PQ, "arib-std-b67": Transfer.HLG}
_SUBSAMPLINGS: dict[tuple[int | None, int | None], Subsampling] = {
    (0, 0): "4:4:4",
    (1, 0): "4:2:2",
    (1, 1): "4:2:0",
}
_ROLES = {"visual_impaired": AudioRole.DESCRIPTION, "comment": AudioRole.COMMENTARY}
_NO_EAC3: Mapping[int, Eac3Facts] = MappingProxyType({})
_GREY_COMPONENTS = 2
"""Luma, and alpha perhaps."""


def media_facts(
    found: Probe,
    *,
    media_info: MediaInfo,
    video: VideoFacts | None,
    most_audio_tracks: int,
    eac3: Mapping[int, Eac3Facts] = _NO_EAC3,
) -> MediaFacts:
    """Return the facts of a file; of its tracks of sound the first `most_audio_tracks`.

    Parameters
    ----------
    eac3
        What the frames of E-AC-3 say, by the index of the stream.
    """
    timecodes = (found.format.tags, *(stream.tags for stream in found.streams))
    return MediaFacts(
        container=container(found),
        start_s=found.format.start_time,
        duration_s=found.format.duration,
        timecode=next((code for tags in timecodes if _TIMECODE.fullmatch(code := tags.get("timecode", ""))), None),
        writing_application=_plain(media_info.container.application if media_info.container else None),
        video=video,
        audio=tuple(_audio(stream, eac3.get(stream.index)) for stream in found.sound[:most_audio_tracks]),
    )


def container(found: Probe) -> str:
    """Return ``mov``, ``mp4``, ``mxf``, or whatever else ffprobe calls the container.

    To ffprobe MOV and MP4 are one; the brand tells them apart. What has none is older than MP4.
    """
    names = found.format.format_name.split(",")
    if "mov" not in names:
        return names[0]
    brand = found.format.tags.get("major_brand", "qt  ")
    if brand == "qt  ":
        return "mov"
    return "3gp" if brand.startswith("3g") else "mp4"


def frame_rate(picture: Stream) -> str | None:
    """Return the average frame rate of `picture`; none, if it says none."""
    return picture.avg_frame_rate if _RATIONAL.fullmatch(picture.avg_frame_rate) else None


def video_facts(
    picture: Stream,
    *,
    rate: str,
    frames: int,
    constant: bool | None,
    side_data: tuple[SideData, ...],
    track: Track | None,
) -> VideoFacts:
    """Return the facts of a picture.

    Parameters
    ----------
    rate
        Its frame rate, as `frame_rate` says.
    frames
        How many could be decoded.
    constant
        Whether they lie evenly.
    side_data
        What goes with its first frame.
    track
        What MediaInfo says of it.
    """
    stored = pixel_formats().get(picture.pix_fmt)
    return VideoFacts(
        codec=picture.codec_name,
        profile=_plain(picture.profile),
        commercial_name=_plain(track.commercial_name if track else None),
        width=picture.width,
        height=picture.height,
        sample_aspect_ratio=_ratio(picture.sample_aspect_ratio),
        pixel_format=picture.pix_fmt,
        bit_depth=max((component.bit_depth for component in stored.components), default=None) if stored else None,
        chroma_subsampling=_subsampling(stored) if stored else None,
        frame_rate=rate,
        constant_frame_rate=constant,
        frames=frames,
        start_s=picture.start_time,
        duration_s=picture.duration,
        field_order=picture.field_order if picture.field_order != "unknown" else None,
        scan_type=_plain(track.scan_type if track else None),
        color_range=_color_range(picture.color_range),
        color_primaries=picture.color_primaries,
        color_transfer=picture.color_transfer,
        color_space=picture.color_space,
        hdr=_hdr(picture, side_data),
    )


def _audio(stream: Stream, eac3: Eac3Facts | None) -> AudioFacts:
    tags = stream.tags
    return AudioFacts(
        codec=stream.codec_name,
        channels=stream.channels,
        channel_layout=_plain(stream.channel_layout if stream.channel_layout != "unknown" else None),
        sample_rate_hz=stream.sample_rate,
        bit_depth=stream.bits_per_sample or None,
        language=_plain(tags.get("language")),
        title=_plain(tags.get("title") or tags.get("name") or tags.get("handler_name")),
        role=next((role for disposition, role in _ROLES.items() if stream.disposition.get(disposition)), None),
        start_s=stream.start_time,
        duration_s=stream.duration,
        eac3=eac3,
    )


def _ratio(said: str | None) -> str | None:
    ratio = (said or "").replace(":", "/")
    return ratio if _RATIONAL.fullmatch(ratio) else None


def _subsampling(stored: PixelFormat) -> Subsampling:
    if stored.flags.rgb:
        return "4:4:4"
    if stored.nb_components <= _GREY_COMPONENTS:
        return "4:0:0"
    return _SUBSAMPLINGS.get((stored.log2_chroma_w, stored.log2_chroma_h), "other")


def _color_range(said: str | None) -> Literal["tv", "pc"] | None:
    return "tv" if said == "tv" else "pc" if said == "pc" else None


def _hdr(picture: Stream, side_data: tuple[SideData, ...]) -> HdrFacts | None:
    transfer = _TRANSFERS.get(picture.color_transfer or "")
    if transfer is None:
        return None
    displays = (display for data in side_data if (display := _mastering_display(data)))
    lights = [data for data in side_data if data.max_content is not None or data.max_average is not None]
    light = lights[0] if lights else SideData()
    return HdrFacts(
        transfer=transfer,
        mastering_display=next(displays, None),
        max_cll=light.max_content,
        max_fall=light.max_average,
    )


def _mastering_display(data: SideData) -> MasteringDisplay | None:
    """Return the display that `data` describes; none, if it leaves out a colour or a luminance."""
    said = (
        *(data.red_x, data.red_y, data.green_x, data.green_y, data.blue_x, data.blue_y),
        *(data.white_point_x, data.white_point_y, data.min_luminance, data.max_luminance),
    )
    values = tuple(_numbers(said))
    if len(values) != len(said):
        return None
    red, green, blue, white = (Chromaticity(x=x, y=y) for x, y in zip(values[0:8:2], values[1:8:2], strict=True))
    return MasteringDisplay(
        red=red, green=green, blue=blue, white=white, min_luminance=values[8], max_luminance=values[9]
    )


def _numbers(fractions: Iterable[str | None]) -> Iterable[float]:
    for said in fractions:
        if said and re.fullmatch(r"\d+/[1-9]\d*", said):
            yield float(Fraction(said))


def _plain(text: str | None) -> str | None:
    """Return `text` of a file in one line that can be shown, and that fits an event."""
    shown = "".join(char for char in text or "" if char.isprintable()).strip()
    return shown[:_CHARS] or None
