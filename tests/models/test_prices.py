import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.prices import PRICES, Rate, Step

rates = st.sampled_from(sorted(PRICES)).map(PRICES.__getitem__)
amounts = st.floats(0, 1e10)


def test_each_part_of_a_month_has_its_own_price():
    # 10 TB at 0.085, 40 at 0.080, 10 at 0.060.
    assert PRICES["CloudFront"].cost_usd(60_000) == pytest.approx(850 + 3200 + 600)
    # 50 TB at 0.023, 450 at 0.022, 500 at 0.021.
    assert PRICES["S3 Standard"].cost_usd(1_000_000) == pytest.approx(1150 + 9900 + 10_500)


@given(rate=rates, one=amounts, other=amounts)
def test_more_costs_no_less_and_together_is_no_dearer(rate, one, other):
    apart = rate.cost_usd(one) + rate.cost_usd(other)
    together = rate.cost_usd(one + other)
    assert max(rate.cost_usd(one), rate.cost_usd(other)) <= together * (1 + 1e-9)
    assert together <= apart * (1 + 1e-9)


def test_every_price_names_its_page():
    assert all("aws.amazon.com/" in rate.source for rate in PRICES.values())


@pytest.mark.parametrize(
    "steps", [(Step(1, 0.1),), (Step(0, 0.1), Step(0, 0.2)), (Step(0, 0.1), Step(9, 0.2), Step(5, 0.1))]
)
def test_steps_out_of_order_are_refused(steps):
    with pytest.raises(ValueError, match="begin at 0 and rise"):
        Rate(steps=steps, unit="GB", source="nowhere")
