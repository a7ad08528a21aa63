"""A film that a viewer can play, for what is measured while it is played."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from sandbox.demo import Demo, Published, Up
from sandbox.film import render_sample

_SECONDS = 12
_HEIGHT = 360


@contextmanager
def published_film() -> Iterator[tuple[Up, Published]]:
    """Bring the platform up with the sample film on it; its viewer may ask as often as there is to measure."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        film = render_sample(folder / "film", seconds=_SECONDS, height=_HEIGHT, cache=False)
        demo = Demo(console=Console(quiet=True), work_dir=folder, context={"playback_quota": "1000000"})
        with demo.up() as up:
            yield up, demo.publish(up, film)
