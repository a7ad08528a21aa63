import base64
import io
import json
import time
from datetime import UTC, datetime, timedelta

import jwt
import pytest

from lambdas.common.aws import client
from lambdas.common.errors import PermanentError
from lambdas.common.events import TitlePublished, TitleRolledBack
from lambdas.common.media import Manifests, RightsWindow, SeriesPlace, Tier, TitleMetadata
from lambdas.playback import content_key_store, handlers, publishing_handlers, revocation_store, secret_store, store
from lambdas.playback.accounts import Account, Profile
from lambdas.playback.series import episode_key, series_key

LONG_AGO = 1_000_000


def b64url(raw):
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


@pytest.fixture
def session(published, call):
    return call(handlers.create_session, body={"title_id": published.title_id}).json


@pytest.fixture
def expired(session, kept):
    kept(session["session_id"], expires_at=LONG_AGO)
    return session


def manifest(call, session_id, *, kind="dash", viewer="viewer-1"):
    query = {"format": kind} if kind else None
    return call(handlers.get_manifest, path={"session_id": session_id}, query=query, viewer=viewer)


def licence(call, session_id, kids, *, viewer="viewer-1"):
    body = {"kids": [b64url(bytes.fromhex(kid)) for kid in kids], "type": "temporary"}
    return call(handlers.license, body=body, query={"session_id": session_id}, viewer=viewer)


def report(call, *, viewer="viewer-1", **change):
    body = {
        "title_id": "big-buck-bunny",
        "position_s": 42.5,
        "recorded_at": datetime.now(UTC).isoformat(),
    }
    return call(handlers.progress, body=body | change, viewer=viewer)


# --- keys


def test_a_titles_keys_are_issued_once(aws, lambda_context):
    first = publishing_handlers.issue_keys({"title_id": "t"}, lambda_context)

    assert [key["tier"] for key in first["keys"]] == [tier.value for tier in Tier]
    assert publishing_handlers.issue_keys({"title_id": "t"}, lambda_context) == first
    assert publishing_handlers.issue_keys({"title_id": "u"}, lambda_context) != first


def test_a_version_gets_new_keys_once(aws, lambda_context):
    first = publishing_handlers.issue_keys({"title_id": "t"}, lambda_context)
    renewed = publishing_handlers.issue_keys({"title_id": "t", "opened_for": "c1"}, lambda_context)

    assert not {key["key_id"] for key in first["keys"]} & {key["key_id"] for key in renewed["keys"]}
    assert publishing_handlers.issue_keys({"title_id": "t", "opened_for": "c1"}, lambda_context) == renewed
    assert publishing_handlers.issue_keys({"title_id": "t"}, lambda_context) == renewed


@pytest.mark.parametrize("event", [{}, {"title_id": "Not A Slug"}, {"title_id": None}])
def test_keys_for_no_title_are_refused_for_good(aws, lambda_context, event):
    with pytest.raises(PermanentError, match="title_id"):
        publishing_handlers.issue_keys(event, lambda_context)


# --- the catalog's events


def envelope(playable, *, time="2026-01-01T00:00:00Z", detail_type="TitlePublished", place=None):
    event = TitlePublished(
        studio="blender",
        delivery_id="d1",
        title=TitleMetadata(title_id=playable.title_id, name=playable.name, min_age=playable.min_age, series=place),
        poster="art/p.jpg",
        **playable.model_dump(
            include={
                *("revision", "version_id", "duration_s", "manifests"),
                *("thumbnails", "renditions", "key_ids", "rights"),
            }
        ),
    )
    if detail_type == "TitleRolledBack":
        event = TitleRolledBack(**dict(event), replaced="v9", by="ana", reason="blurred")
    return {
        "id": "e",
        "time": time,
        "detail-type": detail_type,
        "source": "marquee.catalog",
        "detail": json.loads(event.model_dump_json()),
    }


def test_a_published_title_becomes_playable(aws, playable, lambda_context):
    rights = (RightsWindow(territories=("DE",), starts_at=datetime(2026, 1, 1, tzinfo=UTC)),)
    playable = playable.model_copy(update={"rights": rights, "min_age": 12})

    publishing_handlers.on_title_published(envelope(playable), lambda_context)

    assert store.PlayableTable("playable").get(playable.title_id) == playable


