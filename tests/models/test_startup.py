from dataclasses import fields, replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

np = pytest.importorskip("numpy", reason="needs requirements-sandbox.txt: numpy")

from models.startup import (  # noqa: E402 - only where there is numpy
    BASELINE,
    COMPONENTS,
    REMEDIES,
    Handshake,
    Population,
    Spread,
    Start,
    Viewers,
    budget,
    figures,
    first_picture_ms,
    needed_mbps,
    percentile_ms,
    savings,
    steps,
    transfer_ms,
)

DRAWN = Viewers.draw(Population(), count=2000, seed=1)


def one(value):
    return np.array([float(value)])


def sure(**medians):
    """A population without spread."""
    known = {
        "bandwidth_mbps": 11.68,
        "api_rtt_ms": 60,
        "edge_rtt_ms": 30,
        "appliance_rtt_ms": 5,
        "api_ms": 40,
        "licence_ms": 60,
        "edge_ms": 5,
        "device_ms": 150,
        "resolver_ms": 50,
    }
    return Population(**{name: Spread(median=median, sigma=0) for name, median in {**known, **medians}.items()})


def test_slow_start_by_hand():
    # A window is 116,800 bits: 10 ms at 11.68 Mbit/s. Seven windows are three rounds, of 10, 20 and 40 ms; before the
    # second and the third the sender waits for its acknowledgement, 30 and 20 ms: 70 + 50 ms in all.
    assert transfer_ms(817.6, rtt_ms=one(30), mbps=one(11.68)) == pytest.approx(120)


def test_one_window_is_sent_without_waiting():
    assert transfer_ms(116.8, rtt_ms=one(30), mbps=one(11.68)) == pytest.approx(10)


@given(kbits=st.floats(1, 1e6), rtt=st.floats(0.1, 1000), mbps=st.floats(0.1, 1000), more=st.floats(1, 10))
def test_more_bytes_and_longer_ways_take_longer_and_never_less_than_the_line(kbits, rtt, mbps, more):
    taken = transfer_ms(kbits, rtt_ms=one(rtt), mbps=one(mbps))[0]
    assert taken >= kbits / mbps * (1 - 1e-9)
    assert transfer_ms(kbits * more, rtt_ms=one(rtt), mbps=one(mbps))[0] >= taken * (1 - 1e-9)
    assert transfer_ms(kbits, rtt_ms=one(rtt * more), mbps=one(mbps))[0] >= taken * (1 - 1e-9)


def test_a_budget_by_hand():
    viewers = Viewers.draw(sure(), count=1, seed=1)
    # 73 kB of manifest are five windows, 29.2 kB of initialisations two, 4 s of 2.92 Mbit/s a hundred.
    start = Start(manifest_kb=73, init_kb=29.2, segments=1, segment_s=4, first_mbps=2.92)
    parts = {name: part[0] for name, part in budget(start, viewers).items()}
    assert parts == pytest.approx(
        {
            "names": 100,  # two names
            "connections": 270,  # three round trips to each
            "session": 200,  # two calls
            "manifest": 135,  # 30 + 5, then 50 to send and 50 to wait
            "licence": 120,
            "media": 1090,  # two requests of 35; 107 windows and 50 of waiting, less the manifest's 100
            "device": 150,
        }
    )
    assert first_picture_ms(start, viewers) == pytest.approx(2065)
    connected = budget(replace(start, connected=True), viewers)
    assert (connected["names"], connected["connections"]) == (0, 0)
    # Beside manifest and media, a licence of 120 ms is never waited for.
    assert budget(replace(start, licence_parallel=True), viewers)["licence"] == 0
    # One of two seconds is, for what is more than 1,225.
    slow = Viewers.draw(sure(licence_ms=2000), count=1, seed=1)
    assert budget(replace(start, licence_parallel=True), slow)["licence"] == pytest.approx(2060 - 1225)


def test_the_same_seed_gives_the_same_viewers_and_another_gives_others():
    again, other = (Viewers.draw(Population(), count=2000, seed=seed) for seed in (1, 2))
    for field in fields(Viewers):
        assert np.array_equal(getattr(again, field.name), getattr(DRAWN, field.name)), field.name
        assert not np.array_equal(getattr(other, field.name), getattr(DRAWN, field.name)), field.name


def test_half_of_the_viewers_are_below_the_median():
    many = Viewers.draw(Population(), count=20_000, seed=3)
    assert np.median(many.bandwidth_mbps) == pytest.approx(Population().bandwidth_mbps.median, rel=0.03)


@pytest.mark.parametrize("name", REMEDIES)
def test_no_remedy_makes_anybody_wait_longer_and_each_helps_somebody(name):
    before, after = (first_picture_ms(start, DRAWN) for start in (BASELINE, REMEDIES[name](BASELINE)))
    assert np.all(after <= before + 1e-6)
    assert np.any(after < before - 1)


def test_remedies_upon_each_other_only_help():
    times = [first_picture_ms(start, DRAWN) for start in steps().values()]
    for before, after in pairwise(times):
        assert np.all(after <= before + 1e-6)
    assert percentile_ms(times[-1], 0.5) < 1000 < percentile_ms(times[0], 0.5)


def test_fewer_round_trips_are_quicker():
    medians = [percentile_ms(first_picture_ms(Start(handshake=each), DRAWN), 0.5) for each in Handshake]
    assert medians == sorted(medians, reverse=True)


@given(share=st.floats(0, 1))
def test_the_parts_are_the_whole(share):
    start = Start(near_share=share, foreseen_share=share, licence_parallel=share > 0.5)
    parts = budget(start, DRAWN)
    assert tuple(parts) == COMPONENTS
    assert all(np.all(part >= -1e-9) for part in parts.values())
    assert np.allclose(sum(parts.values()), first_picture_ms(start, DRAWN))


def test_what_is_saved_is_told_for_each_remedy():
    assert list(savings(DRAWN)) == list(REMEDIES)
    found = figures(DRAWN)
    assert found["saves_licence_in_parallel_p50_ms"].value > 0
    assert found["baseline_within_1_s_pct"].value <= found["baseline_within_2_s_pct"].value


def test_what_a_buffer_needs_by_hand():
    # 12 s of 5 Mbit/s are 60 Mbit.
    assert needed_mbps(12, mbps=5, within_s=2) == pytest.approx(30)
