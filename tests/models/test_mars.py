import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.mars import Mission, figures, film_gb, send_s

distances = st.floats(1e6, 1e9)


def test_light_by_hand():
    # 400 million km at 299,792.458 km/s are 1,334 s, 22 min; there and back is twice that, not 20 min.
    assert Mission().one_way_min(400e6) == pytest.approx(22.24, abs=0.01)
    assert figures()["round_trip_min"].value == pytest.approx(44.47, abs=0.01)


def test_a_film_by_hand():
    # 3,300 kbit/s for 7,200 s; at 8 Mbit/s that is 2,970 s.
    assert film_gb() == pytest.approx(2.97)
    assert send_s(film_gb(), mbps=8) == pytest.approx(2970)


@given(km=distances)
def test_half_the_way_is_half_the_time_and_four_times_the_link(km):
    mission = Mission()
    assert mission.one_way_min(km / 2) == pytest.approx(mission.one_way_min(km) / 2)
    assert mission.link_at_mbps(km / 2) == pytest.approx(4 * mission.link_at_mbps(km))


def test_a_ship_carries_more_than_the_link():
    found = figures()
    # 1 PB in 26 months: 8e15 bits in 68.4 million s.
    assert found["ship_mbps"].value == pytest.approx(117, abs=0.1)
    assert found["store_send_years"].value > 30
