"""Two films that are hard to encode: one is good enough with more bits, of the other only its worst chunk gets them."""

from types import SimpleNamespace

import pytest

from lambdas.common.keys import Workspace
from lambdas.encoding.models import MOST_RAISES, EncodingPlan

pytestmark = pytest.mark.embedded

TOP = "720p"
PATIENCE_S = 480.0  # either is encoded up to three times, and scored on every frame


def film(folder, *, seconds, quiet, noise):
    """A film whose first `quiet` seconds are easy, and whose others have moving noise, coarse enough to be seen."""
    from encoder.tools import ffmpeg  # noqa: PLC0415 - it needs what may be missing

    path = folder / "film.mov"
    moving = f"noise=alls={noise}:allf=t:enable='gte(t,{quiet})',scale=1280:720:flags=bicubic,limiter=min=40:max=215"
    ffmpeg(
        *("-f", "lavfi", "-i", f"testsrc2=size=320x180:rate=25:duration={seconds},format=yuv420p,{moving}"),
        *("-f", "lavfi", "-i", f"sine=frequency=440:sample_rate=48000:duration={seconds},volume=-5.2dB"),
        *("-vf", "setparams=range=tv:color_primaries=bt709:color_trc=bt709:colorspace=bt709"),
        *("-c:v", "libx264", "-preset", "ultrafast", "-crf", "14", "-pix_fmt", "yuv420p", "-c:a", "aac"),
        *("-movflags", "+faststart", path),
    )
    return path.read_bytes()


@pytest.fixture(scope="module")
def films(platform, tmp_path_factory):
    """The versions of both, by their names; they share the farm."""
    from tests.platform.studio import FEATURE, manifest_of, send  # noqa: PLC0415

    contents = {
        "with-more-bits": film(tmp_path_factory.mktemp("hard"), seconds=4, quiet=0, noise=5),
        "too-noisy": film(tmp_path_factory.mktemp("noisy"), seconds=9, quiet=8, noise=45),
    }
    versions = {}
    for name, content in contents.items():
        files = {FEATURE: content}
        folder = tmp_path_factory.mktemp(name)
        delivery = send(platform.up, name=name, files=files, manifest=manifest_of(name, files), folder=folder)
        versions[name] = platform.version_of(delivery)
    return SimpleNamespace(good_enough=versions["with-more-bits"], too_noisy=versions["too-noisy"])


def planned(platform, version):
    body = platform.client("s3").get_object(
        Bucket=platform.output("encoding", "WorkBucket"), Key=Workspace(version).plan
    )["Body"]
    return EncodingPlan.model_validate_json(body.read())


def done(platform, version, beginning):
    """The jobs whose ids begin so, and that have their result."""
    return [job.job for job in platform.records(version) if job.job.startswith(beginning) and job.finished]


def test_with_more_bits_it_is_good_enough_and_published(platform, films):
    packaged = platform.bus.event("VersionPackaged", seconds=PATIENCE_S, version_id=films.good_enough)
    top = max(packaged["renditions"], key=lambda rendition: rendition["height"])
    assert (top["rung"], top["vmaf_mean"] >= 95) == (TOP, True)
    [raised] = planned(platform, films.good_enough).raised
    assert (raised.rung, raised.chunk) == (TOP, 0)
    assert len(done(platform, films.good_enough, f"chunk/{TOP}/")) == raised.times + 1
    platform.playable("with-more-bits", version_id=films.good_enough)


def test_what_is_not_is_rejected_with_its_worst_frame(platform, films):
    rejected = platform.bus.event("RenditionRejected", seconds=PATIENCE_S, version_id=films.too_noisy)
    assert rejected["rung"] == TOP
    assert rejected["vmaf_mean"] < rejected["floor_mean"] == 95
    assert rejected["worst_timecode"].startswith("00:00:08:")
    for picture in rejected["pictures"]:
        body = platform.client("s3").get_object(Bucket=picture["bucket"], Key=picture["key"])["Body"].read()
        assert body.startswith(b"\xff\xd8")
    failed = platform.bus.event("PipelineFailed", version_id=films.too_noisy)
    assert failed["error"] == "RenditionRejectedError"
    assert platform.ended("encoding", films.too_noisy)["status"] == "FAILED"
    assert not platform.bus.events("VersionPackaged", version_id=films.too_noisy)


def test_only_the_chunk_at_fault_was_encoded_again(platform, films):
    platform.ended("encoding", films.too_noisy)
    [raised] = planned(platform, films.too_noisy).raised
    assert (raised.chunk, raised.times) == (1, MOST_RAISES)
    assert len(done(platform, films.too_noisy, f"chunk/{TOP}/00000/")) == 1
    assert len(done(platform, films.too_noisy, f"chunk/{TOP}/00001/")) == MOST_RAISES + 1
    assert len(done(platform, films.too_noisy, "chunk/480p/00001/")) == 1
    assert not done(platform, films.too_noisy, "package/")
