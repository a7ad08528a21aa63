from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.common.content_keys import ContentKey
from lambdas.common.media import Tier
from lambdas.playback import keys


def new_wrapped_key(*, context):
    return f"wrapped for {sorted(context.items())}"


@dataclass
class Table:
    """The keys of one title, as the key service's table keeps them: the first of a tier and a period counts."""

    kept: dict = field(default_factory=dict)
    fails_after: int | None = None

    def keep(self, key):
        if self.fails_after is not None and len(self.kept) >= self.fails_after:
            raise ConnectionError
        return self.kept.setdefault((key.tier, key.period), key)

    def issue(self, opened_for=None):
        return keys.issue(
            title_id="t",
            existing=tuple(self.kept.values()),
            opened_for=opened_for,
            new_wrapped_key=new_wrapped_key,
            keep=self.keep,
        )


@pytest.fixture
def table():
    return Table()


def test_a_new_title_gets_one_key_a_tier_each_with_its_own_id(table):
    issued = table.issue()

    assert [key.tier for key in issued] == list(Tier)
    assert len({key.key_id for key in issued}) == len(Tier)


def test_a_key_is_wrapped_for_its_title_tier_and_id(table):
    for key in table.issue():
        context = {"marquee:title": "t", "marquee:tier": key.tier.value, "marquee:kid": key.key_id}
        assert key.wrapped == new_wrapped_key(context=context)


def test_a_title_keeps_the_keys_that_it_has_and_gets_only_those_that_lack(table):
    known = ContentKey(tier=Tier.SD, key_id="b" * 32, wrapped="known")
    table.keep(known)

    issued = table.issue()

    assert [key for key in issued if key.tier is Tier.SD] == [known]
    assert [key.tier for key in issued] == list(Tier)


def test_of_two_issues_at_once_the_stored_key_counts(table):
    def lost(key):
        return key.model_copy(update={"key_id": "f" * 32})

    issued = keys.issue(title_id="t", existing=(), opened_for=None, new_wrapped_key=new_wrapped_key, keep=lost)

    assert {key.key_id for key in issued} == {"f" * 32}


def test_a_new_period_has_new_keys_and_leaves_the_old_ones(table):
    old = table.issue()

    new = table.issue(opened_for="c1")

    assert [(key.tier, key.period) for key in new] == [(tier, 1) for tier in Tier]
    assert not {key.key_id for key in old} & {key.key_id for key in new}
    assert set(old) | set(new) == set(table.kept.values())


def test_what_is_encoded_after_a_new_period_gets_its_keys(table):
    table.issue()
    new = table.issue(opened_for="c1")

    assert table.issue() == new


def test_a_title_that_got_keys_before_there_was_a_tier_gets_that_tiers_in_the_same_period(table):
    for tier in set(Tier) - {Tier.UHD}:
        table.keep(ContentKey(tier=tier, key_id=tier.encode().hex().ljust(32, "0"), wrapped="known"))

    assert {key.period for key in table.issue()} == {0}


@given(
    asked=st.lists(
        st.tuples(st.sampled_from([None, "c1", "c2", "c3"]), st.none() | st.integers(0, 20)), min_size=1, max_size=8
    )
)
def test_the_same_version_gets_the_same_keys_whatever_was_asked_for_and_failed_meanwhile(asked):
    table, answers = Table(), {}
    table.issue()
    for opened_for, fails_after in asked:
        table.fails_after = fails_after
        try:
            issued = table.issue(opened_for)
        except ConnectionError:
            continue
        if opened_for:
            assert answers.setdefault(opened_for, issued) == issued
    of_versions = [key.key_id for issued in answers.values() for key in issued]
    assert len(of_versions) == len(set(of_versions))
