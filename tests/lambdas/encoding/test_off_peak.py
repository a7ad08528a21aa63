from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from lambdas.encoding.off_peak import OffPeak, next_off_peak

NIGHT = OffPeak(begins=22, ends=6)
windows = (
    st.tuples(st.integers(0, 23), st.integers(0, 23))
    .filter(lambda hours: hours[0] != hours[1])
    .map(lambda hours: OffPeak(begins=hours[0], ends=hours[1]))
)
moments = st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1)).map(lambda at: at.replace(tzinfo=UTC))  # noqa: DTZ001 - it gets its zone here
MINUTE = timedelta(minutes=1)


@given(moments, windows)
def test_the_next_off_peak_moment_is_off_peak_and_none_is_sooner(at, window):
    begins = next_off_peak(at, window)
    assert at <= begins < at + timedelta(days=1)
    assert window.holds(begins)
    if begins > at:
        assert (begins.hour, begins.minute, begins.second, begins.microsecond) == (window.begins, 0, 0, 0)
        assert not window.holds(at)
        assert not window.holds(begins - MINUTE)


@given(windows)
def test_a_window_is_as_long_as_its_hours_say(window):
    day = [datetime(2026, 11, 22, hour, 30, tzinfo=UTC) for hour in range(24)]
    assert sum(window.holds(at) for at in day) == (window.ends - window.begins) % 24


@pytest.mark.parametrize(
    ("at", "begins"),
    [
        ("2026-11-22T21:59:59+00:00", "2026-11-22T22:00:00+00:00"),
        ("2026-11-22T22:00:00+00:00", "2026-11-22T22:00:00+00:00"),
        ("2026-11-23T05:59:59+00:00", "2026-11-23T05:59:59+00:00"),
        ("2026-11-23T06:00:00+00:00", "2026-11-23T22:00:00+00:00"),
        ("2026-12-31T23:30:00+01:00", "2026-12-31T22:30:00+00:00"),
    ],
)
def test_a_window_around_midnight_is_one_window(at, begins):
    assert next_off_peak(datetime.fromisoformat(at), NIGHT) == datetime.fromisoformat(begins)


def test_the_hours_are_those_of_utc_whatever_the_clock_shows():
    noon_in_tokyo = datetime(2026, 11, 22, 12, tzinfo=timezone(timedelta(hours=9)))
    assert next_off_peak(noon_in_tokyo, NIGHT).isoformat() == "2026-11-22T03:00:00+00:00"


@pytest.mark.parametrize("hours", [(0, 0), (-1, 5), (5, 24)])
def test_a_window_that_is_none_cannot_be_set(hours):
    with pytest.raises(ValidationError):
        OffPeak(begins=hours[0], ends=hours[1])