def test_an_episode_is_found_in_its_series_until_a_newer_version_says_otherwise(aws, playable, lambda_context):
    table = store.PlayableTable("playable")
    first, second = (SeriesPlace(series_id="the-meadow", name="The Meadow", season=1, episode=n) for n in (1, 2))
    publishing_handlers.on_title_published(envelope(playable, place=second), lambda_context)

    before = {"series": series_key(first, studio="blender"), "episode": episode_key(first, title_id="t")}
    [found] = table.following(**before)
    assert found == table.get(playable.title_id)

    corrected = playable.model_copy(update={"revision": playable.revision + 1})
    publishing_handlers.on_title_published(envelope(corrected), lambda_context)
    assert table.following(**before) == ()
    # A rollback brings its place back.
    back = playable.model_copy(update={"revision": playable.revision + 2})
    publishing_handlers.on_title_published(envelope(back, detail_type="TitleRolledBack", place=second), lambda_context)
    assert [one.title_id for one in table.following(**before)] == [playable.title_id]


def test_events_out_of_order_leave_the_latest(aws, playable, lambda_context):
    newer = playable.model_copy(update={"version_id": "v2", "revision": playable.revision + 1})

    publishing_handlers.on_title_published(envelope(newer, time="2026-01-01T00:00:04Z"), lambda_context)
    # Announced once more because its answer was lost, and after the newer one: the bus's time does not decide.
    publishing_handlers.on_title_published(envelope(playable, time="2026-01-01T00:00:05Z"), lambda_context)

    assert store.PlayableTable("playable").get(playable.title_id).version_id == "v2"


def test_a_rollback_is_followed_like_a_publication(aws, playable, lambda_context):
    newer = playable.model_copy(update={"version_id": "v2", "revision": playable.revision + 1})
    back = playable.model_copy(update={"revision": playable.revision + 2})

    publishing_handlers.on_title_published(envelope(newer), lambda_context)
    publishing_handlers.on_title_published(envelope(back, detail_type="TitleRolledBack"), lambda_context)
    # The publication that was rolled back comes once more, late.
    publishing_handlers.on_title_published(envelope(newer), lambda_context)

    assert store.PlayableTable("playable").get(playable.title_id) == back


def test_a_viewer_keeps_the_version_that_the_session_began_with(published, call, lambda_context):
    session = call(handlers.create_session, body={"title_id": published.title_id}).json
    other = published.model_copy(
        update={
            "version_id": "v2",
            "revision": published.revision + 1,
            "manifests": Manifests(dash="big-buck-bunny/v2/m.mpd", hls="big-buck-bunny/v2/m.m3u8"),
        }
    )
    publishing_handlers.on_title_published(envelope(other, detail_type="TitleRolledBack"), lambda_context)

    manifest = call(handlers.get_manifest, query={"format": "dash"}, path={"session_id": session["session_id"]})
    assert manifest.status == 200
    assert f"/{published.version_id}/" in manifest.text
    assert call(handlers.create_session, body={"title_id": published.title_id}).json["version_id"] == "v2"


def test_another_event_is_refused_for_good(aws, playable, lambda_context):
    with pytest.raises(PermanentError):
        publishing_handlers.on_title_published(envelope(playable, detail_type="VersionPackaged"), lambda_context)


# --- sessions


def test_a_session_is_everything_that_a_player_needs(published, call, edge_key):
    answer = call(handlers.create_session, body={"title_id": published.title_id, "device": {"name": "tv"}})

    assert answer.status == 201
    assert answer.json["version_id"] == published.version_id
    assert answer.json["resume_position_s"] == 0
    claims = jwt.decode(answer.json["edge"]["token"], edge_key.key, algorithms=["HS256"], audience="edge")
    assert claims["sid"] == answer.json["session_id"]
    assert claims["exp"] == answer.json["expires_at"]
    lasts = answer.json["expires_at"] - datetime.now(UTC).timestamp()
    assert 3590 < lasts <= 3600


