"""The poster: one bright, representative frame of the film."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from encoder.color import JPEG
from encoder.errors import PackagingError
from encoder.tools import ffmpeg

_MEASURE = re.compile(r"pts_time:(?P<time>[\d.]+)|lavfi\.(?P<name>[\w.]+)=(?P<value>[\d.]+)")
_DETAIL = "entropy.normalized_entropy.normal.Y"
_BRIGHTNESS = "signalstats.YAVG"
_COLOUR = "signalstats.SATAVG"
# Luma, of 255: darker is a night scene or a fade, lighter is a white card.
_DARK, _LIGHT = 60.0, 190.0


class _Candidate(NamedTuple):
    time_s: float
    detail: float
    brightness: float
    colour: float

    @property
    def rank(self) -> tuple[bool, float]:
        """Well lit first; then the picture with most to see in it."""
        return _DARK <= self.brightness <= _LIGHT, self.detail * self.colour


def make_poster(rendition: Path, target: Path) -> None:
    """Write the best of a rendition's key frames to `target`, a JPEG of the rendition's size.

    Key frames are enough to choose from, one a segment, and spare decoding a whole film for one picture.

    Raises
    ------
    PackagingError
        If the rendition has no key frame.
    """
    listing = ffmpeg(
        *("-skip_frame", "nokey", "-i", rendition, "-fps_mode", "passthrough", "-f", "null"),
        # Brightness is told on the picture's own scale: that of 10 bits goes to 1023.
        *("-vf", "scale=320:-2,format=yuv420p,signalstats,entropy,metadata=mode=print:file=-", "-"),
    )
    candidates = tuple(_candidates(listing))
    if not candidates:
        raise PackagingError("the rendition has no key frame to make a poster of")
    best = max(candidates, key=lambda candidate: candidate.rank)
    ffmpeg(
        "-ss", f"{best.time_s:.6f}", "-i", rendition, "-frames:v", "1", "-vf", JPEG, "-q:v", "3", "-update", "1", target
    )


def _candidates(listing: str) -> Iterator[_Candidate]:
    time_s, values = None, dict[str, float]()
    for found in _MEASURE.finditer(listing):
        if found["time"] is None:
            values[found["name"]] = float(found["value"])
            continue
        if time_s is not None:
            yield _candidate(time_s, values)
        time_s, values = float(found["time"]), {}
    if time_s is not None:
        yield _candidate(time_s, values)


def _candidate(time_s: float, values: Mapping[str, float]) -> _Candidate:
    return _Candidate(time_s=time_s, detail=values[_DETAIL], brightness=values[_BRIGHTNESS], colour=values[_COLOUR])
