"""Opening, keeping and ending sessions, as the API's handlers do it, on moto."""

import re
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from botocore.exceptions import ClientError

from lambdas.common.aws import client
from lambdas.common.errors import InvalidInputError
from lambdas.common.media import RightsWindow, Tier
from lambdas.playback import handlers, operator_handlers, revocation_store, store
from lambdas.playback.accounts import Account, Profile
from tests.lambdas.playback.conftest import DASH

VIEWER = "viewer-1"


@pytest.fixture
def clock(monkeypatch):
    """The handlers' clock, which stands still until a test moves it."""
    clock = SimpleNamespace(now=datetime.now(UTC).replace(microsecond=0))
    monkeypatch.setattr(handlers, "now", lambda: clock.now)
    return clock


@pytest.fixture
def account(aws):
    """Make the viewer's account."""

    def account(plan="standard", **fields):
        store.AccountTable("accounts").put(Account(viewer_id=VIEWER, plan=plan, **{"territory": "US"} | fields))

    return account


@pytest.fixture
def ask(published, call):
    """Ask for a session on the published title."""

    def ask(*, device=None, key=None, title_id=published.title_id, viewer=VIEWER, **body):
        return call(
            handlers.create_session,
            body={"title_id": title_id, "device": device or {}, **body},
            headers={"idempotency-key": key} if key is not None else {},
            viewer=viewer,
        )

    return ask


@pytest.fixture
def beat(call):
    def beat(session, *, viewer=VIEWER):
        return call(handlers.heartbeat, path={"session_id": session["session_id"]}, viewer=viewer).status

    return beat


@pytest.fixture
def end(call):
    def end(session, *, viewer=VIEWER):
        return call(handlers.end_session, path={"session_id": session["session_id"]}, viewer=viewer).status

    return end


@pytest.fixture
def opens(call, published):
    """The statuses of a session's manifest and licence."""

    def opens(session):
        path, query = {"session_id": session["session_id"]}, {"format": "dash"}
        manifest = call(handlers.get_manifest, path=path, query=query).status
        licence = call(handlers.license, body={"kids": ["A" * 22]}, query=path).status
        # A key that is not the title's: a session that lives is asked for the key, another is not.
        return manifest, {404: "asked", 410: "ended"}[licence]

    return opens


@pytest.fixture
def calls():
    """The operations that are sent to DynamoDB, in order."""
    seen = []
    events = client("dynamodb").meta.events
    events.register("before-call.dynamodb", lambda model, **_: seen.append(model.name), unique_id="counted")
    yield seen
    events.unregister("before-call.dynamodb", unique_id="counted")


# --- places


def test_a_plan_has_so_many_places_and_who_is_refused_is_told_what_plays(account, ask):
    account("standard")
    for name in ("Living room", "Kitchen"):
        assert ask(device={"name": name}).status == 201

    refused = ask(device={"name": "Phone"})

    assert refused.status == 409
    assert refused.headers["content-type"] == "application/problem+json"
    assert (refused.json["reason"], refused.json["limit"]) == ("stream-limit", 2)
    assert {one["device"] for one in refused.json["playing"]} == {"Living room", "Kitchen"}
    assert ask(viewer="viewer-2").status == 201, "another account has places of its own"


def test_an_ended_session_gives_its_place_back_at_once_and_opens_nothing_more(account, ask, end, opens):
    account("basic")
    session = ask().json
    assert opens(session) == (200, "asked")

    assert end(session) == 204
    assert end(session) == 204, "ending it again is no error"

    assert opens(session) == (410, "ended")
    assert opens(ask().json) == (200, "asked")


def test_a_device_that_is_not_heard_of_gives_its_place_back_when_its_time_is_over(account, ask, beat, clock):
    account("basic")
    first = ask().json
    clock.now += timedelta(seconds=60)
    assert beat(first) == 204
    clock.now += timedelta(seconds=74)
    assert ask().status == 409

    clock.now += timedelta(seconds=1)

    second = ask()
    assert second.status == 201
    assert beat(first) == 410, "its place is another's"
    assert beat(second.json) == 204


def test_a_sleeper_takes_up_its_own_place_if_nobody_has_taken_it(account, ask, beat, opens, clock):
    account("basic")
    session = ask().json
    clock.now += timedelta(seconds=600)

    assert opens(session) == (200, "asked")
    assert beat(session) == 204
    assert ask().status == 409


