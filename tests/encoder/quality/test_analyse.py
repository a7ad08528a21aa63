"""The task ``analyse``: what it writes, where, and when it does not do it again."""

import json
import os
import re
import struct

import pytest

from encoder.quality import source as source_module
from lambdas.common.keys import Analysis
from lambdas.ingestion.analysis import AnalysisReport
from tests.encoder.quality import clips
from tests.encoder.quality.clips import BLACK, FPS, quiet, tone
from tests.encoder.studio import RAW, WORK, ffprobe

KEY = "blender/analysed/film.mov"


@pytest.fixture(scope="module")
def analysed(studio, moving, tmp_path_factory):
    """A film of eleven seconds with a black stretch and a hole in its sound, analysed as version qc-1."""
    film = [*moving[:60], *[BLACK] * 30, *moving[60:234]]
    sound = quiet(tone(264 / FPS), first_s=5.0, last_s=7.0)
    path = clips.write(tmp_path_factory.mktemp("analysed") / "film.mov", film, sound=sound)
    studio.s3.upload_file(str(path), RAW, KEY)
    exit_code = studio.run("analyse", "--source", f"s3://{RAW}/{KEY}", "--version-id", "qc-1", "--work-bucket", WORK)
    assert exit_code == os.EX_OK
    return AnalysisReport.model_validate_json(studio.get(WORK, Analysis("qc-1").report))


def jpeg_size(content):
    """Width and height, from the frame's header."""
    found = re.search(rb"\xff[\xc0\xc2]..(.)(..)(..)", content[2:], re.DOTALL)
    height, width = struct.unpack(">HH", found[2] + found[3])
    return width, height


def test_the_report_says_what_was_planted(analysed):
    assert analysed.frames == 264
    assert analysed.duration_s == pytest.approx(264 / FPS, abs=1e-6)
    assert [(span.first_frame, span.last_frame) for span in analysed.black.spans] == [(60, 89)]
    assert len(analysed.sound) == 1
    assert analysed.sound[0].silence.longest_s == pytest.approx(2.0, abs=0.05)
    assert analysed.analysis_s > 0


def test_every_span_has_its_still(studio, analysed):
    spans = (*analysed.black.spans, *analysed.sound[0].silence.spans)
    assert {span.still for span in spans} == {Analysis("qc-1").still("black-0"), Analysis("qc-1").still("silence-0")}
    for span in spans:
        assert jpeg_size(studio.get(WORK, span.still)) == (clips.WIDTH, clips.HEIGHT)


def test_the_track_names_sheets_that_lie_beside_it(studio, analysed):
    track = studio.get(WORK, analysed.thumbnails).decode()
    assert analysed.thumbnail_count == track.count("-->") == 2
    for sprite, *area in re.findall(r"^(\S+?)#xywh=(\d+),(\d+),(\d+),(\d+)$", track, re.MULTILINE):
        left, top, width, height = map(int, area)
        sheet_width, sheet_height = jpeg_size(studio.get(WORK, f"{analysed.thumbnails.rpartition('/')[0]}/{sprite}"))
        assert left + width <= sheet_width
        assert top + height <= sheet_height
        assert width / height == pytest.approx(16 / 9, rel=0.02)


def test_everything_lies_under_the_version_s_prefix(studio, analysed):
    kinds = {studio.head(WORK, key)["ContentType"] for key in studio.keys(WORK, Analysis("qc-1").prefix)}
    assert kinds == {"application/json", "image/jpeg", "text/vtt"}


def test_a_second_run_measures_nothing(studio, analysed, capsys):
    before = studio.head(WORK, Analysis("qc-1").report)["LastModified"]
    studio.run("analyse", "--source", f"s3://{RAW}/{KEY}", "--version-id", "qc-1", "--work-bucket", WORK)
    said = [json.loads(line)["message"] for line in capsys.readouterr().out.splitlines()]
    assert "already analysed" in said
    assert "fetched" not in said
    assert studio.head(WORK, Analysis("qc-1").report)["LastModified"] == before


def test_another_version_of_the_object_is_measured_anew(studio, moving, tmp_path):
    bucket = "raw-analysed"
    studio.s3.create_bucket(Bucket=bucket)
    studio.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    versions = {}
    for frames in (48, 36):
        path = clips.write(tmp_path / f"{frames}.mov", moving[:frames])
        versions[frames] = studio.s3.put_object(Bucket=bucket, Key="film.mov", Body=path.read_bytes())["VersionId"]
    for frames, version in versions.items():
        arguments = ("--source-version", version, "--version-id", "qc-2", "--work-bucket", WORK)
        assert studio.run("analyse", "--source", f"s3://{bucket}/film.mov", *arguments) == os.EX_OK
        report = AnalysisReport.model_validate_json(studio.get(WORK, Analysis("qc-2").report))
        assert report.frames == frames
        assert report.thumbnail_count == 1
        assert report.sound == ()


@pytest.mark.parametrize("content", [b"", b"not a film" * 100])
def test_what_is_no_film_is_refused(studio, content):
    studio.s3.put_object(Bucket=RAW, Key="blender/bad/film.mov", Body=content)
    arguments = ("--source", f"s3://{RAW}/blender/bad/film.mov", "--version-id", "qc-3", "--work-bucket", WORK)
    assert studio.run("analyse", *arguments) == os.EX_DATAERR
    assert studio.keys(WORK, Analysis("qc-3").prefix) == []


def test_what_does_not_exist_is_refused(studio):
    arguments = ("--source", f"s3://{RAW}/blender/none/film.mov", "--version-id", "qc-3", "--work-bucket", WORK)
    assert studio.run("analyse", *arguments) == os.EX_DATAERR


def test_a_film_that_takes_too_long_is_given_up(studio, analysed, monkeypatch):
    monkeypatch.setattr(source_module, "_PATIENCE_AT_LEAST_S", 0.01)
    monkeypatch.setattr(source_module, "_PATIENCE", 0.0)
    arguments = ("--source", f"s3://{RAW}/{KEY}", "--version-id", "qc-4", "--work-bucket", WORK)
    assert studio.run("analyse", *arguments) == os.EX_DATAERR
    assert studio.keys(WORK, Analysis("qc-4").prefix) == []


def test_thumbnails_show_the_film_at_their_times(studio, moving, tmp_path):
    # A grey that gets lighter every ten seconds: the thumbnails must show it.
    greys = [60, 120, 180]
    frames = [bytes([greys[min(number // 240, 2)]]) * clips.LUMA + bytes([128]) * clips.CHROMA for number in range(500)]
    path = clips.write(tmp_path / "film.mov", frames, rate="24/1")
    studio.s3.upload_file(str(path), RAW, "blender/greys/film.mov")
    arguments = ("--source", f"s3://{RAW}/blender/greys/film.mov", "--version-id", "qc-5", "--work-bucket", WORK)
    assert studio.run("analyse", *arguments) == os.EX_OK
    sheet = studio.download(WORK, Analysis("qc-5").sprite(0))
    picture = ffprobe(sheet, "-show_streams")["streams"][0]
    luma = clips.ffmpeg("-i", sheet, "-f", "rawvideo", "-pix_fmt", "gray", "-")
    width = picture["width"] // 3
    shown = [luma[index * width + width // 2 + 10 * picture["width"]] for index in range(3)]
    # JPEG has the full range.
    expected = [(grey - 16) * 255 / 219 for grey in greys]
    assert shown == [pytest.approx(grey, abs=4) for grey in expected]
