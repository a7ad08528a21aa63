from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lambdas.common.errors import InvalidInputError
from lambdas.common.parsing import parse
from lambdas.playback import progress
from lambdas.playback.models import Progress, ProgressReport

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


def accept(playable, position_s, recorded_at=NOW, **said):
    report = ProgressReport(title_id=playable.title_id, position_s=position_s, recorded_at=recorded_at, **said)
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


@pytest.mark.parametrize("wrong", [timedelta(days=400), timedelta(days=-400), timedelta()])
def test_however_wrong_a_clock_is_a_report_counts_from_when_it_was_made(playable, wrong):
    waited = timedelta(minutes=5)

    report = accept(playable, 1, NOW - waited + wrong, sent_at=NOW + wrong)

    assert report.recorded_at_ms == round((NOW - waited).timestamp() * 1000)


def test_nothing_is_recorded_after_it_is_sent(playable):
    with pytest.raises(InvalidInputError, match="sent_at"):
        accept(playable, 1, NOW + timedelta(minutes=3), sent_at=NOW)


def test_each_profile_has_its_own_progress(playable):
    assert accept(playable, 1, profile_id="kids").viewer_id != accept(playable, 1).viewer_id


def reported(recorded_at_ms, position_s=10.0, *, title_id="t", completed=False, series=None, season=1):
    return Progress(
        viewer_id="v", title_id=title_id, position_s=position_s, duration_s=100.0, completed=completed,
        recorded_at_ms=recorded_at_ms, series=series, episode=series and f"{season:04d}/0001/{title_id}",
    )  # fmt: skip


REPORTS = st.builds(
    reported, st.integers(0, 5), st.sampled_from([0.0, 1.5, 99.0]), series=st.sampled_from([None, "blender/the-meadow"])
)


@given(one=REPORTS, two=REPORTS, three=REPORTS)
@settings(max_examples=100, deadline=None)
def test_merging_has_no_order_and_no_memory(one, two, three):
    merged = progress.merged

    assert merged(one, two) == merged(two, one)
    assert merged(merged(one, two), three) == merged(one, merged(two, three))
    assert merged(one, one) == one


@given(
    beats=st.lists(st.tuples(st.booleans(), REPORTS), min_size=1, max_size=12),
    exchanges=st.lists(st.booleans(), max_size=4),
)
@settings(max_examples=60, deadline=None)
def test_two_replicas_that_cannot_hear_each_other_agree_as_soon_as_they_do(beats, exchanges):
    replicas = [None, None]

    def take(replica, report):
        known = replicas[replica]
        replicas[replica] = report if known is None else progress.merged(known, report)

    for east, report in beats:
        take(int(east), report)
    # They tell each other, once each way and some more often, and nothing is lost that anybody accepted.
    for direction in (*exchanges, True, False, True):
        if replicas[not direction] is not None:
            take(int(direction), replicas[not direction])

    newest = max(beats, key=lambda beat: (beat[1].recorded_at_ms, beat[1].position_s, beat[1].series or ""))[1]
    assert replicas == [newest, newest]


def test_what_was_begun_is_offered_the_latest_first_and_what_was_seen_is_not():
    known = [
        reported(1, title_id="first"),
        reported(3, title_id="last"),
        reported(2, title_id="seen", completed=True),
        *(reported(0, title_id=f"old-{number}") for number in range(progress.CONTINUED)),
    ]

    offered = progress.continued(known, following={})

    assert [one.title_id for one in offered[:2]] == ["last", "first"]
    assert "seen" not in {one.title_id for one in offered}
    assert len(offered) == progress.CONTINUED


def test_what_is_reported_of_an_episode_says_where_it_stands(playable):
    episode = playable.model_copy(update={"series": "blender/the-meadow", "episode": "0001/0002/t"})

    assert (accept(episode, 1).series, accept(episode, 1).episode) == ("blender/the-meadow", "0001/0002/t")
    assert (accept(playable, 1).series, accept(playable, 1).episode) == (None, None)


def test_only_the_last_that_was_seen_of_a_series_is_gone_on_from_and_only_at_its_end():
    known = [
        reported(1, title_id="a1", series="s/a", completed=True),
        reported(4, title_id="a2", series="s/a", completed=True),
        reported(2, title_id="b1", series="s/b", completed=True),
        reported(3, title_id="b2", series="s/b"),
        reported(5, title_id="c1", series="s/c", completed=True),
        reported(6, title_id="film", completed=True),
    ]

    assert [one.title_id for one in progress.seen_last(known)] == ["c1", "a2"]


def test_a_special_in_between_does_not_take_the_place_of_what_was_seen_of_the_seasons():
    known = [
        reported(1, title_id="s1e1", series="s/a", completed=True),
        reported(2, title_id="s0e1", series="s/a", season=0, completed=True),
        reported(3, title_id="b1", series="s/b", completed=True),
        reported(4, title_id="b-special", series="s/b", season=0),
    ]

    assert [one.title_id for one in progress.seen_last(known)] == ["b1", "s0e1", "s1e1"]


def test_the_series_that_were_watched_last_are_looked_at_and_no_others():
    known = [reported(at, title_id=f"t{at}", series=f"s/{at}", completed=True) for at in range(progress.SERIES + 2)]

    assert [one.title_id for one in progress.seen_last(known)] == [f"t{at}" for at in range(progress.SERIES + 1, 1, -1)]


def test_the_next_episode_stands_where_the_last_one_stood():
    known = [
        reported(1, title_id="film"),
        reported(2, title_id="a1", completed=True),
        reported(3, title_id="other"),
        reported(4, title_id="last", completed=True),
    ]

    offered = progress.continued(known, following={"a1": "a2", "last": None})

    assert [(one.title_id, one.next_title_id) for one in offered] == [("other", None), ("a1", "a2"), ("film", None)]


def test_a_next_episode_that_was_begun_is_offered_once_and_where_it_was_left():
    known = [reported(1, title_id="a2"), reported(2, title_id="a1", completed=True)]

    [offered] = progress.continued(known, following={"a1": "a2"})

    assert (offered.title_id, offered.position_s, offered.next_title_id) == ("a2", 10.0, None)