@pytest.mark.parametrize(
    ("body", "status", "fields"),
    [
        ("{", 400, None),
        (None, 400, None),
        ("[]", 422, None),
        ({}, 422, ["title_id"]),
        ({"title_id": 7}, 422, ["title_id"]),
        ({"title_id": "../etc"}, 422, ["title_id"]),
        ({"title_id": "big-buck-bunny", "device": {"name": "x" * 101}}, 422, ["device.name"]),
        ({"title_id": "unknown"}, 404, None),
    ],
)
def test_a_bad_request_for_a_session_is_refused_with_a_problem(published, call, body, status, fields):
    answer = call(handlers.create_session, body=body)

    assert answer.status == answer.json["status"] == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json["detail"]
    if fields:
        assert [error["field"] for error in answer.json["errors"]] == fields


def test_without_a_viewer_there_is_no_session(published, call):
    assert call(handlers.create_session, body={"title_id": published.title_id}, viewer=None).status == 403


# --- manifests


def test_a_process_that_has_seen_nothing_makes_a_manifest(session, call):
    revocation_store._read.clear()
    secret_store.edge_key.cache_clear()

    assert session["edge"]["base"] in manifest(call, session["session_id"]).text


@pytest.mark.parametrize(
    ("kind", "content_type"), [("dash", "application/dash+xml"), ("hls", "application/vnd.apple.mpegurl")]
)
def test_a_manifest_stands_under_the_sessions_token(session, call, kind, content_type):
    answer = manifest(call, session["session_id"], kind=kind)

    assert answer.status == 200
    assert answer.headers == {"content-type": content_type, "cache-control": "private, no-store"}
    assert session["edge"]["base"] in answer.text


def test_a_film_goes_on_in_its_version_after_another_is_published(session, published, call):
    newer = {"version_id": "v2", "revision": published.revision + 1}
    store.PlayableTable("playable").put_if_newer(published.model_copy(update=newer))

    assert f"/{published.version_id}/" in manifest(call, session["session_id"]).text


@pytest.mark.parametrize("kind", [None, "smooth", ""])
def test_a_manifest_has_one_of_two_formats(session, call, kind):
    answer = manifest(call, session["session_id"], kind=kind)

    assert answer.status == 422
    assert [error["field"] for error in answer.json["errors"]] == ["format"]


def test_a_session_that_is_not_ones_own_has_no_manifest(session, call):
    assert manifest(call, session["session_id"], viewer="viewer-2").status == 404
    assert manifest(call, "unknown").status == 404
    assert manifest(call, "x" * 5000).status == 404


def test_an_expired_session_has_no_manifest(expired, call):
    assert manifest(call, expired["session_id"]).status == 410


def test_a_withdrawn_title_has_no_manifest(session, published, call):
    client("dynamodb").delete_item(TableName="playable", Key={"title_id": {"S": published.title_id}})

    assert manifest(call, session["session_id"]).status == 404


def test_a_manifest_that_is_gone_is_not_our_error(session, published, call):
    client("s3").delete_object(Bucket="media", Key=published.manifests.dash)

    assert manifest(call, session["session_id"]).status == 404


# --- licences


def test_a_licence_opens_what_the_keys_closed(session, published, call):
    kids = list(published.key_ids.values())

    answer = licence(call, session["session_id"], kids)

    assert answer.status == 200
    assert answer.headers["cache-control"] == "private, no-store"
    stored = {key.tier: key for key in content_key_store.ContentKeyTable("content_keys").of_title(published.title_id)}
    assert answer.json["keys"] == [
        {
            "kty": "oct",
            "kid": b64url(bytes.fromhex(kid)),
            "k": b64url(content_key_store.unwrap(stored[tier], title_id=published.title_id)),
        }
        for tier, kid in published.key_ids.items()
    ]


def test_a_key_of_another_title_is_refused(session, call, lambda_context):
    others = publishing_handlers.issue_keys({"title_id": "another"}, lambda_context)["keys"]

    assert licence(call, session["session_id"], [others[0]["key_id"]]).status == 404


