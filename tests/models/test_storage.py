from dataclasses import replace
from itertools import combinations_with_replacement, groupby
from math import fsum

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.storage import (
    CLASSES,
    DAYS_A_STEP,
    ArchiveRisk,
    Band,
    Catalog,
    Kind,
    NoClassError,
    age_shares,
    all_standard,
    bill,
    break_even_reads,
    cheapest,
    colder_copies_usd,
    deployed,
    figures,
    from_days,
    glacier_share,
    grown,
    optimised,
    replication_usd,
    rules,
    total_usd,
    usd_a_gb_month,
)
from stacks.settings import PRODUCTION

CATALOG = Catalog()
STEPS = len(age_shares(0.1))
WAITS = (0.0, 5.0, 12.0, 48.0)


@st.composite
def kinds(draw):
    """Bytes that are read less, and may be waited for longer, as they age."""
    days = sorted(draw(st.sets(st.sampled_from([60, 120, 300, 600]), max_size=3)))
    reads = sorted(draw(st.lists(st.floats(0, 3), min_size=len(days) + 1, max_size=len(days) + 1)), reverse=True)
    waits = sorted(draw(st.lists(st.sampled_from(WAITS), min_size=len(days) + 1, max_size=len(days) + 1)))
    return Kind(name="drawn", pb=1, bands=tuple(map(Band, (0, *days), reads, waits)))


def lasts(lifecycle):
    """Whether nothing leaves a class before its least days."""
    least = {each.name: each.least_days for each in CLASSES}
    stays = [(name, len(list(steps)) * DAYS_A_STEP) for name, steps in groupby(lifecycle)]
    return all(days >= least[name] for name, days in stays[:-1])


EVERY = [
    lifecycle
    for lifecycle in combinations_with_replacement([each.name for each in CLASSES], STEPS)
    if lasts(lifecycle) and len(set(lifecycle)) <= 3
]
"""Every lifecycle of three classes at most."""


@settings(max_examples=6)
@given(kind=kinds(), growth=st.floats(0.01, 1))
def test_no_other_lifecycle_is_cheaper_and_fast_enough(kind, growth):
    found = cheapest(kind, growth_a_year=growth)
    assert lasts(found)
    best = usd_a_gb_month(kind, found, growth_a_year=growth)
    shares = age_shares(growth)
    price = {}
    for each in CLASSES:
        for step in range(STEPS):
            band = kind.band(step * DAYS_A_STEP)
            ways = [way.usd_a_gb for way in each.retrievals if way.wait_h <= band.most_wait_h]
            usd = each.usd_a_gb_month + band.reads_a_month * min(ways) if ways else float("inf")
            price[each.name, step] = shares[step] * usd
    assert best <= min(sum(map(price.__getitem__, zip(each, range(STEPS), strict=True))) for each in EVERY) + 1e-12


@given(kind=kinds(), growth=st.floats(0.01, 1))
def test_who_may_wait_longer_never_pays_more(kind, growth):
    patient = replace(kind, bands=tuple(band._replace(most_wait_h=48.0) for band in kind.bands))
    usd, patient_usd = (
        usd_a_gb_month(each, cheapest(each, growth_a_year=growth), growth_a_year=growth) for each in (kind, patient)
    )
    assert patient_usd <= usd * (1 + 1e-9)


def test_bytes_that_nobody_reads_go_to_the_coldest_class_at_once():
    unread = Kind(name="unread", pb=1, bands=(Band(0, 0.0, 48),))
    assert rules(cheapest(unread, growth_a_year=0.1)) == "S3 Glacier Deep Archive"


def test_bytes_that_are_wanted_at_once_and_often_stay():
    hot = Kind(name="hot", pb=1, bands=(Band(0, 5.0, 0),))
    assert rules(cheapest(hot, growth_a_year=0.1)) == "S3 Standard"


def test_a_lifecycle_that_lets_readers_wait_is_refused():
    hot = Kind(name="hot", pb=1, bands=(Band(0, 0.1, 0), Band(90, 0.1, 1)))
    with pytest.raises(NoClassError, match="hot: S3 Glacier Flexible is too slow from day 90"):
        usd_a_gb_month(hot, from_days((90, "S3 Glacier Flexible")), growth_a_year=0.1)


def test_bytes_that_were_to_come_in_no_time_at_all_have_no_class():
    impossible = Kind(name="impossible", pb=1, bands=(Band(0, 0.1, -1),))
    with pytest.raises(NoClassError, match="impossible"):
        cheapest(impossible, growth_a_year=0.1)


@given(growth=st.floats(0, 3))
def test_every_byte_has_an_age(growth):
    shares = age_shares(growth)
    assert fsum(shares) == pytest.approx(1)
    assert min(shares) >= 0


def test_what_is_younger_than_a_year_by_hand():
    # Of a stock that grew by 15 % a year, 1 - 1 / 1.15^(360 / 365) are younger than 360 days.
    assert fsum(age_shares(0.15)[:12]) == pytest.approx(1 - 1 / 1.15 ** (360 / 365))


def test_all_in_standard_by_hand():
    # 50 TB at 0.023, 450 TB at 0.022, 174.5 PB at 0.021.
    lines = bill(CATALOG, all_standard(CATALOG), replicas=False)
    assert total_usd(lines) == pytest.approx(1150 + 9900 + 3_664_500)
    assert lines["S3 Standard"].pb == pytest.approx(175)


def test_what_is_deployed_follows_the_settings():
    moves = rules(deployed(CATALOG)["sources"])
    assert moves == "S3 Standard, S3 Glacier Flexible from day 90, S3 Glacier Deep Archive from day 360"
    assert PRODUCTION.storage.raw_to_glacier_days == 90


