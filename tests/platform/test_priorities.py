"""Many deliveries at once: none lost, none twice, and originals before licensed titles."""

from statistics import median

import pytest

pytestmark = pytest.mark.embedded

DELIVERIES = 24
ON_THE_WAY_S = 1.0
"""A job is in the queue a moment before the scheduler has it."""


@pytest.fixture(scope="module")
def flood(platform):
    from bench.deliveries import flood  # noqa: PLC0415

    return flood(platform.up.platform, deliveries=DELIVERIES, prefix="crowd")


def test_none_is_lost_and_none_comes_twice(flood):
    assert len(flood.ends) == DELIVERIES
    assert flood.executions == flood.ends == dict.fromkeys(flood.ends, 1)
    assert (flood.lost, flood.twice, flood.failed) == (0, 0, 0)
    assert len(flood.inspections) == DELIVERIES


def test_no_licensed_title_starts_while_an_original_waits(flood):
    from bench.queueing import out_of_turn  # noqa: PLC0415

    assert out_of_turn(flood.inspections, tolerance_s=ON_THE_WAY_S) == []


def test_originals_end_before_licensed_titles_on_the_whole(flood):
    # One by one, what had begun before they came may end before them, and an end may be late on a busy machine.
    places = {kind: [at for at, one in enumerate(flood.order) if one == kind] for kind in ("original", "licensed")}
    assert median(places["original"]) < median(places["licensed"])


def test_originals_that_came_later_were_there_to_overtake(flood):
    from bench.queueing import overtakings  # noqa: PLC0415

    assert overtakings(flood.inspections)
