import pytest

from lambdas.common.ladder import Codec
from lambdas.common.media import Tier
from lambdas.encoding.chosen import ForeignLadderError, chosen
from lambdas.encoding.job_ids import JobIds
from lambdas.encoding.models import Floor
from tests.lambdas import samples
from tests.lambdas.encoding.test_planning import planned, source

PLAN, REPORT = planned(), samples.ladder_report()
FOUND = REPORT.ladders[0].rungs
FLOORS = {Tier.HD: Floor(vmaf_mean=95, vmaf_p5=85)}


def test_each_rung_is_the_recipe_of_its_size_at_its_quality_and_with_room_for_what_is_harder():
    plan = chosen(PLAN, REPORT, floors=FLOORS)
    assert [(recipe.rung, recipe.crf) for recipe in plan.video] == [(rung.rung, rung.crf) for rung in FOUND]
    fixed = {recipe.height: recipe for recipe in PLAN.fixed}
    for recipe, rung in zip(plan.video, FOUND, strict=True):
        assert recipe.bitrate_kbps == round(rung.kbps)
        assert recipe.maxrate_kbps == recipe.buffer_kbits == round(2.5 * recipe.bitrate_kbps)
        for same in ("codec", "width", "height", "preset", "profile", "tier"):
            assert getattr(recipe, same) == getattr(fixed[rung.height], same)
    assert plan.ladder == REPORT
    assert plan.fixed == PLAN.fixed


def test_chosen_again_it_is_the_same_and_so_is_the_search():
    once = chosen(PLAN, REPORT, floors=FLOORS)
    assert chosen(once, REPORT, floors=FLOORS) == once
    assert JobIds(once).search == JobIds(PLAN).search


def test_hdr10_rungs_are_those_that_were_found_in_the_way_of_their_fixed_ones():
    like = samples.HDR10_RUNG
    plan = planned(source(**samples.PQ), ladder=[*samples.LADDER, like])
    assert like in plan.video
    found = FOUND[0].model_copy(update={"rung": like.rung, "crf": 19.5, "kbps": 4800, "vmaf": 95.7})
    h265 = samples.codec_ladder(codec=Codec.H265, rungs=(), hdr10=(found,))
    report = samples.ladder_report(ladders=(samples.codec_ladder(), h265))
    once = chosen(plan, report, floors=FLOORS)
    assert [recipe.rung for recipe in once.video] == [*(rung.rung for rung in FOUND), like.rung]
    rates = {"crf": 19.5, "bitrate_kbps": 4800, "maxrate_kbps": 12_000, "buffer_kbits": 12_000}
    assert once.video[-1] == like.model_copy(update=rates)
    # VMAF's target holds for its tone-mapped picture.
    [floor] = [floor for floor in once.floors if floor.rung == like.rung]
    assert (floor.vmaf_mean, floor.vmaf_p5) == (95, 85)
    assert chosen(once, report, floors=FLOORS) == once


def test_another_ladder_excerpts_rules_or_target_are_another_search():
    others = [
        planned(source(width=1280, height=720)),
        planned(source(frames=700)),
        planned(search=PLAN.search.model_copy(update={"margin": 1.0})),
        PLAN.model_copy(update={"vmaf_target": 93.0}),
    ]
    assert len({JobIds(plan).search for plan in (PLAN, *others)}) == len(others) + 1
    # What is made of it, and where it is kept, is not.
    assert JobIds(PLAN.model_copy(update={"media_bucket": "other", "audio": ()})).search == JobIds(PLAN).search


def test_a_film_that_is_mostly_black_may_have_one_picture():
    black = FOUND[0].model_copy(update={"kbps": 0.2})
    report = samples.ladder_report(ladders=(samples.codec_ladder(rungs=(black,)),))
    [recipe] = chosen(PLAN, report, floors={}).video
    assert recipe.bitrate_kbps == 1
    assert recipe.maxrate_kbps == recipe.buffer_kbits == PLAN.search.floor_kbps


def test_a_ladder_of_another_plan_is_refused():
    with pytest.raises(ForeignLadderError, match="1080p in h264 sdr of 1920 x 1080"):
        chosen(planned(source(width=1280, height=720)), REPORT, floors={})
    with pytest.raises(ForeignLadderError, match="searches nothing"):
        chosen(PLAN.model_copy(update={"search": None}), REPORT, floors={})