def test_a_session_plays_on_with_its_keys_after_the_title_has_new_ones(session, published, call, lambda_context):
    renewed = publishing_handlers.issue_keys({"title_id": published.title_id, "opened_for": "c1"}, lambda_context)[
        "keys"
    ]
    key_ids = {Tier(key["tier"]): key["key_id"] for key in renewed if Tier(key["tier"]) in published.key_ids}
    changed = {"version_id": "c1", "key_ids": key_ids, "revision": published.revision + 1}
    store.PlayableTable("playable").put_if_newer(published.model_copy(update=changed))

    assert licence(call, session["session_id"], published.key_ids.values()).status == 200
    assert licence(call, session["session_id"], key_ids.values()).status == 404
    later = call(handlers.create_session, body={"title_id": published.title_id}).json
    assert licence(call, later["session_id"], key_ids.values()).status == 200
    assert licence(call, later["session_id"], published.key_ids.values()).status == 404


def test_a_session_that_was_opened_before_sessions_kept_their_keys_gets_a_licence(session, published, call, kept):
    kept(session["session_id"], key_ids={})

    assert licence(call, session["session_id"], published.key_ids.values()).status == 200


def test_a_licence_to_keep_is_for_plans_that_have_them_and_lasts_as_long_as_the_plan_says(published, call):
    store.AccountTable("accounts").put(Account(viewer_id="viewer-2", plan="basic", territory="US"))

    def kept_licence(viewer):
        opened = call(handlers.create_session, body={"title_id": published.title_id}, viewer=viewer).json
        body = {"kids": [b64url(bytes.fromhex(published.key_ids[Tier.SD]))], "type": "persistent-license"}
        return call(handlers.license, body=body, query={"session_id": opened["session_id"]}, viewer=viewer)

    refused = kept_licence("viewer-2")
    assert refused.status == 403
    assert "temporary" in refused.json["detail"]
    before = time.time()
    licence = kept_licence("viewer-1").json
    assert licence["type"] == "persistent-license"
    assert before - 1 <= licence["expires_at"] - 48 * 3600 <= time.time()


def test_a_licence_needs_ones_own_running_session(session, published, call):
    kids = [published.key_ids[Tier.SD]]

    assert licence(call, session["session_id"], kids, viewer="viewer-2").status == 404
    assert licence(call, "unknown", kids).status == 404
    assert licence(call, "", kids).status == 404


def test_an_expired_session_gets_no_licence(expired, published, call):
    assert licence(call, expired["session_id"], [published.key_ids[Tier.SD]]).status == 410


def test_a_licence_request_names_its_session(published, call):
    answer = call(handlers.license, body={"kids": ["A" * 22]})

    assert answer.status == 422
    assert [error["field"] for error in answer.json["errors"]] == ["session_id"]


def test_no_log_holds_a_content_key_or_a_token(published, call, monkeypatch):
    stream = io.StringIO()
    monkeypatch.setattr(handlers.logger.registered_handler, "stream", stream)

    session = call(handlers.create_session, body={"title_id": published.title_id}).json
    answer = licence(call, session["session_id"], published.key_ids.values())
    manifest(call, session["session_id"])

    log = stream.getvalue()
    assert "licence granted" in log
    for secret in (session["edge"]["token"], *(entry["k"] for entry in answer.json["keys"])):
        assert secret not in log


# --- progress


def test_the_next_session_goes_on_where_the_last_one_stopped(session, published, call):
    assert report(call).status == 200

    again = call(handlers.create_session, body={"title_id": published.title_id})
    assert again.json["resume_position_s"] == 42.5
    other = call(handlers.create_session, body={"title_id": published.title_id}, viewer="viewer-2")
    assert other.json["resume_position_s"] == 0


def test_a_report_that_arrives_late_changes_nothing_and_is_no_error(published, call):
    earlier = (datetime.now(UTC) - timedelta(minutes=1)).isoformat()

    assert report(call).status == 200
    assert report(call, position_s=10, recorded_at=earlier).status == 200
    kept = store.ProgressTable("progress").get(viewer_id="viewer-1", title_id=published.title_id)
    assert kept.position_s == 42.5


@pytest.mark.parametrize(
    ("change", "status", "field"),
    [
        ({"position_s": 101.5}, 422, "position_s"),
        ({"position_s": -1}, 422, "position_s"),
        ({"recorded_at": "2999-01-01T00:00:00Z"}, 422, "recorded_at"),
        ({"recorded_at": None}, 422, "recorded_at"),
        ({"title_id": "unknown"}, 404, None),
    ],
)
def test_a_report_that_cannot_be_true_is_refused(published, call, change, status, field):
    answer = report(call, **change)

    assert answer.status == status
    if field:
        assert [error["field"] for error in answer.json["errors"]] == [field]


