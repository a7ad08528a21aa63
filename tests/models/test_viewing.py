import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.viewing import covered

shares = st.floats(0, 1)


def test_what_the_report_has():
    assert covered(0) == 0
    assert covered(0.2) == pytest.approx(0.856)
    assert covered(0.8) == pytest.approx(0.996)
    assert covered(1) == pytest.approx(1)


@given(one=shares, other=shares)
def test_more_titles_have_more_hours_and_the_first_have_the_most(one, other):
    low, high = sorted((one, other))
    assert covered(low) <= covered(high) + 1e-12
    assert covered(high) >= high - 1e-12
