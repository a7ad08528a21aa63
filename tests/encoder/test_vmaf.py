"""What libvmaf is asked, and how its answers are told apart."""

import pytest

pytest.importorskip("imageio_ffmpeg", reason="needs requirements-sandbox.txt: ffmpeg")

from encoder.color import made
from encoder.vmaf import compare, model_of
from lambdas.common.ladder import Codec, DynamicRange
from lambdas.common.media import Tier
from lambdas.encoding.models import VideoRecipe
from tests.encoder.studio import ffmpeg

CLOCK = "settb=1/25,setpts=N"
RECIPE = VideoRecipe(
    rung="108p", width=192, height=108, bitrate_kbps=100, maxrate_kbps=100, buffer_kbits=100, profile="main",
    preset="ultrafast", tier=Tier.SD,
)  # fmt: skip


@pytest.mark.parametrize(
    ("height", "model"),
    [(720, "vmaf_v0.6.1"), (1080, "vmaf_v0.6.1"), (1440, "vmaf_v0.6.1"), (2160, "vmaf_4k_v0.6.1")],
)
def test_the_model_is_that_of_the_sources_screen(height, model):
    assert model_of(height) == model


@pytest.mark.parametrize(("every", "frames"), [(1, [0, 1, 2, 3, 4, 5, 6]), (3, [0, 3, 6])])
def test_frames_are_compared_at_a_distance_and_say_which_they_are(tmp_path, every, frames):
    film = tmp_path / "film.mkv"
    ffmpeg("-f", "lavfi", "-i", "testsrc2=size=192x108:rate=25", "-frames:v", "7", "-c:v", "ffv1", film)
    compared = compare(
        film,
        ("-i", film),
        width=192,
        height=108,
        filters=f"{CLOCK},{made(DynamicRange.SDR)},format=yuv420p",
        compared_as="format=yuv420p",
        recipe=RECIPE,
        frame_clock=CLOCK,
        log=tmp_path / "vmaf.json",
        every=every,
    )
    assert [each.frame for each in compared] == frames
    assert min(each.metrics["vmaf"] for each in compared) > 95


def test_a_comparison_on_a_screen_of_2160_lines_is_made_by_its_models(tmp_path):
    film = tmp_path / "film.mkv"
    ffmpeg("-f", "lavfi", "-i", "testsrc2=size=192x108:rate=25", "-frames:v", "3", "-c:v", "ffv1", film)
    compared = compare(
        film,
        ("-i", film),
        width=192,
        height=2160,
        filters=f"{CLOCK},{made(DynamicRange.SDR)},scale=192:2160,format=yuv420p10le",
        compared_as="format=yuv420p10le",
        recipe=RECIPE.model_copy(update={"codec": Codec.H265, "profile": "main10"}),
        frame_clock=CLOCK,
        log=tmp_path / "vmaf.json",
        sharpened=True,
        features=("psnr",),
    )
    assert {"vmaf", "vmaf_neg", "psnr_y"} <= set(compared[0].metrics)


def test_structural_similarity_is_what_libvmaf_finds_slowly(tmp_path):
    film, coded = tmp_path / "film.mkv", tmp_path / "coded.mp4"
    ffmpeg("-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25", "-frames:v", "5", "-c:v", "ffv1", film)
    ffmpeg("-i", film, "-c:v", "libx264", "-preset", "ultrafast", "-crf", "40", coded)
    compared = compare(
        coded,
        ("-i", film),
        width=320,
        height=180,
        filters=f"{CLOCK},{made(DynamicRange.SDR)},format=yuv420p",
        compared_as="format=yuv420p",
        recipe=RECIPE,
        frame_clock=CLOCK,
        log=tmp_path / "vmaf.json",
        features=("float_ssim",),
        ssim=tmp_path / "ssim.log",
    )
    assert len(compared) == 5
    for each in compared:
        assert each.metrics["ssim"] == pytest.approx(each.metrics["float_ssim"], abs=0.002)
        assert each.metrics["ssim"] < 0.99
