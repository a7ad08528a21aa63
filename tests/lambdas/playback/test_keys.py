from lambdas.common.media import Tier
from lambdas.encoding.models import ContentKey
from lambdas.playback import keys


def new_wrapped_key(*, context):
    return f"wrapped for {sorted(context.items())}"


def keep(key):
    return key


def test_a_new_title_gets_one_key_a_tier_each_with_its_own_id():
    issued = keys.issue(title_id="t", existing={}, new_wrapped_key=new_wrapped_key, keep=keep)

    assert [key.tier for key in issued] == list(Tier)
    assert len({key.key_id for key in issued}) == len(Tier)


def test_a_key_is_wrapped_for_its_title_tier_and_id():
    for key in keys.issue(title_id="t", existing={}, new_wrapped_key=new_wrapped_key, keep=keep):
        context = {"marquee:title": "t", "marquee:tier": key.tier.value, "marquee:kid": key.key_id}
        assert key.wrapped == new_wrapped_key(context=context)


def test_a_title_keeps_the_keys_that_it_has_and_gets_only_those_that_lack():
    known = ContentKey(tier=Tier.SD, key_id="b" * 32, wrapped="known")

    issued = keys.issue(title_id="t", existing={Tier.SD: known}, new_wrapped_key=new_wrapped_key, keep=keep)

    assert issued[1] is known
    assert [key.tier for key in issued] == list(Tier)


def test_of_two_issues_at_once_the_stored_key_counts():
    def lost(key):
        return key.model_copy(update={"key_id": "f" * 32})

    issued = keys.issue(title_id="t", existing={}, new_wrapped_key=new_wrapped_key, keep=lost)

    assert {key.key_id for key in issued} == {"f" * 32}