def test_heartbeats_do_not_outlive_the_session(account, ask, beat, clock):
    account("basic")
    session = ask().json
    clock.now += timedelta(seconds=3599)
    assert beat(session) == 204

    clock.now += timedelta(seconds=1)

    assert beat(session) == 410


def test_a_device_that_asks_again_takes_its_own_place(account, ask, opens):
    account("basic")
    before = ask(device={"id": "tv-1"}).json

    after = ask(device={"id": "tv-1"})

    assert after.status == 201
    assert opens(before) == (410, "ended")
    assert opens(after.json) == (200, "asked")
    assert ask(device={"id": "tv-2"}).status == 409


def test_a_smaller_plan_refuses_until_enough_devices_have_stopped(account, ask, end):
    account("premium")
    running = [ask().json for _ in range(4)]
    account("standard")

    statuses = []
    for session in running:
        statuses.append(ask().status)
        end(session)

    assert statuses == [409, 409, 409, 201]


def test_nobody_ends_or_prolongs_anothers_session(account, ask, beat, end, opens):
    account("basic")
    session = ask().json

    assert beat(session, viewer="viewer-2") == 410
    assert end(session, viewer="viewer-2") == 204
    assert opens(session) == (200, "asked")


def test_a_session_that_cannot_be_has_no_heartbeat(account, ask, beat, end):
    ask()

    for session_id in ("unknown", "x" * 5000, "a b", "é"):
        assert beat({"session_id": session_id}) == 410
        assert end({"session_id": session_id}) == 204


# --- repetitions


def test_a_repeated_request_gets_the_session_it_has_and_takes_no_second_place(account, ask):
    account("standard")
    first = ask(key="play-1")

    again = ask(key="play-1")

    assert again.status == 201
    assert again.json["session_id"] == first.json["session_id"]
    assert len(leases_of(VIEWER)) == 1
    assert ask(key="play-2").json["session_id"] != first.json["session_id"]


def test_a_repetition_succeeds_although_every_place_is_taken(account, ask):
    account("basic")
    session_id = ask(key="play-1").json["session_id"]

    assert ask(key="play-1").json["session_id"] == session_id


def test_a_key_is_good_for_one_title_one_viewer_and_as_long_as_the_session(account, ask, end, published):
    account("standard")
    other = published.model_copy(update={"title_id": "another"})
    store.PlayableTable("playable").put_if_newer(other)
    session = ask(key="k").json

    mistaken = ask(key="k", title_id="another")
    assert mistaken.status == 422
    assert mistaken.json["type"] == "urn:marquee:problem:idempotency-key-reused"
    assert [error["field"] for error in mistaken.json["errors"]] == ["Idempotency-Key"]
    assert ask(key="k", viewer="viewer-2").json["session_id"] != session["session_id"]
    end(session)
    assert ask(key="k").status == 410
    assert ask(key="").status == 422


@pytest.mark.parametrize(
    ("first", "other"),
    [
        ({"id": "tv"}, {"id": "phone"}),
        ({"id": "tv"}, {}),
        ({"name": "Kitchen"}, {"id": "tv"}),
        ({"name": "Kitchen"}, {"name": "Living room"}),
    ],
)
def test_a_key_that_another_device_uses_gets_nothing_of_the_first_ones(account, ask, first, other):
    account("standard")
    session_id = ask(key="k", device=first).json["session_id"]

    refused = ask(key="k", device=other)

    assert (refused.status, refused.json["type"]) == (422, "urn:marquee:problem:idempotency-key-reused")
    assert session_id not in refused.text
    assert len(leases_of(VIEWER)) == 1
    assert ask(key="k", device=first).json["session_id"] == session_id


def test_a_device_that_was_renamed_is_still_the_one_that_asked(account, ask):
    account("standard")
    first = ask(key="k", device={"id": "tv", "name": "Television"}).json

    assert ask(key="k", device={"id": "tv", "name": "Living room"}).json["session_id"] == first["session_id"]


# --- what it costs


def leases_of(viewer_id):
    return store.leases_and_security(viewer_id=viewer_id, leases="leases", security="security")[0]


