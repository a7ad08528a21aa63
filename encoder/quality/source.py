"""The feature as the analysis sees it: where picture and sound lie on its clock."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from encoder.color import converted, means
from encoder.errors import ToolFailedError
from encoder.facts import video_facts
from encoder.probe import Stream, pixel_formats, probe
from encoder.quality.clock import Clock
from encoder.tools import Media, Tool, untrusted
from lambdas.common.ladder import DynamicRange
from lambdas.encoding.source_picture import source_picture

_PROBE_S = 60.0
# A film of so many seconds may take so many times as long, whatever its codec and size, before it counts as hanging.
_PATIENCE, _PATIENCE_AT_LEAST_S = 30.0, 120.0


@dataclass(frozen=True, kw_only=True)
class Source:
    """A feature, on the disk or behind a window."""

    media: Media
    picture: Stream
    sound: tuple[Stream, ...]
    duration_s: float
    """What the container says."""
    start_s: float
    """Where ffmpeg begins to count: by the container's clock, when the first of its streams begins."""

    @classmethod
    def open(cls, media: Media) -> Source:
        """Read what the container says; nothing is decoded.

        Raises
        ------
        ToolFailedError
            If it is not a film: no container that is known, no picture, or no frame rate.
        """
        found = probe(media, *untrusted(media), timeout_s=_PROBE_S)
        picture = found.picture
        if picture is None or not picture.width or not picture.height or picture.avg_frame_rate.startswith("0/"):
            raise ToolFailedError(tool=Tool.FFPROBE, exit_code=0, stderr=("the file has no picture with a frame rate",))
        duration_s = picture.duration or found.format.duration
        starts = [stream.start_time or 0.0 for stream in (picture, *found.sound)]
        # A time code's track counts as well: it may begin before picture and sound.
        start_s = min(starts) if found.format.start_time is None else found.format.start_time
        return cls(media=media, picture=picture, sound=found.sound, duration_s=duration_s, start_s=start_s)

    @property
    def clock(self) -> Clock:
        """Counts the picture's frames."""
        return Clock(rate=Fraction(self.picture.avg_frame_rate))

    @property
    def picture_start_s(self) -> float:
        """When the picture begins, on ffmpeg's clock, which begins with whichever stream is first."""
        return self._start_s(self.picture)

    @property
    def sound_starts_s(self) -> tuple[float, ...]:
        """When each stream of sound begins, on the same clock."""
        return tuple(map(self._start_s, self.sound))

    @property
    def sample_aspect(self) -> str:
        """Width to height of one sample, as a fraction; unsaid counts as square."""
        said = (self.picture.sample_aspect_ratio or "").replace(":", "/")
        return "1/1" if not said or "0" in said.split("/") or "/" not in said else said

    @property
    def is_rgb(self) -> bool:
        """Whether the samples are red, green and blue: such a file has no range to leave."""
        known = pixel_formats().get(self.picture.pix_fmt)
        return bool(known and known.flags.rgb)

    @property
    def to_sdr(self) -> str:
        """Filters, each with a comma behind, that show the picture in the colours of SDR; RGB stays what it is.

        Raises
        ------
        PictureNotTakenError
            If nobody knows its colours.
        """
        if self.is_rgb:
            return ""
        facts = video_facts(self.picture, rate="1/1", frames=0, constant=None, side_data=(), track=None)
        meant = source_picture(facts)
        return f"{means(meant)},{converted(meant, DynamicRange.SDR)}"

    @property
    def bit_depth(self) -> int:
        """The bits that the analysis keeps of a sample: 8, or 10 of anything finer."""
        known = pixel_formats().get(self.picture.pix_fmt)
        depths = [component.bit_depth for component in known.components] if known else []
        return 8 if max(depths, default=8) <= 8 else 10  # noqa: PLR2004 - bits

    @property
    def patience_s(self) -> float:
        """How long a tool may work on the whole film before it counts as hanging."""
        return _PATIENCE_AT_LEAST_S + _PATIENCE * max(0.0, self.duration_s)

    def _start_s(self, stream: Stream) -> float:
        return max(0.0, (stream.start_time or 0.0) - self.start_s)
