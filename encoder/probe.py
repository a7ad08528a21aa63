"""What ffprobe says of a file, as values."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import cache
from typing import Annotated, NamedTuple, TypeVar

from pydantic import BaseModel, Field, ValidationError

from encoder.errors import ToolFailedError
from encoder.tools import Media, Tool, ffprobe

Answer = TypeVar("Answer", bound=BaseModel)
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class SideData(BaseModel):
    """What goes with a stream or a frame; here, what displays of high dynamic range want to know."""

    red_x: str | None = None
    red_y: str | None = None
    green_x: str | None = None
    green_y: str | None = None
    blue_x: str | None = None
    blue_y: str | None = None
    white_point_x: str | None = None
    white_point_y: str | None = None
    min_luminance: str | None = None
    max_luminance: str | None = None
    max_content: int | None = None
    max_average: int | None = None


class Stream(BaseModel):
    """A stream's facts; ffprobe leaves out what it does not know."""

    index: int
    codec_type: str = ""
    codec_name: str = "unknown"
    profile: str | None = None
    width: int = 0
    height: int = 0
    sample_aspect_ratio: str | None = None
    pix_fmt: str = "unknown"
    field_order: str | None = None
    avg_frame_rate: str = "0/0"
    time_base: str = "0/0"
    nb_frames: int | None = None
    nb_read_packets: int = 0
    start_time: Annotated[float, Field(allow_inf_nan=False)] | None = None
    duration: Seconds | None = None
    color_range: str | None = None
    color_primaries: str | None = None
    color_transfer: str | None = None
    color_space: str | None = None
    channels: int = 0
    channel_layout: str | None = None
    sample_rate: int = 0
    bits_per_sample: int = 0
    side_data_list: tuple[SideData, ...] = ()
    disposition: dict[str, int] = Field(default_factory=dict)
    tags: dict[str, str] = Field(default_factory=dict)

    @property
    def is_picture(self) -> bool:
        """Whether this is moving picture, and not a cover attached to a sound file."""
        return self.codec_type == "video" and not self.disposition.get("attached_pic")


class Format(BaseModel):
    """The container's facts."""

    format_name: str
    start_time: Annotated[float, Field(allow_inf_nan=False)] | None = None
    duration: Seconds = 0.0
    tags: dict[str, str] = Field(default_factory=dict)


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
    """One frame as the container holds it, its times in units of the stream's time base."""

    pts: int
    dts: int
    key: bool
    size_bytes: int


class Second(NamedTuple):
    """A second of a track, by decoding time."""

    start_s: float
    kbits: float


class PictureTrack(NamedTuple):
    """The packets of a picture track, in decoding order."""

    time_base: Fraction
    packets: tuple[Packet, ...]

    @property
    def busiest_second(self) -> Second:
        """The second in which most bits are decoded; there must be a packet."""
        second, busiest = 1 / self.time_base, Second(start_s=0.0, kbits=0.0)
        first = held = 0
        for packet in self.packets:
            held += packet.size_bytes
            while packet.dts - self.packets[first].dts >= second:
                held -= self.packets[first].size_bytes
                first += 1
            if held * 8 / 1000 > busiest.kbits:
                busiest = Second(start_s=float(self.packets[first].dts * self.time_base), kbits=held * 8 / 1000)
        return busiest


class _Packets(BaseModel):
    class Row(BaseModel):
        pts: int
        dts: int
        size: int
        flags: str

    packets: tuple[Row, ...] = ()
    streams: tuple[Stream, ...] = ()


class _Frames(BaseModel):
    class Frame(BaseModel):
        side_data_list: tuple[SideData, ...] = ()

    frames: tuple[Frame, ...] = ()


class PixelFormat(BaseModel):
    """How a picture's samples are stored."""

    class Flags(BaseModel):
        """What else there is to know of it."""

        rgb: bool = False

    class Component(BaseModel):
        """One of luma, chroma, alpha, or a colour."""

        bit_depth: int

    name: str
    nb_components: int
    log2_chroma_w: int | None = None
    log2_chroma_h: int | None = None
    flags: Flags = Flags()
    components: tuple[Component, ...] = ()


