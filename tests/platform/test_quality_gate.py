"""Two films that are harder than their excerpts: of one, more bits are good enough, and the other is rejected."""

from types import SimpleNamespace

import pytest

from lambdas.common.keys import Workspace
from lambdas.encoding.models import MOST_RAISES, EncodingPlan
from tests.platform.viewer import Viewer, studio_sign_in
from tests.platform.waiting import eventually

pytestmark = pytest.mark.embedded

TOP = "720p"
BEFORE_AND_AFTER = "noise=alls=3:allf=t,noise=alls=6:allf=t:enable='gt(abs(t-2),0.3)'"
AT_THE_END = "noise=alls=45:allf=t:enable='gte(t,8)'"


def film(folder, *, seconds, noise):
    """One shot of coarse moving `noise`, in ffmpeg's filters. Its only excerpt is the half second in its middle.

    It is as wide as a picture in HD, and half as high: so it has the best rung's floor, and half of its pixels.
    """
    from encoder.tools import ffmpeg  # noqa: PLC0415 - it needs what may be missing

    path = folder / "film.mov"
    moving = f"{noise},scale=1280:360:flags=bicubic,limiter=min=40:max=215"
    ffmpeg(
        *("-f", "lavfi", "-i", f"testsrc2=size=320x90:rate=24:duration={seconds},format=yuv420p,{moving}"),
        *("-f", "lavfi", "-i", f"sine=frequency=440:sample_rate=48000:duration={seconds},volume=-8.2dB"),
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
        "with-more-bits": film(tmp_path_factory.mktemp("hard"), seconds=4, noise=BEFORE_AND_AFTER),
        "too-noisy": film(tmp_path_factory.mktemp("noisy"), seconds=9, noise=AT_THE_END),
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
    packaged = platform.bus.event("VersionPackaged", version_id=films.good_enough)
    top = max(packaged["renditions"], key=lambda rendition: rendition["height"])
    assert (top["rung"], top["vmaf_mean"] >= 95) == (TOP, True)
    [times] = [found.times for found in planned(platform, films.good_enough).raised if found.rung == TOP]
    assert len(done(platform, films.good_enough, f"chunk/{TOP}/")) == times + 1
    platform.playable("with-more-bits", version_id=films.good_enough)


def test_what_is_not_is_rejected_with_its_worst_frame(platform, films):
    rejected = platform.bus.event("RenditionRejected", version_id=films.too_noisy, rung=TOP)
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
    plan = planned(platform, films.too_noisy)
    assert {found.chunk for found in plan.raised} == {1}
    assert (TOP, MOST_RAISES) in {(found.rung, found.times) for found in plan.raised}
    assert len(done(platform, films.too_noisy, f"chunk/{TOP}/00001/")) == MOST_RAISES + 1
    for recipe in plan.video:
        assert len(done(platform, films.too_noisy, f"chunk/{recipe.rung}/00000/")) == 1
    assert not done(platform, films.too_noisy, "package/")


def test_the_studio_sees_the_scores_and_the_worst_frame(platform, films):
    from sandbox.studio_user import new_studio_user  # noqa: PLC0415

    platform.bus.event("PipelineFailed", version_id=films.too_noisy)
    rejected = platform.bus.event("RenditionRejected", version_id=films.too_noisy)
    edge = platform.up.edge
    user = new_studio_user(platform.up.platform, studio="blender", site=edge.url, folder=platform.work_dir / "studios")
    token = studio_sign_in(port=edge.port, client_id=user.client_id, username=user.username, password=user.password)
    studio, address = Viewer(port=edge.port, token=token), "/api/ingest/deliveries/too-noisy"

    def told():
        [version] = studio.ask("GET", address).json["versions"]
        return version["stage"] == "failed" and version["rejections"]

    every = eventually(told, waiting_for="the rejection to be told")
    [told_of] = [each for each in every if each["rung"] == rejected["rung"]]
    assert {name: told_of[name] for name in ("rung", "vmaf_mean", "worst_timecode")} == {
        name: rejected[name] for name in ("rung", "vmaf_mean", "worst_timecode")
    }
    for still, of in zip(told_of["stills"], ("source", "rendition"), strict=True):
        assert still.endswith(f"-{of}.jpg")
        picture = studio.ask("GET", f"{address}/versions/{films.too_noisy}/stills/{still}")
        assert (picture.status, picture.headers["content-type"]) == (200, "image/jpeg")
        assert picture.body.startswith(b"\xff\xd8\xff")
