from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.interview import MINUTES_EACH, MOST, InterviewError, chosen, timed
from models.questions import Level, Question, section_of

LEVELS = list(Level)
ROWS = {
    number: Question(
        number=number,
        title="t",
        question="q",
        follow_up="f",
        level=LEVELS[number % 3],
        status="built",
        good=["g"],
        traps=["t"],
    )
    for number in range(1, 101)
}
levels = st.sampled_from(Level)
minutes = st.integers(MINUTES_EACH, 300)
seeds = st.integers(0, 10_000)


@given(level=levels, minutes=minutes, seed=seeds)
def test_questions_of_the_level_are_chosen_for_the_time_and_none_twice(level, minutes, seed):
    found = chosen(ROWS, level=level, minutes=minutes, seed=seed)
    there = sum(row.level is level for row in ROWS.values())
    assert len(found) == min(there, MOST, minutes // MINUTES_EACH)
    assert {row.level for row in found} == {level}
    numbers = [row.number for row in found]
    assert numbers == sorted(set(numbers))


@given(level=levels, minutes=minutes, seed=seeds)
def test_no_section_has_two_more_than_another_that_has_some_left(level, minutes, seed):
    found = Counter(section_of(row.number) for row in chosen(ROWS, level=level, minutes=minutes, seed=seed))
    there = Counter(section_of(row.number) for row in ROWS.values() if row.level is level)
    left = [found[section] for section in there if found[section] < there[section]]
    assert not left or max(found.values()) - min(left) <= 1


@given(level=levels, minutes=minutes, seed=seeds)
def test_the_same_seed_is_the_same_sheet(level, minutes, seed):
    assert chosen(ROWS, level=level, minutes=minutes, seed=seed) == chosen(
        ROWS, level=level, minutes=minutes, seed=seed
    )


def test_another_seed_is_another_sheet():
    assert len({chosen(ROWS, level=Level.MID, minutes=60, seed=seed) for seed in range(5)}) > 1


@pytest.mark.parametrize(("minutes", "many"), [(4, 1), (7, 1), (60, 15), (90, 20), (300, 20)])
def test_a_sheet_fits_its_minutes_and_has_no_more_questions_than_the_source_document(minutes, many):
    assert len(chosen(ROWS, level=Level.MID, minutes=minutes, seed=1)) == many


@pytest.mark.parametrize("minutes", [1, 3])
def test_less_time_than_a_question_takes_is_refused(minutes):
    with pytest.raises(InterviewError, match=f"minutes={minutes}: a question takes 4: give it as many at least"):
        chosen(ROWS, level=Level.MID, minutes=minutes, seed=1)


def test_without_questions_of_the_level_there_are_none():
    assert chosen({}, level=Level.MID, minutes=60, seed=1) == ()


@pytest.mark.parametrize(("many", "starts"), [(1, [0]), (4, [0, 15, 30, 45])])
def test_each_question_has_as_long_as_the_others(many, starts):
    questions = [ROWS[number] for number in range(1, many + 1)]
    assert [(start, row) for start, row in timed(questions, minutes=60)] == list(zip(starts, questions, strict=True))
