from dataclasses import replace
from math import fsum, inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.bandwidth import (
    Audience,
    Inputs,
    Site,
    Tiers,
    UnreachablePeakError,
    appliance_saves_usd_a_year,
    appliances,
    cloudfront_usd_m_a_month,
    day_curve,
    figures,
    mean_tbps_of,
    sensitivity,
    sites,
    world_curve,
    world_peak_tbps,
)

peaks = st.floats(1, 7.5)
audiences = st.builds(
    Audience, viewing_hours_a_day=st.floats(1e3, 1e10), mean_mbps=st.floats(0.1, 50), peak_over_mean=peaks
)
site_sizes = st.builds(
    Site,
    subscribers=st.floats(100, 1e6),
    peak_share=st.floats(0.01, 1),
    mean_mbps=st.floats(0.5, 25),
    appliance_gbps=st.floats(1, 400),
    spare=st.integers(0, 3),
)


def test_a_billion_hours_by_hand():
    audience = Audience()
    # 1e9 h / 24 h = 41.67 million at once, each 5 Mbit/s.
    assert audience.mean_tbps == pytest.approx(208.33, abs=0.01)
    assert audience.peak_tbps == pytest.approx(416.67, abs=0.01)
    # An hour is 3600 s x 5 Mbit/s / 8 = 2.25 GB: 2.25 EB a day, 67.5 a month of thirty days.
    assert audience.eb_a_month == pytest.approx(67.5)
    assert audience.peak_share_of_subscribers == pytest.approx(83.333 / 200, abs=1e-4)


def test_what_is_stated_a_month_is_a_thousandth_of_the_peak_that_is_stated():
    # 270 PB x 8 / (30 x 86,400 s).
    assert mean_tbps_of(270) == pytest.approx(0.8333, abs=1e-4)


def test_a_site_by_hand():
    # 50,000 x 30 % x 5 Mbit/s = 75 Gbit/s: two of 40 would be 94 % full, and none to spare.
    site = Site()
    assert site.peak_gbps == pytest.approx(75)
    assert (site.needed, site.appliances) == (2, 3)
    assert site.load() == pytest.approx(0.625)
    assert site.load(away=1) == pytest.approx(0.9375)
    assert site.load(away=3) == inf
    assert (sites(Audience(), site), appliances(Audience(), site)) == (4000, 12_000)


def test_what_an_appliance_saves_by_hand():
    # 40 Gbit/s at the peak are 20 on average: 2.5 GB/s, 78.84 PB a year, at 0.02 USD a GB, less 5,000 USD.
    assert appliance_saves_usd_a_year(Site(), peak_over_mean=2) == pytest.approx(1_571_800)


def test_cloudfront_s_share_by_hand():
    # 4 % of 67.5 EB are 2.7 billion GB, nearly all at 0.020; what the first 5.12 PB cost more is 39,800 USD.
    assert cloudfront_usd_m_a_month(Audience(), Tiers()) == pytest.approx(67.54, abs=0.01)


@given(peak=peaks)
def test_a_day_s_mean_is_one_and_its_peak_is_what_was_asked_for(peak):
    curve = day_curve(peak)
    assert fsum(curve) == pytest.approx(24)
    assert max(curve) == pytest.approx(peak, rel=1e-6)
    assert min(curve) >= 0


@pytest.mark.parametrize("peak", [0.9, 8, 24])
def test_a_peak_that_no_day_has_is_refused(peak):
    with pytest.raises(UnreachablePeakError, match="choose one from 1"):
        day_curve(peak)


@given(audience=audiences)
def test_the_world_sends_what_its_regions_send_and_peaks_below_the_sum_of_their_peaks(audience):
    curves = world_curve(audience)
    mean = fsum(fsum(curve) / 24 for curve in curves.values())
    assert mean == pytest.approx(audience.mean_tbps)
    assert audience.mean_tbps * (1 - 1e-9) <= world_peak_tbps(audience) <= audience.peak_tbps * (1 + 1e-6)


def test_an_evening_is_at_its_own_hours_of_utc():
    # Eight to eleven is 19 to 22 UTC an hour east of it, and 2 to 5 six hours west.
    curves = world_curve(Audience())
    busiest = {name: [hour for hour in range(24) if curve[hour] >= max(curve) - 1e-9] for name, curve in curves.items()}
    assert busiest["Europe, Middle East, Africa"] == [19, 20, 21]
    assert busiest["US and Canada"] == [2, 3, 4]


@given(site=site_sizes)
def test_a_site_without_its_spare_ones_still_carries_the_peak_and_one_fewer_would_not(site):
    assert site.load(away=site.spare) <= 1 + 1e-6
    if site.needed > 1:
        assert site.load(away=site.spare + 1) > 1 - 1e-6


@given(site=site_sizes, factor=st.floats(1, 10))
def test_more_subscribers_never_need_fewer_appliances(site, factor):
    assert replace(site, subscribers=site.subscribers * factor).appliances >= site.appliances


def test_tiers_that_do_not_sum_to_one_are_refused():
    with pytest.raises(ValueError, match="sum to 1"):
        Tiers(appliances=0.95, cloudfront=0.04, origin=0.02)


def test_each_input_moves_what_depends_on_it():
    swings = {swing.name: swing for swing in sensitivity(Audience(), Site())}
    for name in ("viewing_hours_a_day", "mean_mbps", "peak_over_mean"):
        low, high = swings[name].peak_tbps
        assert (low, high) == (pytest.approx(333.33, abs=0.01), pytest.approx(500, abs=0.01)), name
        # 60 and 90 Gbit/s a site: two and three appliances, and one to spare.
        assert swings[name].appliances == (12_000, 16_000), name
    assert swings["subscribers"].peak_tbps[0] == pytest.approx(swings["subscribers"].peak_tbps[1])
    low, high = swings["appliance_gbps"].appliances
    assert low > high


def test_the_tiers_carry_the_peak_between_them():
    found = figures(Inputs())
    shares = (found[f"{tier}_tbps"].value for tier in ("appliance", "cloudfront", "origin"))
    assert fsum(shares) == pytest.approx(found["peak_tbps"].value)