def test_a_session_is_one_read_and_one_transaction(account, ask, calls):
    account("standard")
    # What is revoked is read once in 15 s, for all viewers.
    revocation_store.revoked("revocations")
    calls.clear()

    assert ask().status == 201
    assert calls == ["BatchGetItem", "TransactWriteItems"]
    calls.clear()
    assert ask().status == 201
    assert calls == ["BatchGetItem", "TransactWriteItems"]
    calls.clear()
    assert ask().status == 409
    assert calls == ["BatchGetItem"]


def test_a_heartbeat_and_an_end_are_one_write_each(account, ask, beat, end, calls):
    account("standard")
    session = ask().json
    calls.clear()

    beat(session)
    end(session)

    assert calls == ["UpdateItem", "UpdateItem"]


def test_what_is_read_too_early_is_read_again(account, ask, monkeypatch):
    account("standard")
    assert ask().status == 201
    reading = store.beginning
    # As if two others had come between the read and the claim, and one of them had left.
    monkeypatch.setattr(handlers.store, "beginning", lambda **tables: reading(**tables)._replace(held=None))

    assert ask().status == 201
    assert ask().status == 409


def test_a_transaction_in_the_way_is_waited_for(account, ask, monkeypatch):
    account("standard")
    real, refusals = client("dynamodb").transact_write_items, iter(["TransactionConflict", "TransactionConflict"])

    def busy(**request):
        for reason in refusals:
            response = {
                "Error": {"Code": "TransactionCanceledException", "Message": "in the way"},
                "CancellationReasons": [{"Code": "None"}, {"Code": reason}],
            }
            raise ClientError(response, "TransactWriteItems")
        return real(**request)

    monkeypatch.setattr(client("dynamodb"), "transact_write_items", busy)
    monkeypatch.setattr(handlers.time, "sleep", lambda _: None)

    assert ask().status == 201


# --- who may see what


def test_the_tier_is_told_with_its_reason_and_the_licence_has_no_better_key(account, ask, kept):
    account("basic")

    session = ask().json

    assert session["tier"] == {"allowed": "SD", "reasons": ["plan"]}
    assert set(kept(session["session_id"]).key_ids) == {Tier.AUDIO, Tier.SD}


def test_who_may_not_see_a_title_takes_no_place(account, ask, published):
    account("basic", territory="DE")
    window = RightsWindow(territories=("FR",), starts_at=datetime(2020, 1, 1, tzinfo=UTC))
    store.PlayableTable("playable").put_if_newer(published.model_copy(update={"rights": (window,)}))

    refused = ask()

    assert (refused.status, refused.json["reason"]) == (403, "territory")
    assert not leases_of(VIEWER)


def test_a_childs_profile_is_refused_what_is_not_rated_for_it(account, ask):
    account(profiles=(Profile(profile_id="kids", name="Kids", max_age=7),))

    assert (ask(profile_id="kids").status, ask(profile_id="kids").json["reason"]) == (403, "rating")
    assert ask(profile_id="nobody").status == 422
    assert ask().status == 201


def test_what_a_device_says_of_itself_is_checked(ask):
    said = {"id": "a b", "codecs": ["vp6"], "max_height": 0, "hdcp": "3", "robustness": "L1"}

    refused = ask(device=said)

    assert refused.status == 422
    fields = {error["field"] for error in refused.json["errors"]}
    assert fields == {"device.id", "device.codecs.0", "device.max_height", "device.hdcp", "device.robustness"}


def test_a_device_that_plays_nothing_of_a_title_is_told_so_before_it_takes_a_place(account, ask):
    account("basic")

    refused = ask(device={"codecs": ["av1"]})

    assert (refused.status, refused.json["reason"]) == (403, "device")
    assert not leases_of(VIEWER)


def test_devices_of_one_class_share_what_is_left_of_a_manifest_and_no_token(account, ask, call, published):
    account("premium")
    texts = []
    for device in ({"codecs": ["h264", "av1"]}, {"codecs": ["av1", "h264"]}, {"hdr": False}):
        session = ask(device=device, languages={"audio": ["de"]}).json
        path, query = {"session_id": session["session_id"]}, {"format": "dash"}
        texts.append(call(handlers.get_manifest, path=path, query=query).text)
        assert session["edge"]["token"] in texts[-1]

    assert len(set(texts)) == 3
    counted = handlers._preferred_for.cache_info()
    assert (counted.hits, counted.misses) == (1, 2)


