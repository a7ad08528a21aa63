"""Small titles that are accepted at once, and an original that comes late; `python -m bench.backlog` queues 500."""

import pytest

pytestmark = pytest.mark.embedded

TITLES = 6


@pytest.fixture(scope="module")
def backlog(platform, small):
    from bench.backlog import queue  # noqa: PLC0415 - it needs what may be missing

    return queue(platform.up.platform, accepted=small, titles=TITLES, prefix="crowded")


def test_every_title_is_packaged_once(backlog):
    assert len(backlog.ends) == TITLES
    assert (backlog.lost, backlog.twice, backlog.failed) == (0, 0, 0)
    assert [job.failure for job in backlog.jobs if job.failure] == []


def test_no_licensed_job_starts_while_one_of_an_original_waits(backlog):
    assert backlog.passed_over == 0


def test_a_late_original_overtakes_what_waits(backlog):
    assert backlog.overtaken > 0
