"""What ffprobe says of a file, as values."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

from pydantic import BaseModel, Field

from encoder.tools import ffprobe


class Stream(BaseModel):
    """A stream's facts; ffprobe leaves out what it does not know."""

    index: int
    codec_type: str = ""
    codec_name: str = "unknown"
    profile: str | None = None
    width: int = 0
    height: int = 0
    pix_fmt: str = "unknown"
    avg_frame_rate: str = "0/0"
    r_frame_rate: str = "0/0"
    time_base: str = "0/0"
    nb_frames: int | None = None
    nb_read_packets: int = 0
    color_primaries: str | None = None
    color_transfer: str | None = None
    color_space: str | None = None
    channels: int = 0
    sample_rate: int = 0
    disposition: dict[str, int] = Field(default_factory=dict)
    tags: dict[str, str] = Field(default_factory=dict)

    @property
    def is_picture(self) -> bool:
        """Whether this is moving picture, and not a cover attached to a sound file."""
        return self.codec_type == "video" and not self.disposition.get("attached_pic")


class Format(BaseModel):
    """The container's facts."""

    format_name: str
    duration: float = 0.0


class Probe(BaseModel):
    """A file's streams and container."""

    streams: tuple[Stream, ...] = ()
    format: Format

    @property
    def picture(self) -> Stream | None:
        """The first stream of moving picture."""
        return next((stream for stream in self.streams if stream.is_picture), None)

    @property
    def sound(self) -> tuple[Stream, ...]:
        """The streams of sound."""
        return tuple(stream for stream in self.streams if stream.codec_type == "audio")


class Packet(NamedTuple):
    """One frame as the container holds it, in units of the stream's time base."""

    pts: int
    dts: int
    key: bool


class PictureTrack(NamedTuple):
    """The packets of a picture track, in decoding order."""

    time_base: Fraction
    packets: tuple[Packet, ...]


class _Packets(BaseModel):
    class Row(BaseModel):
        pts: int
        dts: int
        flags: str

    packets: tuple[Row, ...] = ()
    streams: tuple[Stream, ...] = ()


def probe(path: Path, *options: str) -> Probe:
    """Return what the container says of itself; nothing is decoded.

    Raises
    ------
    ToolFailedError
        If no container that ffprobe knows begins here.
    """
    return Probe.model_validate_json(ffprobe(*options, "-show_format", "-show_streams", path))


def picture_track(path: Path) -> PictureTrack:
    """Return the packets of the first picture stream; nothing is decoded."""
    options: Sequence[str] = (
        "-select_streams",
        "v:0",
        "-show_streams",
        "-show_entries",
        "packet=pts,dts,flags",
    )
    track = _Packets.model_validate_json(ffprobe(*options, path))
    return PictureTrack(
        time_base=Fraction(track.streams[0].time_base),
        packets=tuple(Packet(pts=row.pts, dts=row.dts, key="K" in row.flags) for row in track.packets),
    )
