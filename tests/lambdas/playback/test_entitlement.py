from datetime import UTC, datetime, timedelta

import pytest

from lambdas.common.errors import InvalidInputError
from lambdas.common.media import RightsWindow
from lambdas.playback import entitlement
from lambdas.playback.accounts import Account, AccountChange, Profile, account_of, changed
from lambdas.playback.entitlement import NotEntitledError
from tests.lambdas.playback.conftest import PLANS

NOW = datetime(2026, 6, 1, tzinfo=UTC)
YEAR = timedelta(days=365)
KIDS = Profile(profile_id="kids", name="Kids", max_age=7)
ACCOUNT = Account(viewer_id="v", plan="premium", territory="DE", profiles=(KIDS, Profile(profile_id="all", name="All")))


def window(*territories, starts_at=NOW - YEAR, ends_at=None):
    return RightsWindow(territories=territories, starts_at=starts_at, ends_at=ends_at)


def check(playable, *, rights=(), min_age=None, profile_id=None):
    entitlement.check(
        playable=playable.model_copy(update={"rights": rights, "min_age": min_age}),
        account=ACCOUNT,
        profile=ACCOUNT.profile(profile_id),
        now=NOW,
    )


@pytest.mark.parametrize(
    "rights",
    [
        (),
        (window("WORLD"),),
        (window("FR", "DE"),),
        (window("FR"), window("DE", starts_at=NOW)),
        (window("DE", ends_at=NOW + timedelta(seconds=1)),),
        (window("DE", starts_at=NOW - YEAR, ends_at=NOW - timedelta(days=1)), window("DE")),
    ],
)
def test_a_window_that_covers_home_and_now_lets_the_title_be_seen(playable, rights):
    check(playable, rights=rights)


@pytest.mark.parametrize(
    ("rights", "reason"),
    [
        ((window("FR"),), "territory"),
        ((window("DE", starts_at=NOW + timedelta(seconds=1)),), "not-yet"),
        ((window("DE", ends_at=NOW),), "no-longer"),
        ((window("DE", ends_at=NOW), window("WORLD", starts_at=NOW + YEAR)), "not-yet"),
    ],
)
def test_who_may_not_see_a_title_is_told_why(playable, rights, reason):
    with pytest.raises(NotEntitledError) as refused:
        check(playable, rights=rights)

    assert refused.value.members == {"reason": reason}
    assert "DE" in str(refused.value)


@pytest.mark.parametrize("min_age", [0, 7])
def test_a_childs_profile_sees_what_is_rated_for_it(playable, min_age):
    check(playable, min_age=min_age, profile_id="kids")


@pytest.mark.parametrize("min_age", [8, None])
def test_a_childs_profile_sees_neither_more_nor_what_is_not_rated(playable, min_age):
    with pytest.raises(NotEntitledError) as refused:
        check(playable, min_age=min_age, profile_id="kids")

    assert refused.value.members == {"reason": "rating"}
    check(playable, min_age=min_age)
    check(playable, min_age=min_age, profile_id="all")


def test_a_profile_that_does_not_exist_is_refused(playable):
    with pytest.raises(InvalidInputError, match="profile_id"):
        check(playable, profile_id="nobody")


def test_who_has_no_record_has_the_default_plan():
    assert account_of("v", kept=None, plans=PLANS) == Account(viewer_id="v", plan="premium", territory="US")
    assert account_of("v", kept=ACCOUNT, plans=PLANS) is ACCOUNT


def test_what_an_operator_leaves_out_stays():
    after = changed(ACCOUNT, change=AccountChange(plan="basic"), plans=PLANS)

    assert after == ACCOUNT.model_copy(update={"plan": "basic"})
    assert changed(ACCOUNT, change=AccountChange(profiles=()), plans=PLANS).profiles == ()


@pytest.mark.parametrize("change", [{"plan": "gold"}, {"profiles": (KIDS, KIDS)}])
def test_an_account_that_cannot_be_is_refused(change):
    with pytest.raises(InvalidInputError):
        changed(ACCOUNT, change=AccountChange(**change), plans=PLANS)


@pytest.mark.parametrize(
    ("windows", "until"),
    [
        ([(("WORLD",), -1, None)], None),
        ([(("WORLD",), -1, 2), (("US",), -3, 5)], 5),
        ([(("US",), -1, 2), (("US",), -1, None)], None),
        ([(("US",), -1, 2), (("US",), 1, 9), (("FR",), -1, None)], 2),
        ([], None),
    ],
    ids=["for ever", "the later end", "one for ever", "neither to come nor elsewhere", "not told"],
)
def test_the_rights_end_with_the_last_window_that_covers_home_and_now(playable, windows, until):
    rights = tuple(
        RightsWindow(
            territories=territories,
            starts_at=NOW + timedelta(days=starts),
            ends_at=None if ends is None else NOW + timedelta(days=ends),
        )
        for territories, starts, ends in windows
    )
    found = entitlement.rights_until(playable.model_copy(update={"rights": rights}), territory="US", now=NOW)
    assert found == (None if until is None else NOW + timedelta(days=until))
