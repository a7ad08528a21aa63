"""Workers that are killed at random moments; `python -m bench.kills` does the same a hundred times."""

import pytest

pytestmark = pytest.mark.embedded

KILLS = 6


@pytest.fixture(scope="module")
def storm(platform, small):
    from bench.kills import storm  # noqa: PLC0415 - it needs what may be missing

    return storm(platform.up.platform, work_dir=platform.work_dir / "cloud", accepted=small, kills=KILLS)


def test_nothing_is_lost_nothing_comes_twice_and_every_byte_is_as_in_a_calm_run(storm):
    assert storm.faults == []
    assert storm.films >= 1


def test_a_kill_costs_an_attempt_and_no_more(storm):
    assert storm.kills == KILLS
    assert 0 < storm.attempts - storm.jobs <= storm.kills
