import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.session_calls import Calls

positive = st.floats(1, 1e9)


def test_a_worked_example():
    calls = Calls(viewers=3600, heartbeat_s=30, report_s=60, calls_a_session=3, session_hours=0.5)
    assert calls.heartbeats_per_s == 120
    assert calls.reports_per_s == 60
    assert calls.starts_per_s == 2
    assert calls.calls_per_s == 186
    # A tenth of them within a minute.
    assert calls.surge_per_s(share=0.1, within_s=60) == 6


@given(viewers=positive, more=positive)
def test_twice_the_viewers_ask_twice_as_often(viewers, more):
    assert Calls(viewers=viewers + more).calls_per_s > Calls(viewers=viewers).calls_per_s
    assert Calls(viewers=2 * viewers).calls_per_s == pytest.approx(2 * Calls(viewers=viewers).calls_per_s)


@given(interval=st.floats(1, 600), longer=st.floats(1, 600))
def test_longer_intervals_and_longer_sessions_ask_less(interval, longer):
    assert Calls(heartbeat_s=interval + longer).calls_per_s < Calls(heartbeat_s=interval).calls_per_s
    assert Calls(session_hours=1 + longer).calls_per_s < Calls(session_hours=1).calls_per_s
