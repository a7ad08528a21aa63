import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("simpy", reason="needs requirements-sandbox.txt: the simulation")

from models.availability import MINUTES_A_YEAR, Part, lived, minutes_a_year, parallel, series, switched

SHARES = st.floats(0.5, 1.0)


def test_a_worked_example():
    # Three services of 99.9, 99.95 and 99.99 %: 99.84 % together, 841 minutes a year.
    share = series([0.999, 0.9995, 0.9999])
    assert share == pytest.approx(0.99840065, abs=1e-8)
    assert minutes_a_year(share) == pytest.approx(840.6, abs=0.1)
    # Two of it, of which the second takes over in 6 minutes of an outage of 60: u u + u (1 - u) / 10.
    down = 1 - share
    assert switched(share, outage_minutes=60, switch_minutes=6) == pytest.approx(1 - down * down - down * share / 10)
    assert minutes_a_year(0.9999) == pytest.approx(52.56)


@given(shares=st.lists(SHARES, min_size=1, max_size=8), one=SHARES)
def test_each_need_makes_it_worse_and_each_alternative_better(shares, one):
    assert series([*shares, one]) <= series(shares) <= min(shares)
    assert parallel([*shares, one]) >= parallel(shares) >= max(shares) - 1e-12


@given(share=SHARES, switch=st.floats(0, 200))
def test_switching_lies_between_one_part_and_two_at_once(share, switch):
    found = switched(share, outage_minutes=60, switch_minutes=switch)
    assert share - 1e-12 <= found <= parallel([share, share]) + 1e-12
    assert switched(share, outage_minutes=60, switch_minutes=0) == pytest.approx(parallel([share, share]))


def test_simulated_years_lose_what_the_product_says_on_average():
    parts = [Part(name="a", share=0.999), Part(name="b", share=0.998, outage_minutes=30)]
    years = lived(parts, years=3000)
    assert years.mean == pytest.approx(minutes_a_year(series([0.999, 0.998])), rel=0.03)
    assert years.minutes[0] <= years.percentile(0.5) <= years.percentile(0.95) <= years.minutes[-1]
    assert years.within(years.percentile(0.95)) >= 0.95


@settings(max_examples=20)
@given(shares=st.lists(st.floats(0.9, 1.0), min_size=1, max_size=4), seed=st.integers(0, 99))
def test_a_part_more_never_loses_less_and_no_year_loses_more_than_itself(shares, seed):
    parts = [Part(name=str(number), share=share) for number, share in enumerate(shares)]
    fewer, more = (lived(some, years=3, seed=seed) for some in (parts[:-1], parts))
    assert sum(fewer.minutes) <= sum(more.minutes) + 1e-6
    assert all(0 <= lost <= MINUTES_A_YEAR + 1e-6 for lost in more.minutes)
    assert more == lived(parts, years=3, seed=seed)


def test_what_never_fails_loses_nothing():
    assert lived([Part(name="a", share=1.0)], years=3).minutes == (0, 0, 0)
