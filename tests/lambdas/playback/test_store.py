import base64

import boto3
import pytest
from botocore.exceptions import ClientError

from lambdas.common.aws import client
from lambdas.common.content_keys import ContentKey, encryption_context
from lambdas.common.errors import NotFoundError
from lambdas.common.media import Tier
from lambdas.playback import content_key_store, leases, secret_store, store
from lambdas.playback.account_security import AccountSecurity
from lambdas.playback.models import Progress, Session
from lambdas.playback.progress import merged
from lambdas.playback.series import FOLLOWING

CONTEXT = {"title_id": "t", "tier": Tier.HD, "key_id": "c" * 32}


def a_progress(*, recorded_at_ms, position_s=1.5):
    return Progress(viewer_id="v", title_id="t", position_s=position_s, completed=False, recorded_at_ms=recorded_at_ms)


def item(table, **key):
    return boto3.resource("dynamodb", region_name="us-east-1").Table(table).get_item(Key=key)["Item"]


def found(session_id):
    return store.session_and_leases(session_id=session_id, viewer_id="v", sessions="sessions", leases="leases")


def test_a_session_comes_back_as_it_was_opened(aws, playable):
    session = Session(
        session_id="s" * 32, viewer_id="v", title_id="t", version_id="v1",
        manifests=playable.manifests, created_at=1, expires_at=61,
    )  # fmt: skip
    lease = leases.Lease(device_id=None, device=None, title_id="t", since=1, held_until=31, ends_at=61)
    claim = leases.claim(session_id="s" * 32, lease=lease, held=None, limit=1, now=1)
    security = AccountSecurity(viewer_id="v")

    outcome = store.LeaseTable("leases").open(
        session, claim=claim, noted=store.Noted("security", security, security), sessions_table="sessions"
    )

    assert outcome is leases.Outcome.OPENED
    assert found("s" * 32) == (session, {"s" * 32: lease})
    # What DynamoDB's TTL takes is a number of seconds.
    assert item("sessions", session_id="s" * 32)["expires_at"] == 61


@pytest.mark.parametrize("session_id", ["unknown", "", "x" * 5000, "a b", "é"])
def test_a_session_id_that_cannot_be_is_simply_not_there(aws, session_id):
    assert found(session_id) == (None, None)
    assert store.SessionTable("sessions").get(session_id) is None


def test_a_title_comes_back_as_it_was_put(aws, playable):
    store.PlayableTable("playable").put_if_newer(playable)

    assert store.PlayableTable("playable").get(playable.title_id) == playable


def test_an_unknown_title_is_named(aws):
    with pytest.raises(NotFoundError, match="no-such"):
        store.PlayableTable("playable").get("no-such")


def test_a_publication_that_arrives_late_does_not_bring_an_old_version_back(aws, playable):
    table = store.PlayableTable("playable")
    older = playable.model_copy(update={"version_id": "v-old", "revision": playable.revision - 1})

    assert table.put_if_newer(playable)
    assert not table.put_if_newer(older)
    assert table.get(playable.title_id).version_id == playable.version_id


def test_the_same_publication_twice_is_once(aws, playable):
    table = store.PlayableTable("playable")

    assert table.put_if_newer(playable)
    assert table.put_if_newer(playable)


def test_episodes_follow_each_other_in_their_series_and_only_there(aws, episode):
    first = episode(1, 1)
    for season, number in ((2, 1), (1, 10), (1, 2)):
        episode(season, number)
    episode(1, 3, series="blender/the-hill")
    episode(1, 3, series="pixar/the-meadow")
    table = store.PlayableTable("playable")

    def after(playable):
        return [one.title_id for one in table.following(series=playable.series, episode=playable.episode)]

    assert after(first) == ["s1e2", "s1e10", "s2e1"]
    assert after(episode(2, 1)) == []


def test_a_special_is_followed_by_the_next_special_and_the_last_one_by_nothing(aws, episode):
    for season, number in ((1, 1), (1, 2), (0, 2), (0, 11)):
        episode(season, number)
    first = episode(0, 1)
    table = store.PlayableTable("playable")

    def after(playable):
        return [one.title_id for one in table.following(series=playable.series, episode=playable.episode)]

    assert (after(first), after(episode(0, 11))) == (["s0e2", "s0e11"], [])
    assert (after(episode(1, 1)), after(episode(1, 2))) == (["s1e2"], [])


def test_of_two_titles_that_claim_one_episode_neither_follows_the_other_and_neither_is_lost(aws, episode):
    first, other, claimed = episode(1, 1), episode(1, 2, "b"), episode(1, 2, "a")
    episode(1, 3)
    table = store.PlayableTable("playable")

    def after(playable):
        return [one.title_id for one in table.following(series=playable.series, episode=playable.episode)]

    assert (after(first), after(claimed), after(other)) == (["a", "b", "s1e3"], ["s1e3"], ["s1e3"])