def test_the_smallest_position_can_be_stored(published, call):
    assert report(call, position_s=1e-200).status == 200


# --- what follows an episode


def following(call, **said):
    """What is told of the next title to a report from an episode's end."""
    answer = report(call, position_s=98, **said)
    assert answer.status == 200
    return answer.json["next_title_id"]


def continued(call, **query):
    answer = call(handlers.continue_watching, query=query or None)
    return [(one["title_id"], one["next_title_id"]) for one in answer.json["titles"]]


def test_the_end_of_an_episode_offers_the_next_one_and_a_film_nothing(published, episode, call):
    for season, number in ((1, 1), (1, 2), (2, 1)):
        episode(season, number)

    assert [following(call, title_id=title_id) for title_id in ("s1e1", "s1e2", "s2e1")] == ["s1e2", "s2e1", None]
    assert following(call) is None
    assert report(call, title_id="s1e1", position_s=97.9).json == {"next_title_id": None}


def test_a_special_offers_the_next_special_and_leaves_the_seasons_where_they_were(published, episode, call):
    for season, number in ((0, 1), (0, 2), (1, 1), (1, 2)):
        episode(season, number)

    assert [following(call, title_id=title_id) for title_id in ("s1e1", "s0e1")] == ["s1e2", "s0e2"]
    assert sorted(continued(call)) == [("s0e1", "s0e2"), ("s1e1", "s1e2")]
    assert following(call, title_id="s0e2") is None
    assert continued(call) == [("s1e1", "s1e2")]


def test_an_episode_that_is_published_later_is_offered_from_then_on(published, episode, call):
    episode(1, 1)
    assert following(call, title_id="s1e1") is None
    assert continued(call) == []

    episode(1, 2)
    assert following(call, title_id="s1e1") == "s1e2"
    assert continued(call) == [("s1e1", "s1e2")]


def test_what_a_profile_may_not_watch_is_neither_offered_nor_listed(published, episode, call):
    kids = Profile(profile_id="kids", name="Kids", max_age=7)
    store.AccountTable("accounts").put(Account(viewer_id="viewer-1", plan="basic", territory="DE", profiles=(kids,)))
    elsewhere = RightsWindow(territories=("US",), starts_at=datetime(2026, 1, 1, tzinfo=UTC))
    episode(1, 1, min_age=7)
    episode(1, 2, min_age=7, rights=(elsewhere,))
    episode(1, 3, min_age=12)
    assert following(call, title_id="s1e1") == "s1e3"
    assert following(call, title_id="s1e1", profile_id="kids") is None
    assert (continued(call), continued(call, profile_id="kids")) == ([("s1e1", "s1e3")], [])
    # Who has no record is at home where the settings say: in the US.
    assert following(call, title_id="s1e1", viewer="viewer-2") == "s1e2"


def test_an_episode_that_got_another_number_is_not_what_follows_it(published, episode, call):
    episode(1, 1)
    following(call, title_id="s1e1")
    episode(1, 2, "s1e1", revision=published.revision + 1)
    assert continued(call) == []
    episode(1, 3)
    assert continued(call) == [("s1e1", "s1e3")]


def test_what_a_newer_release_has_added_to_what_is_kept_is_passed_over(published, call):
    report(call)
    for table in ("playable", "progress"):
        for item in client("dynamodb").scan(TableName=table)["Items"]:
            client("dynamodb").put_item(TableName=table, Item=item | {"of_a_newer_release": {"S": "1"}})
    assert report(call).status == 200
    assert [title_id for title_id, _ in continued(call)] == [published.title_id]


def test_the_next_episode_is_listed_until_it_is_begun(published, episode, call):
    episode(1, 1)
    episode(1, 2)
    following(call, title_id="s1e1")
    assert continued(call) == [("s1e1", "s1e2")]

    report(call, title_id="s1e2")
    assert continued(call) == [("s1e2", None)]
    following(call, title_id="s1e2")
    assert continued(call) == []