def test_viewers_of_other_languages_get_another_manifest_of_what_is_left_for_their_class(ask, call, published):
    roles = '<Role schemeIdUri="urn:mpeg:dash:role:2011" value="{}"/>'
    sounds = "".join(
        f'<AdaptationSet id="{lang}" contentType="audio" lang="{lang}">{roles.format(role)}</AdaptationSet>'
        for lang, role in (("en", "main"), ("de", "alternate"))
    )
    text = DASH.replace("</Period>", f"{sounds}</Period>")
    client("s3").put_object(Bucket="media", Key=published.manifests.dash, Body=text.encode())
    main = {}
    for language in ("en-GB", "de-AT"):
        opened = ask(languages={"audio": [language]}).json
        got = call(handlers.get_manifest, path={"session_id": opened["session_id"]}, query={"format": "dash"}).text
        [main[language]] = re.findall(r'lang="(\w+)"><Role [^>]*value="main"', got)
    assert main == {"en-GB": "en", "de-AT": "de"}
    assert handlers._manifest_for.cache_info().misses == 1


@pytest.mark.parametrize("languages", [{"audio": ["de_DE"]}, {"text": ["d" * 40]}, {"audio": ["de"] * 9}, ["de"]])
def test_what_is_no_list_of_languages_is_refused(ask, languages):
    assert ask(languages=languages).status == 422


# --- what there is to continue


@pytest.fixture
def report(call):
    def report(**said):
        body = {"title_id": "big-buck-bunny", "position_s": 42.5, "recorded_at": datetime.now(UTC).isoformat()}
        return call(handlers.progress, body=body | said, viewer=VIEWER).status

    return report


def test_what_was_begun_is_listed_for_who_began_it(published, report, call, ask, account):
    account(profiles=(Profile(profile_id="ada", name="Ada"),))
    assert report() == 200
    assert report(profile_id="ada", position_s=7) == 200

    def listed(profile_id=None, viewer=VIEWER):
        query = {"profile_id": profile_id} if profile_id else None
        answer = call(handlers.continue_watching, query=query, viewer=viewer)
        return [(one["title_id"], one["position_s"], one["duration_s"]) for one in answer.json["titles"]]

    assert listed() == [("big-buck-bunny", 42.5, 100.0)]
    assert listed("ada") == [("big-buck-bunny", 7, 100.0)]
    assert listed(viewer="viewer-2") == []
    assert ask(profile_id="ada").json["resume_position_s"] == 7
    assert report(position_s=99, recorded_at=datetime.now(UTC).isoformat()) == 200
    assert listed() == []


def test_a_beat_is_one_write_and_the_list_one_read(published, episode, report, call, calls):
    episode(1, 1)
    for said in ({}, {"position_s": 99}, {"title_id": "s1e1"}):
        calls.clear()
        report(**said)
        assert calls == ["GetItem", "PutItem"]
    calls.clear()

    call(handlers.continue_watching, viewer=VIEWER)

    assert calls == ["Query"]


def test_the_end_of_an_episode_is_two_reads_more_and_the_list_one_a_series_and_the_account(
    published, episode, report, call, calls
):
    episode(1, 1)
    episode(1, 2)
    calls.clear()

    report(title_id="s1e1", position_s=99)
    assert calls == ["GetItem", "PutItem", "GetItem", "Query"]
    calls.clear()

    call(handlers.continue_watching, viewer=VIEWER)
    assert calls == ["Query", "GetItem", "Query"]


# --- the operator's


def test_an_operator_changes_an_account_and_what_is_left_out_stays(aws, lambda_context):
    def operate(**change):
        return operator_handlers.account({"viewer_id": VIEWER, "change": change, "by": "arn:ana"}, lambda_context)

    assert operate() == {
        "viewer_id": VIEWER, "plan": "premium", "territory": "US", "profiles": [], "recorded": False,
    }  # fmt: skip
    operate(plan="basic", profiles=[{"profile_id": "kids", "name": "Kids", "max_age": 7}])
    after = operate(territory="DE")
    assert (after["plan"], after["territory"], after["recorded"]) == ("basic", "DE", True)
    assert [profile["max_age"] for profile in after["profiles"]] == [7]
    assert operate() == after
    with pytest.raises(InvalidInputError, match="plan"):
        operate(plan="gold")
