"""Revocation, from the operator's call to the licence, the new session and the edge."""

import json
import time
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.common.aws import client
from lambdas.common.errors import InvalidInputError, NotFoundError, RevokedError, TransientError
from lambdas.playback import handlers, operator_handlers, revocation_store, revocations, store
from lambdas.playback.models import kid_of
from lambdas.playback.revocations import Kind
from tests.lambdas.calls import watched

BY = "arn:aws:iam::123456789012:user/operator"


@pytest.fixture
def told(monkeypatch):
    """What the edge's function is told; `told.answer` is what it says."""
    state = SimpleNamespace(sessions=[], answer={}, name=None)

    class Lambda:
        def invoke(self, *, FunctionName, Payload):  # noqa: N803 - boto3's names
            state.name = FunctionName
            state.sessions += json.loads(Payload)["sessions"]
            return state.answer

    known, edge = revocation_store.client, watched("lambda", Lambda())
    monkeypatch.setattr(
        revocation_store, "client", lambda service, **more: edge if service == "lambda" else known(service, **more)
    )
    return state


@pytest.fixture
def meanwhile(monkeypatch):
    """What happens while an operator waits for processes to read anew: nothing, unless a test says so in `happens`."""
    state = SimpleNamespace(happens=lambda: None, waited_s=0.0)

    def sleep(seconds):
        state.waited_s += seconds
        state.happens()

    monkeypatch.setattr(operator_handlers.time, "sleep", sleep)
    return state


@pytest.fixture
def revoke(aws, told, meanwhile, lambda_context):
    def revoke(kind, subject, *, reason="a test", **more):
        asked = {"kind": kind, "subject": subject, "by": BY, "reason": reason, **more}
        answer = operator_handlers.revoke(asked, lambda_context)
        # As if its time in the processes were over.
        revocation_store._read.clear()
        return answer

    return revoke


@pytest.fixture
def play(published, call):
    """Start a session on a device; return its id and a function that asks for its licence."""

    def play(device="Television X", viewer="viewer-1"):
        created = call(
            handlers.create_session, viewer=viewer, body={"title_id": published.title_id, "device": {"name": device}}
        )
        if created.status != 201:
            return created

        def licence(*tiers):
            wanted = [published.key_ids[tier] for tier in tiers or published.key_ids]
            kids = [kid_of(kid) for kid in wanted]
            query = {"session_id": created.json["session_id"]}
            return call(handlers.license, viewer=viewer, body={"kids": kids}, query=query)

        said = {name: created.json[name] for name in ("session_id", "tier")}
        return SimpleNamespace(status=201, licence=licence, **said)

    return play


def test_a_revoked_device_model_gets_no_session_no_licence_and_its_sessions_end(play, revoke, told):
    mine, other = play("Television X"), play("Telephone", viewer="viewer-2")

    answer = revoke("device-model", "  television   x ", reason="its keys leak", incident="drm-bypass")

    assert answer["revoked"] == {"kind": "device-model", "subject": "television x"}
    assert [session["session_id"] for session in answer["affected"]] == [mine.session_id]
    assert [session["viewer_id"] for session in answer["affected"]] == ["viewer-1"]
    assert told.name.endswith(":function:marquee-end-sessions")
    assert [session["session_id"] for session in told.sessions] == [mine.session_id]
    refused = mine.licence()
    assert (refused.status, refused.json["type"]) == (403, "urn:marquee:problem:revoked")
    assert play("TELEVISION X").status == 403
    assert other.licence().status == 200
    assert play("Telephone").status == 201


def test_a_revoked_session_gets_no_licence_and_another_of_its_viewer_does(play, revoke, told):
    one, other = play(), play()

    answer = revoke("session", one.session_id)

    assert [session["session_id"] for session in answer["affected"]] == [one.session_id]
    assert told.sessions == [{"session_id": one.session_id, "expires_at": answer["affected"][0]["expires_at"]}]
    assert one.licence().status == 403
    assert other.licence().status == 200


def test_a_revoked_key_is_in_no_licence_and_the_others_are(play, revoke, published, told):
    running = play()

    answer = revoke("key", published.key_ids["HD"].upper())

    assert [session["session_id"] for session in answer["affected"]] == [running.session_id]
    assert running.licence("HD").status == running.licence("SD", "AUDIO").status == 410
    anew = play()
    assert anew.tier == {"allowed": "SD", "reasons": ["revoked"]}
    assert anew.licence("SD", "AUDIO").status == 200
    assert anew.licence("HD").status == 403


@pytest.mark.parametrize("kind", ["device-model", "key"])
def test_a_session_that_a_process_opens_by_what_it_read_before_is_ended_too(
    play, revoke, published, told, meanwhile, call, kind
):
    before, late = play("Television X"), []
    # Since then this process reads nothing anew, until its time is over.
    meanwhile.happens = lambda: late.append(play("Television X"))

    answer = revoke(kind, "Television X" if kind == "device-model" else published.key_ids["HD"])

    ended = [before.session_id, late[0].session_id]
    assert [session["session_id"] for session in answer["affected"]] == ended
    assert [session["session_id"] for session in told.sessions] == ended
    assert revocations.CACHED_S < meanwhile.waited_s <= 30
    assert call(handlers.heartbeat, path={"session_id": late[0].session_id}).status == 410


def test_nobody_waits_where_no_other_session_can_be_concerned(play, revoke, meanwhile):
    revoke("session", play().session_id)
    revoke("certificate", "aa" * 32)
    assert meanwhile.waited_s == 0