class _PixelFormats(BaseModel):
    pixel_formats: tuple[PixelFormat, ...]


def probe(media: Media, *options: str, timeout_s: float | None = None) -> Probe:
    """Return what the container says of itself; nothing is decoded.

    Raises
    ------
    ToolFailedError
        If no container that ffprobe knows begins here.
    """
    return _answer(Probe, ffprobe(*options, "-show_format", "-show_streams", media, timeout_s=timeout_s))


def picture_track(media: Media) -> PictureTrack:
    """Return the packets of the first picture stream; nothing is decoded."""
    options: Sequence[str] = (
        "-select_streams",
        "v:0",
        "-show_streams",
        "-show_entries",
        "packet=pts,dts,size,flags",
    )
    track = _Packets.model_validate_json(ffprobe(*options, media))
    return PictureTrack(
        time_base=Fraction(track.streams[0].time_base),
        packets=tuple(
            Packet(pts=row.pts, dts=row.dts, key="K" in row.flags, size_bytes=row.size) for row in track.packets
        ),
    )


def presentation_times(media: Media, *options: str, stream: int, timeout_s: float) -> tuple[int, ...] | None:
    """Return when the frames of `stream` are shown, in its time base, in that order; none if one does not say it.

    Packets that an edit list leaves out are left out. Nothing is decoded.

    Raises
    ------
    ToolFailedError
        If the packets cannot be read in `timeout_s` seconds.
    """
    # A line a packet: as JSON, two hours of film would be forty megabytes.
    lines = ("-select_streams", str(stream), "-show_entries", "packet=pts,flags", "-of", "csv=p=0")
    rows = (row.split(",") for row in ffprobe(*options, *lines, media, timeout_s=timeout_s).split())
    times = [row[0] for row in rows if "D" not in row[1]]
    return tuple(sorted(map(int, times))) if "N/A" not in times else None


def constant_rate(times: Sequence[int]) -> bool | None:
    """Say whether frames that are shown at `times`, in order, lie evenly; none, if there are fewer than two.

    A container's clock may be too coarse for the rate. So each frame may be one tick off its place on the line from
    the first to the last, but never more than a quarter of a frame, where a tick is as long as that.
    """
    steps = len(times) - 1
    if steps < 1:
        return None
    first, length = times[0], times[-1] - times[0]
    # All times `steps`, so that it stays among whole numbers.
    tolerance = min(steps, length / 4)
    return length > 0 and all(
        abs((time - first) * steps - index * length) <= tolerance for index, time in enumerate(times)
    )


def first_frame(media: Media, *options: str, stream: int, timeout_s: float) -> tuple[SideData, ...]:
    """Return what goes with the first frame of `stream`, which is decoded for it.

    Raises
    ------
    ToolFailedError
        If that takes more than `timeout_s` seconds.
    """
    which = ("-select_streams", str(stream), "-read_intervals", "%+#1", "-show_entries", "frame_side_data")
    frames = _answer(_Frames, ffprobe(*options, *which, media, timeout_s=timeout_s)).frames
    return frames[0].side_data_list if frames else ()


@cache
def pixel_formats() -> dict[str, PixelFormat]:
    """Return every pixel format that ffprobe knows, by its name."""
    known = _PixelFormats.model_validate_json(ffprobe("-show_pixel_formats"))
    return {known_format.name: known_format for known_format in known.pixel_formats}


def _answer(model: type[Answer], text: str) -> Answer:
    try:
        return model.model_validate_json(text)
    except ValidationError as error:
        # It repeats what the file says, and a file may say that its picture is nan seconds long.
        complaint = f"what ffprobe says of the file makes no sense: {error.errors()[0]['msg']}"
        raise ToolFailedError(tool=Tool.FFPROBE, exit_code=0, stderr=(complaint,)) from error