def test_no_more_episodes_are_read_than_are_looked_at(aws, episode):
    first, *_ = [episode(1, number) for number in range(1, FOLLOWING + 3)]

    found = store.PlayableTable("playable").following(series=first.series, episode=first.episode)

    assert [one.title_id for one in found] == [f"s1e{number}" for number in range(2, FOLLOWING + 2)]


def test_progress_is_kept_only_if_it_is_newer(aws):
    table = store.ProgressTable("progress")

    assert table.put_if_newer(a_progress(recorded_at_ms=2_000, position_s=60.25))
    assert not table.put_if_newer(a_progress(recorded_at_ms=1_999, position_s=10))
    assert not table.put_if_newer(a_progress(recorded_at_ms=2_000, position_s=10))
    assert not table.put_if_newer(a_progress(recorded_at_ms=2_000, position_s=60.25))
    assert table.get(viewer_id="v", title_id="t").position_s == 60.25
    assert table.put_if_newer(a_progress(recorded_at_ms=2_001, position_s=30))
    assert table.get(viewer_id="v", title_id="t").position_s == 30


def test_the_table_keeps_what_merging_keeps(aws):
    table = store.ProgressTable("progress")
    reports = [a_progress(recorded_at_ms=at, position_s=position) for at in (2, 1, 3) for position in (1.5, 7, 3)]
    expected = reports[0]

    for report in reports:
        table.put_if_newer(report)
        expected = merged(expected, report)
        assert table.get(viewer_id="v", title_id="t") == expected


def test_the_first_key_of_a_tier_stays(aws):
    table = content_key_store.ContentKeyTable("content_keys")
    first = ContentKey(tier=Tier.SD, key_id="1" * 32, wrapped="Zmlyc3Q=")
    second = first.model_copy(update={"key_id": "2" * 32})

    assert table.keep(first, title_id="t") == first
    assert table.keep(second, title_id="t") == first
    assert table.of_title("t") == (first,)
    assert table.keep(second, title_id="another") == second


def test_a_tier_has_one_key_a_period_and_the_first_of_each_stays(aws):
    table = content_key_store.ContentKeyTable("content_keys")
    first = ContentKey(tier=Tier.SD, key_id="1" * 32, wrapped="Zmlyc3Q=")
    second = first.model_copy(update={"key_id": "2" * 32, "period": 1, "opened_for": "c1"})
    late = second.model_copy(update={"key_id": "3" * 32, "opened_for": "c2"})

    assert table.keep(first, title_id="t") == first
    assert table.keep(second, title_id="t") == second
    assert table.keep(late, title_id="t") == second
    assert set(table.of_title("t")) == {first, second}


def test_a_key_that_was_kept_before_there_were_periods_is_one_of_the_first(aws):
    values = {"title_id": "t", "tier": "SD", "key_id": "1" * 32, "wrapped": "Zmlyc3Q="}
    client("dynamodb").put_item(TableName="content_keys", Item={name: {"S": value} for name, value in values.items()})

    [key] = content_key_store.ContentKeyTable("content_keys").of_title("t")

    assert (key.tier, key.period, key.opened_for) == (Tier.SD, 0, None)
    assert (
        content_key_store.ContentKeyTable("content_keys").keep(
            key.model_copy(update={"key_id": "2" * 32}), title_id="t"
        )
        == key
    )


def wrapped(aws):
    text = content_key_store.new_wrapped_key(wrapping_key_id=aws.wrapping_key_id, context=encryption_context(**CONTEXT))
    return ContentKey(tier=Tier.HD, key_id="c" * 32, wrapped=text)


def test_a_key_opens_to_16_random_bytes_always_the_same(aws):
    key = wrapped(aws)

    opened = content_key_store.unwrap(key, title_id="t")

    assert len(opened) == 16
    assert content_key_store.unwrap(key, title_id="t") == opened
    assert content_key_store.unwrap(wrapped(aws), title_id="t") != opened
    assert opened not in base64.b64decode(key.wrapped)


@pytest.mark.parametrize(
    ("change", "title_id"),
    [({}, "another-title"), ({"tier": Tier.SD}, "t"), ({"key_id": "d" * 32}, "t")],
)
def test_a_key_does_not_open_as_another_titles_tiers_or_ids(aws, change, title_id):
    key = wrapped(aws).model_copy(update=change)

    with pytest.raises(ClientError, match="InvalidCiphertext"):
        content_key_store.unwrap(key, title_id=title_id)


@pytest.mark.parametrize("name", ["edge", "session"])
def test_a_key_is_asked_for_once_a_process(aws, edge_key, session_key, name):
    keys = {
        "edge": (secret_store.edge_key, aws.edge_secret_arn, edge_key),
        "session": (secret_store.session_key, aws.session_secret_arn, session_key),
    }
    ask, arn, key = keys[name]
    assert ask(arn) == key
    client("secretsmanager").delete_secret(SecretId=arn, ForceDeleteWithoutRecovery=True)

    assert ask(arn) == key


def test_a_manifest_that_is_gone_tells_no_bucket(aws):
    with pytest.raises(NotFoundError) as gone:
        store.manifest_text(bucket="media", key="t/v/manifests/manifest.mpd")

    assert "media" not in str(gone.value)
