"""Films of some seconds, rendered with ffmpeg: good ones, and such as are wrong in just one way."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from encoder.tools import Tool, run

RATE = 25
SIZE = "640x360"
LOUDNESS_GAIN_DB = -5.24
"""What makes ffmpeg's sine of 440 Hz -27 LKFS, the target."""
_BT709 = "range=tv:color_primaries=bt709:color_trc=bt709:colorspace=bt709"
_RENDERERS = 2


@dataclass(frozen=True, kw_only=True)
class Clip:
    """A recipe. By default, a good film: five seconds of H.264 in MOV, with a tone in stereo as loud as it should be.

    `picture` and `sound` are ffmpeg's source filters, none for none; `filters` come after the picture's source.
    """

    seconds: float = 5
    # Mid-grey and not white, a colour but not a loud one: no edge rings out of the legal range.
    picture: str | None = "testsrc2=size={size}:rate={rate},lutyuv=y=48+val*0.6:u=64+val*0.5:v=64+val*0.5"
    sound: str | None = "sine=frequency=440:sample_rate=48000,volume={gain}dB,aformat=channel_layouts=stereo"
    size: str = SIZE
    rate: str = str(RATE)
    filters: tuple[str, ...] = ()
    pixels: str = "yuv420p"
    color: str = _BT709
    video: tuple[str, ...] = ("-c:v", "libx264", "-preset", "ultrafast", "-crf", "16")
    audio: tuple[str, ...] = ("-c:a", "pcm_s24le")
    container: str = "mov"
    options: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """A file name that belongs to this recipe alone."""
        return f"{hashlib.sha256(repr(self).encode()).hexdigest()[:16]}.{self.container}"

    @property
    def arguments(self) -> tuple[str, ...]:
        """What ffmpeg makes it of."""
        inputs: list[str] = []
        if self.picture is not None:
            graph = self.picture.format(size=self.size, rate=self.rate)
            chain = (
                graph,
                *self.filters,
                f"format={self.pixels}",
                *((f"setparams={self.color}",) if self.color else ()),
            )
            inputs += ("-f", "lavfi", "-i", ",".join(chain))
        if self.sound is not None:
            inputs += ("-f", "lavfi", "-i", self.sound.format(gain=LOUDNESS_GAIN_DB))
        codecs = (*(self.video if self.picture is not None else ()), *(self.audio if self.sound is not None else ()))
        return (*inputs, "-t", f"{self.seconds:g}", *codecs, *self.options)

    def but(self, **changes: object) -> Clip:
        """Return the recipe with `changes`."""
        return replace(self, **changes)  # type: ignore[arg-type]


class Workshop:
    """Renders clips into a folder, each once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def render(self, clips: Iterable[Clip]) -> None:
        """Render all of `clips` that are not there yet, side by side."""
        with ThreadPoolExecutor(_RENDERERS) as renderers:
            list(renderers.map(self.path, dict.fromkeys(clips)))

    def path(self, clip: Clip) -> Path:
        """Return the file that `clip` describes."""
        path = self._folder / clip.name
        if not path.exists():
            half = self._folder / f"half-{os.getpid()}-{clip.name}"
            quietly = ("-hide_banner", "-nostdin", "-v", "error", "-y", "-threads", "1")
            run(Tool.FFMPEG, [*quietly, *clip.arguments, str(half)])
            half.rename(path)
        return path
