from datetime import UTC, datetime

import pytest

from lambdas.common.media import RightsWindow, SeriesPlace
from lambdas.playback.accounts import Account, Profile
from lambdas.playback.series import episode_key, offered, series_key

NOW = datetime(2026, 6, 1, tzinfo=UTC)
ACCOUNT = Account(
    viewer_id="v",
    plan="standard",
    territory="DE",
    profiles=(Profile(profile_id="kids", name="Kids", max_age=7), Profile(profile_id="ada", name="Ada")),
)


def place(season, episode, series_id="the-meadow"):
    return SeriesPlace(series_id=series_id, name="The Meadow", season=season, episode=episode)


def window(territory, starts_at="2026-01-01T00:00:00Z", ends_at=None):
    return RightsWindow.model_validate({"territories": [territory], "starts_at": starts_at, "ends_at": ends_at})


@pytest.fixture
def choose(playable):
    """What is offered of titles `first` and `second`, given what the first one differs in."""

    def choose(*, profile_id=None, **first):
        titles = [
            playable.model_copy(update={"title_id": "first", "min_age": 0} | first),
            playable.model_copy(update={"title_id": "second", "min_age": 0}),
        ]
        return offered(titles, after="seen", account=ACCOUNT, profile_id=profile_id, now=NOW)

    return choose


def test_episodes_sort_by_season_and_number_and_those_that_claim_one_number_by_id():
    in_order = [
        (0, 1, "x"),
        (0, 20, "w"),
        (1, 2, "z"),
        (1, 10, "y"),
        (2, 1, "a"),
        (2, 1, "b"),
        (10, 1, "c"),
        (9999, 9999, "d"),
    ]

    keys = [episode_key(place(season, episode), title_id=title_id) for season, episode, title_id in in_order]

    assert keys == sorted(keys)
    assert len(set(keys)) == len(keys)


def test_a_series_is_its_studios():
    assert series_key(place(1, 1), studio="blender") == series_key(place(2, 5), studio="blender")
    assert series_key(place(1, 1), studio="blender") != series_key(place(1, 1), studio="pixar")
    assert series_key(place(1, 1), studio="blender") != series_key(place(1, 1, "the-hill"), studio="blender")
    assert (series_key(None, studio="blender"), episode_key(None, title_id="t")) == (None, None)


def test_the_first_that_may_be_seen_is_offered(choose):
    assert choose() == "first"
    assert choose(title_id="seen") == "second", "it has another number since it was seen"
    assert offered((), after="seen", account=ACCOUNT, profile_id=None, now=NOW) is None


@pytest.mark.parametrize(
    "rights", [window("US"), window("DE", "2026-06-02T00:00:00Z"), window("WORLD", ends_at="2026-06-01T00:00:00Z")]
)
def test_what_the_rights_do_not_cover_at_home_now_is_passed_over(choose, rights):
    assert choose(rights=(rights,)) == "second"
    assert choose(rights=(rights, window("DE"))) == "first"


@pytest.mark.parametrize("min_age", [8, None])
def test_what_a_profile_may_not_see_is_not_offered_to_it(choose, min_age):
    assert choose(min_age=min_age, profile_id="kids") == "second"
    assert choose(min_age=min_age, profile_id="ada") == choose(min_age=min_age) == "first"


def test_a_profile_that_was_taken_away_is_offered_nothing(choose):
    assert choose(profile_id="gone") is None
