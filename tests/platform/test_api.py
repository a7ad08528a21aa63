"""Bad requests: whatever is asked for at the edge, the answer is a 4xx that says what is wrong, and never a 5xx."""

import base64
import json
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import uuid4

import pytest

from tests.platform.viewer import TITLE

pytestmark = pytest.mark.embedded

SESSIONS, PROGRESS = "/api/playback/sessions", "/api/playback/progress"
LICENSE, TITLES = "/api/playback/license", "/api/catalog/titles"
DEVICES = "/api/account/devices"
KID = base64.urlsafe_b64encode(bytes(16)).rstrip(b"=").decode()
DEEP = b"[" * 5000 + b"]" * 5000


class Bad(NamedTuple):
    """A request, and what is wrong with it."""

    status: int
    method: str
    path: str
    body: object = None
    field: str | None = None


def _report(**fields):
    return {"title_id": TITLE, "position_s": 1, "recorded_at": datetime.now(UTC).isoformat()} | fields


def _session(path):
    return path.replace("{session}", uuid4().hex)


BAD = {
    "session-no-body": Bad(400, "POST", SESSIONS),
    "session-no-json": Bad(400, "POST", SESSIONS, b'{"title_id": '),
    "session-key-twice": Bad(400, "POST", SESSIONS, b'{"title_id": "a", "title_id": "b"}'),
    "session-half-a-character": Bad(400, "POST", SESSIONS, b'{"title_id": "\\ud800"}'),
    "session-nested-too-deeply": Bad(400, "POST", SESSIONS, DEEP),
    "session-endless-number": Bad(400, "POST", SESSIONS, b'{"title_id": ' + b"9" * 6000 + b"}"),
    "session-no-object": Bad(422, "POST", SESSIONS, [], ""),
    "session-no-title": Bad(422, "POST", SESSIONS, {}, "title_id"),
    "session-title-a-number": Bad(422, "POST", SESSIONS, {"title_id": 7}, "title_id"),
    "session-title-a-path": Bad(422, "POST", SESSIONS, {"title_id": "../secrets"}, "title_id"),
    "session-title-in-unicode": Bad(422, "POST", SESSIONS, {"title_id": "Amélie-アメリ-💥"}, "title_id"),
    "session-long-device": Bad(
        422, "POST", SESSIONS, {"title_id": TITLE, "device": {"name": "x" * 101}}, "device.name"
    ),
    "session-unknown-title": Bad(404, "POST", SESSIONS, {"title_id": "nobody-made-it"}),
    "manifest-unknown-session": Bad(404, "GET", f"{SESSIONS}/{{session}}/manifest?format=dash"),
    "manifest-no-format": Bad(422, "GET", f"{SESSIONS}/{{session}}/manifest", None, "format"),
    "manifest-other-format": Bad(422, "GET", f"{SESSIONS}/{{session}}/manifest?format=smooth", None, "format"),
    "licence-no-json": Bad(400, "POST", f"{LICENSE}?session_id={{session}}", b"kids"),
    "licence-no-kids": Bad(422, "POST", f"{LICENSE}?session_id={{session}}", {"type": "temporary"}, "kids"),
    "licence-empty-kids": Bad(422, "POST", f"{LICENSE}?session_id={{session}}", {"kids": []}, "kids"),
    "licence-too-many-kids": Bad(422, "POST", f"{LICENSE}?session_id={{session}}", {"kids": [KID] * 33}, "kids"),
    "licence-ten-thousand-kids": Bad(
        422, "POST", f"{LICENSE}?session_id={{session}}", {"kids": [KID] * 10_000}, "kids"
    ),
    "licence-kid-no-key-id": Bad(422, "POST", f"{LICENSE}?session_id={{session}}", {"kids": [KID, "x"]}, "kids.1"),
    "licence-of-no-type": Bad(
        422, "POST", f"{LICENSE}?session_id={{session}}", {"kids": [KID], "type": "for-ever"}, "type"
    ),
    "licence-no-session": Bad(422, "POST", LICENSE, {"kids": [KID]}, "session_id"),
    "licence-unknown-session": Bad(404, "POST", f"{LICENSE}?session_id={{session}}", {"kids": [KID]}),
    "progress-no-json": Bad(400, "POST", PROGRESS, b"\x00"),
    "progress-not-a-number": Bad(400, "POST", PROGRESS, b'{"position_s": NaN}'),
    "progress-no-position": Bad(
        422, "POST", PROGRESS, {"title_id": TITLE, "recorded_at": "2026-01-01T00:00:00Z"}, "position_s"
    ),
    "progress-before-the-start": Bad(422, "POST", PROGRESS, _report(position_s=-1), "position_s"),
    "progress-behind-the-end": Bad(422, "POST", PROGRESS, _report(position_s=1e6), "position_s"),
    "progress-without-a-zone": Bad(422, "POST", PROGRESS, _report(recorded_at="2026-01-01T00:00:00"), "recorded_at"),
    "progress-from-the-future": Bad(422, "POST", PROGRESS, _report(recorded_at="2100-01-01T00:00:00Z"), "recorded_at"),
    "progress-unknown-title": Bad(404, "POST", PROGRESS, _report(title_id="nobody-made-it")),
}


