"""Quality control of the sample film, beside the film's own duration: how long a delivery waits for it."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bench.row import Row
from encoder.analyse import measure
from lambdas.common.keys import Analysis
from sandbox.film import render_sample

_SECONDS = 24
_HEIGHT = 1080


def rows() -> Iterator[Row]:
    """Measure the film once, stills and thumbnails included; fetching it from S3 is not."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        film = render_sample(folder / "film", seconds=_SECONDS, height=_HEIGHT, cache=False)
        results = folder / "analysis"
        results.mkdir()
        started = time.monotonic()
        report = measure(film.feature, folder=results, analysis=Analysis("bench"))
        yield Row(
            what=f"quality control of {_SECONDS} s, {_HEIGHT} lines of ProRes",
            ours_s=time.monotonic() - started,
            peer="the film's duration",
            peer_s=report.duration_s,
        )
