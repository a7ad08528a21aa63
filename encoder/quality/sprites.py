"""Seek thumbnails: how sprite sheets are laid out, and the WebVTT track that names them."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import PurePosixPath

from lambdas.common.keys import Analysis

INTERVAL_S = 10
_WIDTH = 192
_SIDE = 10


@dataclass(frozen=True, kw_only=True)
class SpriteLayout:
    """A grid of thumbnails, and how many there are to be."""

    width: int
    """Of one thumbnail, in pixels."""
    height: int
    columns: int
    rows: int
    pattern: str
    """The sheets' file names, as ffmpeg writes them."""
    interval_s: int = INTERVAL_S

    @classmethod
    def of(cls, *, width: int, height: int, sample_aspect: Fraction, duration_s: float) -> SpriteLayout:
        """Return the layout for a film of `duration_s` seconds and `width` x `height` samples.

        A short film's sheet is only as large as its thumbnails need.
        """
        high = max(2, min(4 * _WIDTH, round(_WIDTH * height / (width * sample_aspect) / 2) * 2))
        expected = max(1, -(-int(duration_s * 1000) // (INTERVAL_S * 1000)))
        columns = min(_SIDE, expected)
        rows = min(_SIDE, -(-expected // columns))
        return cls(width=_WIDTH, height=high, columns=columns, rows=rows, pattern="sprite-%04d.jpg")

    def count(self, frames: int, *, rate: Fraction) -> int:
        """Return how many thumbnails a film of `frames` frames has: the first at 0 s."""
        return int((frames - 1) / rate / self.interval_s) + 1 if frames else 0

    def webvtt(self, frames: int, *, rate: Fraction, analysis: Analysis) -> str:
        """Return the track: a cue a thumbnail, from its own time to the next's, or to the film's end."""
        count = self.count(frames, rate=rate)
        cues = ["WEBVTT"]
        for number in range(count):
            sheet, place = divmod(number, self.columns * self.rows)
            row, column = divmod(place, self.columns)
            start_s = number * self.interval_s
            until = _clock(start_s + self.interval_s if number + 1 < count else float(frames / rate))
            # The sheets lie beside the track, wherever that is copied to.
            picture = PurePosixPath(analysis.sprite(sheet)).name
            area = f"{column * self.width},{row * self.height},{self.width},{self.height}"
            cues.append(f"{_clock(start_s)} --> {until}\n{picture}#xywh={area}")
        return "\n\n".join(cues) + "\n"


def _clock(seconds: float) -> str:
    minutes, milliseconds = divmod(round(seconds * 1000), 60_000)
    return f"{minutes // 60:02}:{minutes % 60:02}:{milliseconds // 1000:02}.{milliseconds % 1000:03}"
