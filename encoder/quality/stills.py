"""Stills: a picture of each measured span, so that a person sees what is meant without the film."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from encoder.color import JPEG
from encoder.quality.source import Source
from encoder.tools import ffmpeg, threads, untrusted
from lambdas.common.qc import TimeSpan
from lambdas.ingestion.analysis import Spans

_WIDTH = 640
_PATIENCE_S = 120.0


class Stills:
    """The stills of one analysis: asked for first, made together."""

    def __init__(self, *, key: Callable[[str], str]) -> None:
        self._key = key
        self._wanted: dict[str, int] = {}

    def of(self, name: str, spans: Spans) -> Spans:
        """Return `spans`, each with the key of a still of its middle frame: ``{name}-0`` and so on."""
        return spans.model_copy(
            update={"spans": tuple(self._with_still(f"{name}-{n}", span) for n, span in enumerate(spans.spans))}
        )

    def make(self, source: Source, folder: Path) -> None:
        """Write the JPEGs into `folder`, each under its name.

        Raises
        ------
        ToolFailedError
            If a frame cannot be decoded.
        """
        with ThreadPoolExecutor(threads()) as pool:
            list(pool.map(lambda name: _make(source, folder / f"{name}.jpg", frame=self._wanted[name]), self._wanted))

    def _with_still(self, name: str, span: TimeSpan) -> TimeSpan:
        self._wanted[name] = (span.first_frame + span.last_frame) // 2
        return span.model_copy(update={"still": self._key(name)})


def _make(source: Source, path: Path, *, frame: int) -> None:
    start_s = source.clock.seek_s(frame, start_s=source.picture_start_s)
    size = f"scale='min({_WIDTH},iw)':-2:flags=area"
    ffmpeg(
        *(*untrusted(source.media), "-threads", "1", "-ss", f"{start_s:.6f}", "-i", source.media, "-map", "0:v:0"),
        *("-frames:v", "1", "-vf", f"{size},{source.to_sdr}{JPEG}", "-q:v", "4", "-update", "1", path),
        timeout_s=_PATIENCE_S,
    )
