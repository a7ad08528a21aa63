"""What the analysis measured of a delivery's feature. Measurements only: `lambdas.ingestion.quality` judges them.

Frames are numbered from 0, and seconds count from the beginning of the first frame.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from lambdas.common.media import Rational, Record
from lambdas.common.qc import Complexity, Rectangle, TimeSpan

SPANS_KEPT = 20
"""Of each kind, the longest: as many as a person looks at."""
MOST_SHOTS = 10_000
"""The film's first: a cut every two seconds for five hours. A report without a limit could become too large to read."""


class Spans(Record):
    """Where something was found."""

    count: int = 0
    total_frames: int = 0
    longest_s: float = 0.0
    spans: Annotated[tuple[TimeSpan, ...], Field(max_length=SPANS_KEPT)] = Field(
        default=(), description="the longest, in the order of time"
    )


class Levels(Record):
    """Samples against the legal range, with the 5 % either way that EBU R 103 tolerates: 5-246 in 8 bit, chroma 5-251.

    Of luma and the two planes of chroma, the worst counts. Files of RGB have no such range: none of theirs is outside.
    """

    outside_percent: float = Field(description="of the film's samples")
    worst_frame_percent: float
    spans: Spans = Field(description="frames of whose samples more than 1 % are outside")


class Aspect(Record):
    """The shape of the picture, and what of it is used from one end of the film to the other."""

    width: int
    height: int
    sample_aspect: Rational = Field(description="width to height of one sample; unsaid counts as 1/1")
    bar_top: int = Field(description="lines; bars are what is black in 95 % of the frames that are not black at all")
    bar_bottom: int
    bar_left: int = Field(description="columns, to within four")
    bar_right: int

    @property
    def active(self) -> Rectangle:
        """The picture without its bars."""
        return Rectangle(
            left=self.bar_left,
            top=self.bar_top,
            width=self.width - self.bar_left - self.bar_right,
            height=self.height - self.bar_top - self.bar_bottom,
        )

    @property
    def bars_percent(self) -> float:
        """How much of the picture's height or width, whichever is worse, is bars."""
        across = 100 * (self.bar_left + self.bar_right) / self.width
        down = 100 * (self.bar_top + self.bar_bottom) / self.height
        return max(across, down)


class Interlacing(Record):
    """Frames whose two fields show different moments."""

    determined_frames: int = Field(description="frames with enough movement to tell")
    interlaced_frames: int
    spans: Spans

    @property
    def percent(self) -> float | None:
        """Of the frames that can be told, those that are interlaced; none, if none can be told."""
        return 100 * self.interlaced_frames / self.determined_frames if self.determined_frames else None


class Repetition(Record):
    """Frames that show the frame before once more while the picture moves, and single black frames in a shot."""

    repeated_frames: int
    every: float | None = Field(
        default=None, description="the cadence in the longest span, in frames: 2.0 is every second frame"
    )
    spans: Spans = Field(description="from the first repeated frame of a run to its last")
    dead: Spans


class SyncTest(Record):
    """What a flash-and-beep pattern shows. Positive: the sound is late; negative: it is early."""

    pairs: int = Field(description="flashes with a tone burst; at least three, or there is no pattern")
    offset_ms: float = Field(description="the median of the pairs")
    spread_ms: float = Field(description="the greatest distance of a pair from the median")
    spans: Spans = Field(description="the flashes")


class Sound(Record):
    """One stream of sound."""

    stream: int = Field(description="among the streams of sound, from 0")
    language: str | None = None
    channels: int
    start_skew_ms: float = Field(description="of the sound's beginning against the picture's; positive: it is late")
    duration_skew_ms: float = Field(description="of the sound's length against the picture's; positive: it is longer")
    integrated_lkfs: float | None = Field(description="EBU R 128; none, if nothing is louder than its gate, -70")
    loudness_range_lu: float
    true_peak_dbtp: float | None = Field(description="none: digital silence throughout")
    silence: Spans = Field(description="under -60 dBFS in every channel, for a second or more")
    digital_silence: Spans = Field(description="of these, where every sample is zero")
    sync: SyncTest | None = Field(default=None, description="none: the film has no flash-and-beep pattern")


class Shot(Record):
    """Where a shot begins, and what it is like."""

    first_frame: int
    start_s: float
    timecode: str
    score: float = Field(description="how sudden the change was, of 100; 0 for the film's first")
    complexity: float | None = Field(
        default=None,
        description="as `Complexity.overall`, of the shot; none: not measured, or it is too short for it",
    )


class AnalysisReport(Record):
    """What was measured of one feature."""

    schema_version: Literal[1] = 1
    frames: int = Field(description="decoded, not declared")
    frame_rate: Rational
    duration_s: float
    black: Spans = Spans()
    freeze: Spans = Field(default=Spans(), description="the same picture for a second or more, and not a black one")
    repetition: Repetition
    interlacing: Interlacing
    aspect: Aspect
    levels: Levels
    sound: tuple[Sound, ...] = ()
    shots: Annotated[tuple[Shot, ...], Field(max_length=MOST_SHOTS)] = Field(default=(), description="the first")
    shot_count: int = Field(default=0, description="all of them; a report that is older than this field says 0")
    complexity: Complexity | None = Field(
        default=None, description="none: the report is older than this field, or the film is a single frame"
    )
    thumbnails: str = Field(description="the key of the WebVTT track of the seek thumbnails")
    thumbnail_count: int
    analysis_s: float = Field(description="what the measuring took, in seconds of the wall clock")
