"""The upper convex hull, against its definition."""

from itertools import pairwise
from math import log2

import pytest
from hypothesis import given
from hypothesis import strategies as st

from encoder.ladder.hull import rate_on, upper_hull
from encoder.ladder.savings import savings_of
from lambdas.common.ladder import FixedRung, Probe, SearchedRung
from lambdas.common.media import Tier


def probe(kbps, vmaf):
    return Probe(width=2, height=2, crf=30, kbps=kbps, vmaf=vmaf, vmaf_p5=vmaf)


probes = st.lists(
    st.builds(probe, st.integers(1, 20_000).map(float), st.integers(0, 1000).map(lambda tenths: tenths / 10)),
    min_size=1,
    max_size=30,
)


@given(probes)
def test_nothing_that_was_tried_lies_above_the_hull(tried):
    hull = upper_hull(tried)
    assert hull[0].kbps == min(each.kbps for each in tried)
    assert hull[-1].vmaf == max(each.vmaf for each in tried)
    for each in tried:
        if hull[0].kbps < each.kbps < hull[-1].kbps:
            low = max((vertex for vertex in hull if vertex.kbps <= each.kbps), key=lambda vertex: vertex.kbps)
            high = min((vertex for vertex in hull if vertex.kbps > each.kbps), key=lambda vertex: vertex.kbps)
            part = log2(each.kbps / low.kbps) / log2(high.kbps / low.kbps)
            assert each.vmaf <= low.vmaf + part * (high.vmaf - low.vmaf) + 1e-6


@given(probes)
def test_the_hull_rises_and_bends_down(tried):
    hull = upper_hull(tried)
    assert set(hull) <= set(tried)
    pairs = list(pairwise(hull))
    slopes = [(high.vmaf - low.vmaf) / log2(high.kbps / low.kbps) for low, high in pairs]
    assert all(slope > 0 for slope in slopes)
    assert all(steep > flat for steep, flat in pairwise(slopes))


def test_what_is_dominated_or_below_a_line_is_no_vertex():
    tried = [probe(100, 50), probe(200, 60), probe(400, 80), probe(800, 79), probe(1600, 90), probe(100, 40)]
    assert upper_hull(tried) == (tried[0], tried[2], tried[4])


def test_a_bit_rate_is_read_between_vertices_by_its_logarithm_and_beyond_them_not_at_all():
    hull = upper_hull([probe(100, 50), probe(400, 80)])
    assert rate_on(hull, vmaf=65) == pytest.approx(200)
    assert rate_on(hull, vmaf=80) == pytest.approx(400)
    assert rate_on(hull, vmaf=81) is None
    assert rate_on(hull, vmaf=49) is None


def rung(kbps, vmaf):
    return SearchedRung(rung="1080p", width=2, height=2, tier=Tier.HD, crf=20, kbps=kbps, vmaf=vmaf)


def fixed(name, kbps, vmaf, *, lines=2):
    return FixedRung(rung=name, width=lines, height=lines, kbps=kbps, vmaf=vmaf)


HULL = upper_hull([probe(100, 50), probe(400, 80), probe(1600, 96)])


def test_savings_are_said_at_equal_quality_of_each_rung_and_at_the_target():
    ladder = [fixed("1080p", 3200, 98, lines=8), fixed("480p", 500, 80, lines=4)]
    said = savings_of([rung(1600, 96)], hull=HULL, fixed=ladder, target=95)
    assert [(each.rung, each.hull_kbps, each.saving_pct) for each in said.equal_vmaf] == [("480p", 400, 20)]
    assert (said.equal_vmaf_pct, said.at_target_pct, said.fixed_misses_target) == (20, 50, False)


def test_a_title_that_needs_more_than_the_fixed_ladder_says_so():
    said = savings_of([rung(1600, 96)], hull=HULL, fixed=[fixed("1080p", 800, 40)], target=95)
    assert (said.equal_vmaf_pct, said.equal_vmaf) == (None, ())
    assert (said.at_target_pct, said.fixed_misses_target) == (-100, True)
