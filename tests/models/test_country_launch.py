from dataclasses import replace
from itertools import pairwise
from math import fsum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.country_launch import MONTHS, Launch, Phase, Review, month_of, months

ALONE = (Phase(1, 0.0, "CloudFront only"),)
launches = st.builds(
    Launch, final_subscribers=st.floats(1e4, 1e8), mean_mbps=st.floats(0.5, 10), hours_a_day=st.floats(0.1, 5)
)


def test_a_month_by_hand():
    # Half of a million subscribers, 2 h x 1.125 GB a day: 33.75 PB, a quarter of it from CloudFront.
    month = month_of(Launch(), 8)
    assert month.subscribers == pytest.approx(500_000)
    assert month.cloudfront_tb == pytest.approx(8437.5)
    # 83,333 at the peak, 208 Gbit/s; 156 from four sites, 39 each: one appliance, and one to spare.
    assert month.peak_gbps == pytest.approx(208.33, abs=0.01)
    assert month.appliances == 8
    assert month.appliance_usd == pytest.approx(8 * 5000 / 12)
    # 10 TB at 0.085, 40 at 0.08, 100 at 0.06, 350 at 0.04, 524 at 0.03, 4,096 at 0.025 and the rest at 0.02, x 1.3.
    assert month.cloudfront_usd == pytest.approx(
        1.3 * (850 + 3200 + 6000 + 14_000 + 15_720 + 102_400 + (8_437_500 - 5_120_000) * 0.02)
    )


@given(launch=launches)
def test_without_a_phase_of_them_there_are_no_appliances(launch):
    for month in months(replace(launch, phases=ALONE)):
        assert month.appliances == 0
        assert month.appliance_usd == 0


@given(launch=launches)
def test_a_launch_has_eighteen_months_and_grows(launch):
    every = months(launch)
    assert [month.month for month in every] == list(range(1, MONTHS + 1))
    assert all(before.subscribers < after.subscribers for before, after in pairwise(every))
    assert every[-1].subscribers < launch.final_subscribers


def test_appliances_pay_in_a_country_of_a_million():
    launch = Launch()
    with_them, without = (fsum(month.usd for month in months(each)) for each in (launch, replace(launch, phases=ALONE)))
    assert with_them < without


def test_a_review_of_a_catalog_by_hand():
    review = Review(titles=100, films_a_title=3, hours_a_film=2, times_length=3, hours_a_person=300)
    assert (review.hours, review.people) == (1800, 6)
