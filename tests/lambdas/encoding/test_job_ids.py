"""A job is called after everything that its result depends on."""

import pytest

from lambdas.encoding.job_ids import JobIds
from lambdas.encoding.models import QualityFloor, SourcePicture
from tests.lambdas.encoding.test_planning import planned

PLAN = planned()
RUNG = PLAN.video[0].rung
SOUND = PLAN.audio[0].name


def floored(**floor):
    floors = (QualityFloor(**{"rung": RUNG, "vmaf_mean": 95, "vmaf_p5": 85} | floor),)
    return JobIds(PLAN.model_copy(update={"floors": floors}))


@pytest.mark.parametrize("change", [{}, {"vmaf_mean": 93}, {"vmaf_p5": 0}])
def test_another_floor_is_another_score_and_no_other_track(change):
    """By it the NEG model is asked or not, and pictures of the worst frame are kept or not."""
    before, after = JobIds(PLAN) if not change else floored(), floored(**change)
    assert before.score(RUNG) != after.score(RUNG)
    assert before.join(RUNG) == after.join(RUNG)


def test_the_floor_of_another_rung_changes_no_score():
    assert JobIds(PLAN).score(RUNG) == floored(rung=PLAN.video[1].rung).score(RUNG)


def test_a_picture_that_begins_later_is_cut_otherwise():
    before, after = JobIds(PLAN), JobIds(PLAN.model_copy(update={"picture_start_s": 0.03}))
    for name in (
        lambda ids: ids.chunk(RUNG, 0),
        lambda ids: ids.join(RUNG),
        lambda ids: ids.search,
        lambda ids: ids.audio(SOUND),
    ):
        assert name(before) != name(after)


def test_another_meaning_of_the_samples_is_another_picture():
    before, after = (
        JobIds(PLAN.model_copy(update={"picture": picture}))
        for picture in (SourcePicture(), SourcePicture(full_range=True))
    )
    for name in (lambda ids: ids.chunk(RUNG, 0), lambda ids: ids.score(RUNG), lambda ids: ids.search):
        assert name(before) != name(after)
