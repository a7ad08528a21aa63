"""What is said of the API's answers, and of those only that were asked for."""

import pytest

pytest.importorskip("playwright", reason="needs requirements-sandbox.txt")

from hypothesis import given
from hypothesis import strategies as st

from bench.api import compared, percentile

SECONDS = st.lists(st.floats(0.001, 10), min_size=1, max_size=200)


@given(SECONDS)
def test_a_percentile_parts_the_values(values):
    for percent in (50, 99):
        mark = percentile(values, percent)
        assert mark in values
        assert 100 * sum(value <= mark for value in values) >= percent * len(values)
        assert 100 * sum(value < mark for value in values) < percent * len(values)


def test_each_request_stands_beside_the_floor_of_the_same_percentile():
    asked = {"an empty handler": [0.010, 0.010, 0.020], "session": [0.030, 0.030, 0.080]}

    middle, tail = compared(asked)

    assert (middle.what, middle.ours, middle.peers, middle.unit) == ("session, p50", 30, 10, "ms")
    assert (tail.what, tail.ours, tail.peers) == ("session, p99", 80, 20)
    assert middle.ratio == 3