def _is_problem(answer, *, status):
    assert answer.status == status, answer.body
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "private, no-store"
    document = answer.json
    assert document["status"] == status
    assert document["type"].startswith("urn:marquee:problem:")
    assert document["instance"].startswith("urn:marquee:request:")
    assert document["title"]
    assert document["detail"]
    assert "Traceback" not in answer.text
    return document


@pytest.mark.parametrize("name", BAD)
def test_a_bad_request_is_answered_with_a_problem_document(viewer, name):
    bad = BAD[name]
    document = _is_problem(viewer.ask(bad.method, _session(bad.path), body=bad.body), status=bad.status)
    if bad.field is not None:
        assert bad.field in [error["field"] for error in document["errors"]]


def test_a_licence_for_the_key_of_another_title_is_refused(viewer, session):
    _is_problem(viewer.post(session["license_url"], {"kids": [KID]}), status=404)


def test_another_viewers_session_does_not_exist(stranger, session):
    for kind in ("dash", "hls"):
        mine = _is_problem(stranger.get(session["manifests"][kind]), status=404)
        unknown = _is_problem(stranger.get(_session(f"{SESSIONS}/{{session}}/manifest?format={kind}")), status=404)
        assert mine["detail"] == unknown["detail"]
    _is_problem(stranger.post(session["license_url"], {"kids": [KID]}), status=404)


def test_how_it_plays_is_told_of_ones_own_session_only(viewer, stranger, session):
    batch = {"session_id": session["session_id"], "events": [{"type": "started", "start_up_ms": 812}]}
    taken = viewer.post(session["telemetry_url"], batch)
    assert taken.status == 204
    assert taken.headers["ratelimit-policy"].startswith('"telemetry"')
    _is_problem(stranger.post(session["telemetry_url"], batch), status=404)


ROUTES = [
    ("GET", TITLES),
    ("GET", DEVICES),
    ("DELETE", DEVICES),
    ("DELETE", f"{DEVICES}/x"),
    ("POST", SESSIONS),
    ("POST", PROGRESS),
    ("POST", "/api/playback/telemetry"),
    ("POST", f"{LICENSE}?session_id=x"),
]
ROUTES += [("GET", f"{SESSIONS}/x/manifest?format=dash")]
ROUTES += [("POST", f"{SESSIONS}/x/heartbeat"), ("DELETE", f"{SESSIONS}/x"), ("GET", PROGRESS)]


def _forged(token, **claims):
    header, payload, signature = token.split(".")
    content = json.loads(base64.urlsafe_b64decode(payload + "=="))
    forged = base64.urlsafe_b64encode(json.dumps(content | claims).encode()).rstrip(b"=").decode()
    return f"{header}.{forged}.{signature}"


def _unsigned(token):
    header = base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').rstrip(b"=").decode()
    return f"{header}.{token.split('.')[1]}."


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_whoever_has_not_signed_in_is_refused_everywhere(thief, viewer, stranger, method, path):
    tokens = {
        "none": None,
        "garbage": "a.b.c",
        "somebody else's claims": _forged(viewer.token, sub="somebody"),
        "prolonged": _forged(viewer.token, exp=4_000_000_000),
        "unsigned": _unsigned(viewer.token),
        "another's signature": ".".join([*viewer.token.split(".")[:2], stranger.token.split(".")[2]]),
    }
    refused = {
        kind: thief.ask(method, path, body=None if method == "GET" else {}, token=token).status
        for kind, token in tokens.items()
    }
    assert refused == dict.fromkeys(tokens, 401)


