"""Frames, seconds and time codes; runs of frames."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction

from lambdas.common.qc import TimeSpan
from lambdas.ingestion.analysis import SPANS_KEPT, Spans


@dataclass(frozen=True, kw_only=True)
class Clock:
    """Counts frames."""

    rate: Fraction
    """Frames a second."""

    def seconds(self, frame: int) -> float:
        """When `frame` begins, counted from the first."""
        return float(frame / self.rate)

    def frame(self, seconds: float) -> int:
        """Return the frame that begins nearest to `seconds`."""
        return round(seconds * self.rate)

    def seek_s(self, frame: int, *, start_s: float) -> float:
        """Return where to seek to in a picture that begins at `start_s`, to find `frame` first.

        It is a quarter of a frame before it: what the container rounded down is still found, and the frame before is
        not. Half a frame is too much where the container counts in frames, as MXF does: it may be rounded to the frame
        before (seen at 60000/1001).
        """
        return max(0.0, start_s + float((frame - Fraction(1, 4)) / self.rate))

    def timecode(self, frame: int) -> str:
        """Return HH:MM:SS:FF, counted as the nominal rate counts and without dropping numbers."""
        second, rest = divmod(frame, max(1, round(self.rate)))
        return f"{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}:{rest:02}"

    def span(self, first: int, last: int) -> TimeSpan:
        """Return the run from frame `first` to frame `last`, both included."""
        return TimeSpan(
            start_s=round(self.seconds(first), 6),
            end_s=round(self.seconds(last + 1), 6),
            first_frame=first,
            last_frame=last,
            timecode=self.timecode(first),
        )

    def spans(self, runs: Iterable[range]) -> Spans:
        """Return what `runs` of frames come to; the longest are kept."""
        found = sorted(runs, key=len, reverse=True)
        kept = sorted(found[:SPANS_KEPT], key=lambda run: run.start)
        return Spans(
            count=len(found),
            total_frames=sum(map(len, found)),
            longest_s=round(self.seconds(len(found[0])), 6) if found else 0.0,
            spans=tuple(self.span(run.start, run.stop - 1) for run in kept),
        )


def runs(flags: Iterable[bool], *, bridge: int = 0) -> Iterator[range]:
    """Yield the runs of frames whose flag is set; gaps of at most `bridge` frames do not end one."""
    first, last = -1, -1
    for frame, flag in enumerate(flags):
        if not flag:
            continue
        if first >= 0 and frame - last > bridge + 1:
            yield range(first, last + 1)
            first = -1
        first, last = frame if first < 0 else first, frame
    if first >= 0:
        yield range(first, last + 1)
