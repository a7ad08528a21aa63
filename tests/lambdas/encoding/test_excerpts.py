from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.encoding.excerpts import excerpts_of
from lambdas.encoding.models import SearchRules
from lambdas.encoding.shots import Shot

RATE = Fraction(24)
SECOND = 24


def rules(*, excerpts=4, excerpt_s=1.0):
    return SearchRules(excerpts=excerpts, excerpt_s=excerpt_s, most_rungs=4, floor_kbps=400)


def taken(*shots, frames=40 * SECOND, **held_to):
    return excerpts_of(shots, frames=frames, frame_rate=RATE, rules=rules(**held_to))


def shot(second, complexity=None):
    return Shot(first_frame=int(second * SECOND), complexity=complexity)


def seconds(excerpts):
    """The middles of excerpts, in seconds."""
    return [(excerpt.first_frame + excerpt.frames / 2) / SECOND for excerpt in excerpts]


def test_of_few_shots_all_are_looked_at_and_count_as_long_as_they_last():
    found = taken(shot(0), shot(10), shot(16))
    assert seconds(found) == [5, 13, 28]
    assert [excerpt.share for excerpt in found] == [10 / 40, 6 / 40, 24 / 40]
    assert {excerpt.frames for excerpt in found} == {SECOND}


def test_an_excerpt_knows_how_soon_the_next_picture_is_a_new_one():
    assert [excerpt.shot_frames for excerpt in taken(shot(0), shot(10), shot(16))] == [240, 144, 576]
    assert {excerpt.shot_frames for excerpt in taken()} == {None}


def test_of_a_shot_that_is_shorter_than_an_excerpt_all_is_looked_at():
    flash, *_ = taken(shot(0), shot(0.5))
    assert (flash.first_frame, flash.frames) == (0, SECOND // 2)


def test_of_many_shots_every_part_of_the_film_gives_one():
    found = taken(*(shot(second) for second in range(0, 40, 2)))
    assert seconds(found) == [5, 15, 25, 35]
    assert {excerpt.share for excerpt in found} == {0.25}


def test_where_it_is_known_how_hard_shots_are_the_parts_are_those_that_are_alike():
    # Hard and easy ones alternate: in the order of time, an easy one alone would be met.
    film = [shot(second, complexity=second % 4) for second in range(0, 40, 2)]
    halves = taken(*film, excerpts=2)
    assert sorted(int(at) // 2 % 2 for at in seconds(halves)) == [0, 1]
    assert [excerpt.share for excerpt in halves] == [0.5, 0.5]


def test_a_shot_too_short_to_be_measured_does_not_hide_how_hard_the_others_are():
    film = [shot(second, complexity=second % 4) for second in range(0, 40, 2)]
    halves = taken(*film[:10], shot(20.2), *film[11:], excerpts=2)
    assert sorted(int(at) // 2 % 2 for at in seconds(halves)) == [0, 1]


def test_where_it_is_known_of_few_nobody_trusts_it():
    film = [shot(second, complexity=second if second < 20 else None) for second in range(0, 40, 2)]
    assert taken(*film) == taken(*(shot(second) for second in range(0, 40, 2)))


def test_a_shot_that_several_parts_would_give_is_looked_at_once_and_counts_for_all():
    found = taken(shot(0), *(shot(20 + second) for second in range(0, 20, 4)))
    assert seconds(found) == [10, 26, 34]
    assert [excerpt.share for excerpt in found] == [0.5, 0.25, 0.25]


def test_a_camera_that_is_left_running_is_looked_at_more_than_once():
    found = taken(shot(0), frames=120 * SECOND)
    assert seconds(found) == [15, 45, 75, 105]


def test_without_shots_it_is_looked_at_evenly():
    assert seconds(taken()) == [5, 15, 25, 35]


def test_a_film_of_one_frame_is_its_own_excerpt():
    [only] = taken(frames=1)
    assert (only.first_frame, only.frames, only.share) == (0, 1, 1)


@given(
    st.integers(1, 200_000),
    st.lists(st.integers(0, 250_000), max_size=60),
    st.sampled_from([None, "known"]),
    st.integers(1, 30),
    st.floats(0.05, 10),
    st.sampled_from(["24/1", "24000/1001", "60/1"]),
)
def test_excerpts_are_of_the_film_apart_from_each_other_and_stand_for_all_of_it(
    frames, begins, known, excerpts, excerpt_s, rate
):
    shots = [Shot(first_frame=begin, complexity=begin % 7 if known else None) for begin in begins]
    held_to = rules(excerpts=excerpts, excerpt_s=excerpt_s)
    found = excerpts_of(shots, frames=frames, frame_rate=Fraction(rate), rules=held_to)
    assert 1 <= len(found) <= excerpts
    assert sum(excerpt.share for excerpt in found) == pytest.approx(1)
    assert all(excerpt.frames <= max(1, round(excerpt_s * Fraction(rate))) for excerpt in found)
    assert all(one.first_frame + one.frames <= other.first_frame for one, other in pairwise(found))
    assert found[-1].first_frame + found[-1].frames <= frames
    assert found == excerpts_of(shots[::-1], frames=frames, frame_rate=Fraction(rate), rules=held_to)