NASTY = [None, True, 0, -1, 1e308, "", "x" * 70_000, "\u0000", "💥", [], [[]], {}, {"": ""}, {"title_id": {}}]


@pytest.mark.parametrize("path", [SESSIONS, PROGRESS, f"{LICENSE}?session_id=x"])
def test_no_value_of_any_field_breaks_a_handler(viewer, path):
    for value in NASTY:
        bodies = [value, {"title_id": value}, {"kids": value}, {"kids": [value]}, _report(position_s=value)]
        bodies += [_report(recorded_at=value), {"title_id": TITLE, "device": value}]
        bodies.append(b'{"title_id": "\xff"}')
        for body in bodies:
            answer = viewer.post(path, body)
            assert answer.status < 500, (body, answer.body)
            if answer.status >= 400:
                _is_problem(answer, status=answer.status)
            if answer.status == 201:
                assert viewer.ask("DELETE", answer.json["url"]).status == 204


@pytest.mark.parametrize(
    "path", ["/api", "/api/", "/api/nowhere", "/api/playback/sessions/", "/media/", "/media/x", "/art/x", "/nowhere"]
)
def test_a_path_that_leads_nowhere_is_no_error_of_ours(viewer, path):
    assert viewer.get(path).status in {400, 403, 404}


CLIMBING = [
    "../../x",
    "..%2f..%2fx",
    "%2e%2e%2f%2e%2e%2fx",
    "..%5c..%5cx",
    "%00",
    "x%00.mpd",
    "%c0%ae%c0%ae%2fx",
    "%0d%0ax:y",
]


@pytest.mark.parametrize("name", CLIMBING)
def test_a_name_that_climbs_out_leads_nowhere(viewer, session, name):
    token = session["edge"]["base"]
    paths = [f"{SESSIONS}/{name}/manifest?format=dash", f"{SESSIONS}/{name}/heartbeat", f"{DEVICES}/{name}"]
    asked = zip(("GET", "POST", "DELETE"), paths, strict=True)
    answers = [viewer.ask(method, path) for method, path in asked]
    answers += [viewer.get(f"{token}{name}"), viewer.get(f"/art/{name}"), viewer.get(f"/{name}")]
    for answer in answers:
        assert 400 <= answer.status < 500, (answer.status, answer.body)
        assert "x" not in answer.headers
        if answer.headers.get("content-type") == "application/problem+json":
            assert answer.json["status"] == answer.status


def test_a_method_that_no_route_has_is_refused(viewer):
    assert viewer.ask("DELETE", SESSIONS).status in {403, 404, 405}
    assert viewer.post("/", {}).status == 403


def test_answers_say_what_is_left(viewer):
    assert viewer.get(TITLES).headers["ratelimit-policy"] == '"catalog";q=1000;w=60'


def test_one_request_too_many_is_refused_at_the_edge(stranger):
    answers = [stranger.get(DEVICES) for _ in range(51)]
    assert [answer.status for answer in answers] == [200] * 50 + [429]
    _is_problem(answers[-1], status=429)
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 60


def test_a_device_is_known_where_the_edge_says_it_is_and_can_be_signed_out(viewer):
    body = {"title_id": TITLE, "device": {"id": "kitchen", "name": "Kitchen"}}
    forged = {"cloudfront-viewer-country": "XX", "x-marquee-origin": "forged"}
    opened = viewer.ask("POST", SESSIONS, body=body, headers=forged)
    assert opened.status == 201, opened.body
    assert viewer.ask("DELETE", opened.json["url"]).status == 204
    devices = {device["device_id"]: device for device in viewer.get(DEVICES).json["devices"]}
    assert (devices["kitchen"]["name"], devices["kitchen"]["country"]) == ("Kitchen", None)
    assert viewer.ask("DELETE", f"{DEVICES}/kitchen").status == 204
    assert "kitchen" not in {device["device_id"] for device in viewer.get(DEVICES).json["devices"]}
