from datetime import UTC, datetime, timedelta, timezone

import pytest

from lambdas.common.errors import InvalidInputError
from lambdas.common.parsing import parse
from lambdas.playback import progress
from lambdas.playback.models import ProgressReport

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


def accept(playable, position_s, recorded_at=NOW):
    report = ProgressReport(title_id=playable.title_id, position_s=position_s, recorded_at=recorded_at)
    return progress.accept(report=report, viewer_id="viewer-1", playable=playable, now=NOW)


@pytest.mark.parametrize(("position_s", "completed"), [(0, False), (97.9, False), (98.0, True), (100.0, True)])
def test_a_film_counts_as_seen_from_98_percent_on(playable, position_s, completed):
    assert accept(playable, position_s).completed is completed


def test_the_end_of_the_last_audio_frame_is_still_in_the_film(playable):
    assert accept(playable, 100.9).position_s == 100.0


def test_behind_the_end_nobody_can_be(playable):
    with pytest.raises(InvalidInputError) as refused:
        accept(playable, 101.5)

    assert [error.field for error in refused.value.errors] == ["position_s"]


def test_a_report_from_the_future_would_win_for_ever_and_is_refused(playable):
    with pytest.raises(InvalidInputError) as refused:
        accept(playable, 1, NOW + timedelta(minutes=3))

    assert [error.field for error in refused.value.errors] == ["recorded_at"]


def test_a_clock_that_is_a_little_ahead_is_forgiven(playable):
    assert accept(playable, 1, NOW + timedelta(minutes=1))


def test_moments_compare_across_time_zones(playable):
    elsewhere = NOW.astimezone(timezone(timedelta(hours=9)))

    assert accept(playable, 1, elsewhere) == accept(playable, 1)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"position_s": -1}, "position_s"),
        ({"position_s": float("nan")}, "position_s"),
        ({"position_s": float("inf")}, "position_s"),
        ({"position_s": "far"}, "position_s"),
        ({"recorded_at": "2026-01-01T12:00:00"}, "recorded_at"),
        ({"recorded_at": "yesterday"}, "recorded_at"),
        ({"title_id": "../x"}, "title_id"),
    ],
)
def test_a_report_that_does_not_fit_is_refused_by_field(change, field):
    good = {"title_id": "t", "position_s": 1, "recorded_at": "2026-01-01T12:00:00Z"}
    assert parse(ProgressReport, good)

    with pytest.raises(InvalidInputError) as refused:
        parse(ProgressReport, good | change)

    assert [error.field for error in refused.value.errors] == [field]
