from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.audit import PAGE, Document, Span, audit, figures, page

VALUES = st.floats(min_value=0.01, max_value=1e6)
SPANS = st.tuples(VALUES, VALUES).map(lambda ends: Span(*sorted(ends)))


def by_id(**corrections):
    return {statement.id: statement for statement in audit(replace(Document(), **corrections))}


@pytest.fixture(scope="module")
def audited():
    return by_id()


def test_the_page_is_that_of_the_code():
    assert PAGE.read_text(encoding="utf-8") == page(audit()), "run: python -m models.audit"


def test_ids_are_unique_and_questions_exist(audited):
    assert len(audited) == len(audit()) >= 25
    assert {number for statement in audited.values() for number in statement.questions} <= set(range(1, 101))


@pytest.mark.parametrize(
    ("statement", "computed"),
    [
        # Each worked out by hand.
        ("monthly-volume", 67_500),
        ("two-peaks", 416.67),
        ("viewers-at-the-peak", 83.33),
        ("site-appliances", 3),
        ("daily-refresh", 120.37),
        ("replication-cost", 144.9),
        ("films-a-year", 182_500),
        ("branching-storage", 10.5),
        ("all-on-spot", 15),
        ("jobs-at-once", 160_000),
        ("start-up-time", 10.8),
        ("limiter-burst", 1000),
        ("keys-a-title", 1800),
        ("appliance-share", 10),
        ("annual-costs", 575),
        ("aws-bill", 400),
        ("mars-delay", 44.47),
    ],
)
def test_what_does_not_hold(audited, statement, computed):
    assert not audited[statement].agrees
    assert audited[statement].computed.low == pytest.approx(computed, rel=1e-3)


@pytest.mark.parametrize(
    ("statement", "computed"),
    [
        ("average-bandwidth", 208.33),
        ("streams-an-appliance", 8000),
        ("parts-of-an-upload", 3815),
        ("storage-bill", 4.025),
        ("glacier-saving", 84.35),
        ("site-bandwidth", 75),
        ("migration-time", 150),
        ("drm-return", 96),
        ("bill-lines", 70),
    ],
)
def test_what_holds(audited, statement, computed):
    assert audited[statement].agrees
    assert audited[statement].computed.low == pytest.approx(computed, rel=1e-3)


@pytest.mark.parametrize(
    ("correction", "mended"),
    [
        ({"volume_pb_a_month": 67_500.0}, {"monthly-volume", "origin-share"}),
        ({"other_peak_tbps": 416.0}, {"two-peaks"}),
        ({"flash_tb": 300.0}, {"hot-titles-on-flash"}),
        ({"site_appliances": 3}, {"site-appliances"}),
        ({"cloudfront_target_musd_a_month": 10}, {"appliance-share"}),
        ({"total_musd": 575}, {"annual-costs"}),
        ({"replication_musd_a_year": 145}, {"replication-cost"}),
        ({"migration_musd": 2.25}, {"migration-cost"}),
        ({"mars_round_trip_minutes": 44.5}, {"mars-delay"}),
        ({"rto_minutes": 45}, {"recovery-time"}),
        ({"retries": 4}, {"back-offs"}),
        ({"account_id": "111122223333"}, {"account-id"}),
    ],
)
def test_a_corrected_figure_holds(correction, mended):
    found = by_id(**correction)
    assert {statement for statement in mended if not found[statement].agrees} == set()


def test_a_wrong_figure_does_not_hold():
    assert not by_id(average_tbps=2080)["average-bandwidth"].agrees
    assert not by_id(bill_saving_musd=80)["bill-lines"].agrees
    assert not by_id(drm_shares_pct=(60, 30, 20))["drm-shares"].agrees


@given(one=SPANS, other=SPANS, rounding=st.floats(0, 0.5))
def test_spans_meet_both_ways_and_the_more_the_more_is_rounded(one, other, rounding):
    assert one.meets(other, rounding=rounding) == other.meets(one, rounding=rounding)
    assert one.meets(one, rounding=0)
    assert one.meets(other, rounding=rounding) or not one.meets(other, rounding=0)


@given(hours=st.floats(1e6, 1e10), factor=st.floats(1.1, 10))
def test_bandwidth_and_volume_grow_as_the_hours_do(hours, factor):
    few, many = (by_id(viewing_h_a_day=watched) for watched in (hours, hours * factor))
    for statement in ("average-bandwidth", "peak-bandwidth", "monthly-volume"):
        assert many[statement].computed.low == pytest.approx(few[statement].computed.low * factor)


def test_figures_are_the_computed_values_and_of_ranges_both_ends():
    found = figures()
    assert found["monthly_volume"].value == pytest.approx(67_500)
    assert (found["drm_return_low"].value, found["drm_return_high"].value) == (96, 120)
    assert "cloudfront_price_low" not in found
