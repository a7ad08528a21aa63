from hypothesis import given, settings
from hypothesis import strategies as st

from lambdas.playback.enforcement import DAY_S, HALF_LIFE_S, STAGES, Stage, Standing, step

CODES = st.lists(st.sampled_from(["other-households", "impossible-travel"]), max_size=2, unique=True)
LOOKS = st.lists(
    st.tuples(
        st.integers(-DAY_S, 20 * DAY_S),
        st.floats(0, 60, allow_nan=False),
        CODES,
        st.booleans(),
    ),
    max_size=40,
)


def walk(looks, standing=None):
    """Yield each step of a history: before, after, and what was looked at."""
    standing, now = standing or Standing(), 0
    for passed, points, reasons, verified in looks:
        now += passed
        after = step(standing, points=points if reasons else 0, reasons=reasons, now=now, verified=verified)
        yield standing, after
        standing = after


@settings(max_examples=150)
@given(LOOKS)
def test_no_stage_is_jumped_and_none_is_without_a_reason(looks):
    for before, after in walk(looks):
        assert abs(STAGES.index(after.stage) - STAGES.index(before.stage)) <= 1
        assert bool(after.reasons) == (after.stage is not Stage.CLEAR)
        assert after.points >= 0
        assert after.at >= before.at
        assert after.since == (before.since if after.stage is before.stage else after.at)


@settings(max_examples=100)
@given(LOOKS)
def test_good_behaviour_clears_any_account_one_stage_at_a_time(looks):
    *_, (_, standing) = [(None, Standing()), *walk(looks)]
    days = 0
    while standing.stage is not Stage.CLEAR:
        days += 1
        assert days < 365 + HALF_LIFE_S // DAY_S * 12
        before, standing = standing, step(standing, now=standing.at + DAY_S)
        assert STAGES.index(standing.stage) <= STAGES.index(before.stage), "nothing but time cannot make it worse"


@settings(max_examples=100)
@given(LOOKS, st.floats(0, 1000), st.floats(0, 1000))
def test_more_points_never_lead_to_a_milder_stage(looks, some, more):
    *_, (_, standing) = [(None, Standing()), *walk(looks)]
    now, (less, most) = standing.at + DAY_S, sorted((some, more))
    stages = [step(standing, points=points, reasons=["r"], now=now).stage for points in (less, most)]
    assert STAGES.index(stages[0]) <= STAGES.index(stages[1])


def test_a_stage_lasts_before_the_next_one():
    noticed = step(Standing(), points=100, reasons=["r"], now=0)
    assert noticed.stage is Stage.NOTICE
    assert step(noticed, points=100, reasons=["r"], now=7 * DAY_S - 1).stage is Stage.NOTICE
    asked = step(noticed, points=100, reasons=["r"], now=7 * DAY_S)
    assert asked.stage is Stage.CHALLENGE
    assert step(asked, points=100, reasons=["r"], now=10 * DAY_S - 1).stage is Stage.CHALLENGE
    assert step(asked, points=100, reasons=["r"], now=10 * DAY_S).stage is Stage.BLOCK


def test_an_account_is_not_blocked_for_what_has_stopped():
    asked = Standing(stage=Stage.CHALLENGE, since=0, points=100, at=0, reasons=("r",))
    assert step(asked, now=4 * DAY_S).stage is Stage.CHALLENGE


def test_an_answered_challenge_halves_the_suspicion():
    asked = Standing(stage=Stage.CHALLENGE, since=0, points=30, at=0, reasons=("r",))
    answered = step(asked, now=0, verified=True)
    assert (answered.stage, answered.points, answered.reasons) == (Stage.NOTICE, 15, ("r",))
    blocked = asked.model_copy(update={"stage": Stage.BLOCK, "points": 80})
    assert step(blocked, now=0, verified=True).stage is Stage.BLOCK


def test_points_halve_in_a_fortnight():
    later = step(Standing(points=8, at=0), now=HALF_LIFE_S)
    assert later.points == 4