def test_the_cheapest_is_what_the_page_says():
    assert {name: rules(lifecycle) for name, lifecycle in optimised(CATALOG).items()} == {
        "sources": "S3 Standard, S3 Glacier Flexible from day 30, S3 Glacier Deep Archive from day 120",
        "mezzanines": "S3 Standard-IA, S3 Glacier Instant from day 180",
        "encodes, first fifth": "S3 Standard",
        "encodes, next three fifths": "S3 Standard",
        "encodes, last fifth": "S3 Glacier Instant",
        "encodes, removed": "S3 Glacier Deep Archive",
    }


@settings(max_examples=10)
@given(
    total_pb=st.floats(1, 1000),
    growth=st.floats(0.01, 1),
    removed=st.floats(0, 1, exclude_max=True),
    replicas=st.booleans(),
)
def test_policies_hold_the_same_bytes_and_the_cheapest_is_the_cheapest(total_pb, growth, removed, replicas):
    catalog = Catalog(total_pb=total_pb, growth_a_year=growth, removed_share=removed, origin_pb_a_month=total_pb * 4)
    bills = [bill(catalog, policy(catalog), replicas=replicas) for policy in (all_standard, deployed, optimised)]
    held = fsum(kind.pb * (kind.copies if replicas else 1) for kind in catalog.kinds)
    for lines in bills:
        assert fsum(line.pb for line in lines.values()) == pytest.approx(held)
    standard, ours, best = map(total_usd, bills)
    # The optimiser prices Standard at its last step, the bill by all of them: the first 500 TB a region are dearer.
    slack = 4 * (50_000 * 0.002 + 450_000 * 0.001)
    assert best <= min(standard, ours) + slack


@given(years=st.floats(0, 10))
def test_a_catalog_that_grows_costs_no_less(years):
    later = grown(CATALOG, years)
    assert later.total_pb == pytest.approx(175 * 1.15**years)
    bills = [total_usd(bill(each, deployed(each), replicas=False)) for each in (CATALOG, later)]
    assert bills[1] >= bills[0] * (1 - 1e-9)


def test_copies_by_hand():
    # Sources and encodes in three regions more, mezzanines not: 3 x (175 - 9.297) PB x (0.020 + 0.015).
    once, monthly = replication_usd(CATALOG)
    assert once == pytest.approx(3 * 165.703125e6 * 0.035)
    assert monthly == pytest.approx(once * age_shares(0.15)[0])


def test_colder_copies_by_hand():
    # Younger than 90 days is 1 - 1.15^(-90/365) = 3.388 %, and than 360 days 12.875 %: a GB as deployed costs
    # 0.03388 x 0.021 + 0.09488 x 0.0036 + 0.87125 x 0.00099 = 0.0019156 USD; three copies of 153.125 PB.
    assert colder_copies_usd(CATALOG) == pytest.approx(3 * 153.125e6 * (0.0019156 - 0.00099), rel=1e-3)


def test_copies_of_sources_are_kept_and_not_read():
    alone, everywhere = (bill(CATALOG, deployed(CATALOG), replicas=each) for each in (False, True))
    cold = "S3 Glacier Deep Archive"
    assert everywhere[cold].pb == pytest.approx(4 * alone[cold].pb)
    assert everywhere[cold].read_usd == pytest.approx(alone[cold].read_usd)


def test_figures_of_the_document_by_hand():
    found = figures()
    # 175e6 GB x 0.023; three of those for a year; the same in Deep Archive; once over the wire.
    assert found["flat_standard_usd_m"].value == pytest.approx(4.025)
    assert found["three_standard_replicas_usd_m_a_year"].value == pytest.approx(144.9)
    assert found["three_archive_replicas_usd_m_a_year"].value == pytest.approx(6.237)
    assert found["transfer_once_usd_m"].value == pytest.approx(10.5)
    # 15,000 films of 1.6 TB are 24 PB, so a title is 7.3 films.
    assert found["catalog_of_films_pb"].value == pytest.approx(24)
    assert found["films_a_title"].value == pytest.approx(7.29, abs=0.01)
    # 0.4 / (1 - 0.0036 / 0.023).
    assert glacier_share(0.4) == pytest.approx(0.4742, abs=1e-4)
    # (0.021 - 0.0125) / 0.01 reads a month.
    assert break_even_reads("S3 Standard-IA", most_wait_h=0) == pytest.approx(0.85)
    assert break_even_reads("S3 Glacier Flexible", most_wait_h=12) == float("inf")


@given(copies=st.integers(1, 4))
def test_another_copy_makes_loss_less_likely_if_a_mistake_cannot_reach_it(copies):
    risk = ArchiveRisk()
    assert risk.all_lost(copies=copies + 1) < risk.all_lost(copies=copies)
    assert risk.lost_objects(1e6, copies=copies + 1) < risk.lost_objects(1e6, copies=copies)
    # One that it can reach does not help against it.
    assert replace(risk, reachable_copies=4).all_lost(copies=copies) >= risk.mistake


def test_who_wants_sources_sooner_pays_more():
    found = figures()
    waits = ("optimised_at_once", "optimised_within_5_h", "optimised_within_12_h", "optimised")
    costs = [found[f"{name}_usd_m"].value for name in waits]
    assert costs == sorted(costs, reverse=True)
    assert costs[0] > costs[1] > costs[2]


def test_loss_by_hand():
    # 0.001 + 0.999 x 0.00001 with one copy; a mistake here and a region there, or two regions, with two.
    risk = ArchiveRisk()
    assert risk.all_lost(copies=1) == pytest.approx(0.00100999)
    assert risk.all_lost(copies=2) == pytest.approx(1e-8 + 0.999e-10)
    assert risk.lost_objects(1e8, copies=1) == pytest.approx(0.001)
