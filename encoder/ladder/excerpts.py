"""The excerpts of a film on the disk: decoded once, and tried often."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple

from encoder.color import means
from encoder.errors import FrameCountError
from encoder.plan import Work
from encoder.probe import picture_track
from encoder.tools import Media, ffmpeg, threads, untrusted
from lambdas.encoding.models import Excerpt

# NUT: Matroska rounds time stamps. ffvhuff: lossless, and decoded faster than a picture is scaled.
_LOSSLESS = ("-c:v", "ffvhuff", "-f", "nut")


class Reel(NamedTuple):
    """Excerpts in a row, losslessly coded: whole frames, of the source's size and colours."""

    script: Path
    """For ffmpeg's concatenating demuxer."""
    excerpts: tuple[Excerpt, ...]
    frame_rate: Fraction

    @property
    def input(self) -> tuple[str | Path, ...]:
        """The options of ffmpeg for the reel as an input, and the input."""
        return ("-f", "concat", "-r", f"{self.frame_rate}", "-i", self.script)

    @property
    def frames(self) -> int:
        """Of all excerpts."""
        return sum(excerpt.frames for excerpt in self.excerpts)

    @property
    def starts(self) -> tuple[int, ...]:
        """The first frame of each excerpt, counted in the reel."""
        return tuple(accumulate((excerpt.frames for excerpt in self.excerpts[:-1]), initial=0))


def cut(source: Media, excerpts: Sequence[Excerpt], *, work: Work, pixel_format: str, folder: Path) -> Reel:
    """Cut `excerpts` out of `source` into `folder`.

    Raises
    ------
    FrameCountError
        If the source does not give exactly an excerpt's frames.
    ToolFailedError
        If ffmpeg cannot read the source.
    """
    script = folder / "excerpts.ffconcat"
    lines = ["ffconcat version 1.0"]
    for number, excerpt in enumerate(excerpts):
        piece = folder / f"excerpt-{number:03d}.nut"
        start = work.seek_s(excerpt.first_frame)
        ffmpeg(
            *(*untrusted(source), "-threads", str(threads()), "-ss", f"{start:.6f}", "-i", source),
            *("-map", "0:v:0", "-frames:v", str(excerpt.frames), "-fps_mode", "passthrough"),
            *("-vf", f"{work.source_frames},{means(work.plan.picture)},format={pixel_format}", *_LOSSLESS, piece),
        )
        found = len(picture_track(piece).packets)
        if found != excerpt.frames:
            raise FrameCountError(
                f"the source has {found} frames from frame {excerpt.first_frame}, and the plan's excerpt {number} has "
                f"{excerpt.frames}: the source is not the one that was inspected"
            )
        lines += [f"file {piece.name}", f"duration {float(excerpt.frames / work.frame_rate):.6f}"]
    script.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return Reel(script=script, excerpts=tuple(excerpts), frame_rate=work.frame_rate)