def test_without_its_lowest_key_a_title_is_not_played(play, revoke, published, told):
    revoke("key", published.key_ids["AUDIO"])
    refused = play()
    assert (refused.status, refused.json["type"]) == (403, "urn:marquee:problem:revoked")


def test_a_session_that_a_revocation_concerns_has_no_place_any_more(play, revoke, call, told):
    running = play("Television X")
    path = {"session_id": running.session_id}
    assert call(handlers.heartbeat, path=path).status == 204
    revoke("device-model", "Television X")
    assert call(handlers.heartbeat, path=path).status == 410
    assert call(handlers.get_manifest, path=path, query={"format": "dash"}).status == 403


def test_what_is_revoked_is_refused_although_who_plays_cannot_be_found(play, revoke, monkeypatch):
    def never(_table, *, now):
        raise TransientError("the table is busy")

    monkeypatch.setattr(store.SessionTable, "running", never)
    with pytest.raises(TransientError):
        revoke("device-model", "Television X")
    revocation_store._read.clear()
    assert play("Television X").status == 403


def test_a_revocation_leaves_a_line_in_the_trail(revoke, play):
    play()
    answer = revoke("device-model", "Television X", reason="its keys leak", incident="drm-bypass")

    key = {"scope": {"S": "audit"}, "subject": {"S": answer["audit"]}}
    line = client("dynamodb").get_item(TableName="revocations", Key=key)["Item"]

    assert {name: line[name]["S"] for name in ("by", "reason", "incident", "kind")} == {
        "by": BY,
        "reason": "its keys leak",
        "incident": "drm-bypass",
        "kind": "device-model",
    }
    assert line["affected"]["N"] == "1"
    assert "expires_at" not in line


def test_the_trail_has_what_was_done_about_one_subject_and_nothing_else(revoke, monkeypatch):
    moments = (datetime(2026, 11, day, tzinfo=UTC) for day in (21, 22))
    for reason in ("tried", "films leak"):
        moment = next(moments)
        with monkeypatch.context() as then:
            then.setattr(operator_handlers, "now", lambda at=moment: at)
            revoke("device-model", "Television X#2", reason="of another")
            answer = revoke("device-model", "Television X", reason=reason, incident="drm-bypass")
    revoke("key", "a" * 32)

    assert [(entry["reason"], entry["revoked_at"], entry["by"]) for entry in answer["trail"]] == [
        ("tried", 1795219200, BY),
        ("films leak", 1795305600, BY),
    ]
    assert {(entry["subject"], entry["incident"]) for entry in answer["trail"]} == {("television x", "drm-bypass")}


def test_a_sessions_revocation_goes_with_the_session_and_others_stay(revoke, play):
    session = play()
    revoke("session", session.session_id)
    revoke("certificate", "AA:" * 31 + "aa")

    items = {item["subject"]["S"]: item for item in client("dynamodb").scan(TableName="revocations")["Items"]}
    assert "expires_at" in items[f"session#{session.session_id}"]
    assert "expires_at" not in items["certificate#" + "aa" * 32]


def test_where_the_edge_cannot_be_told_the_operator_hears_of_it_and_keys_are_refused_all_the_same(play, revoke, told):
    session = play()
    told.answer = {"FunctionError": "Unhandled"}

    with pytest.raises(TransientError, match="revoke again"):
        revoke("session", session.session_id)

    revocation_store._read.clear()
    assert session.licence().status == 403
    told.answer = {}
    assert revoke("session", session.session_id)["affected"]


def test_a_session_that_does_not_run_is_named(revoke):
    with pytest.raises(NotFoundError, match="nobody"):
        revoke("session", "nobody")


@pytest.mark.parametrize(
    ("kind", "subject", "reason"),
    [
        ("key", "12", "why"),
        ("certificate", "g" * 64, "why"),
        ("device-model", " ", "why"),
        ("device", "x", "why"),
        ("session", "", "why"),
        ("session", "x", ""),
        ("session", "x", "  "),
    ],
)
def test_what_cannot_be_meant_and_what_has_no_reason_is_refused(revoke, kind, subject, reason):
    with pytest.raises(InvalidInputError):
        revoke(kind, subject, reason=reason)


def test_a_process_goes_by_what_it_has_read_for_less_than_half_a_minute(aws, revoke, monkeypatch):
    at = time.monotonic()
    monkeypatch.setattr(revocation_store.time, "monotonic", lambda: at)
    assert revocation_store.revoked("revocations") == frozenset()
    with monkeypatch.context() as kept:
        kept.setattr(revocation_store, "_read", {})
        revoke("key", "a" * 32)
    assert revocation_store.revoked("revocations") == frozenset()

    at += revocations.CACHED_S
    assert revocation_store.revoked("revocations") == {(Kind.KEY, "a" * 32)}
    assert revocations.CACHED_S <= 30


@given(st.text(max_size=40))
def test_a_model_is_refused_however_it_is_spelled(name):
    try:
        subject = revocations.subject_of(Kind.DEVICE_MODEL, name)
    except InvalidInputError:
        return
    revoked = {(Kind.DEVICE_MODEL, subject)}

    for spelled in (name, f" {name}  ", subject):
        with pytest.raises(RevokedError):
            revocations.check(revoked, device_model=spelled)
    revocations.check(
        revoked, device_model=f"{name} another", session_id=subject, key_ids=[subject], certificate=subject
    )
