"""Telemetry: what a player says becomes metrics and one line of the log."""

import json

import pytest

from lambdas.common.aws import client
from lambdas.playback import secret_store
from lambdas.playback.session_ids import session_id_of
from lambdas.playback.telemetry import MAX_EVENTS
from lambdas.playback.telemetry_handlers import telemetry

EVENTS = [
    {"type": "started", "start_up_ms": 812},
    {"type": "switched", "bitrate_kbps": 1200},
    {"type": "switched", "bitrate_kbps": 4200},
    {"type": "stalled", "duration_ms": 350},
    {"type": "failed", "code": "LICENSE 403"},
]


@pytest.fixture
def session_id(session_key):
    """Of a session of the viewer that the tests ask as."""
    return session_id_of(viewer_id="viewer-1", idempotency_key=None, key=session_key)


@pytest.fixture
def said(aws, session_id, call, capsys, caplog, monkeypatch):
    """Send a batch; return its answer, its metrics (EMF) and what the log says of it."""
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "playback")

    def said(events, **more):
        answer = call(telemetry, body={"session_id": session_id, "events": events} | more, email="ada@example.com")
        printed = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        lines = [vars(record) for record in caplog.records if record.message == "played"]
        return answer, [line for line in printed if "_aws" in line], lines

    return said


def test_a_batch_becomes_metrics_and_a_line_that_names_no_viewer(said, session_id):
    answer, [metrics], [line] = said(EVENTS)
    assert answer.status == 204
    declared = metrics["_aws"]["CloudWatchMetrics"][0]
    assert declared["Namespace"] == "Marquee/Players"
    assert {each["Name"]: each["Unit"] for each in declared["Metrics"]} == {
        "StartUpTime": "Milliseconds",
        "BitRate": "Kilobits/Second",
        "StallTime": "Milliseconds",
        "Failures": "Count",
    }
    assert metrics["BitRate"] == [1200, 4200]
    assert (metrics["StartUpTime"], metrics["StallTime"], metrics["Failures"]) == ([812], [350], [1])
    assert (line["session_id"], line["events"]) == (session_id, EVENTS)
    told = json.dumps([metrics, line], default=str)
    assert "viewer-1" not in told
    assert "ada@example.com" not in told


def test_the_largest_batch_fits_one_line_of_metrics(said):
    _, [metrics], _ = said([{"type": "stalled", "duration_ms": 1}] * MAX_EVENTS)
    assert metrics["StallTime"] == [1] * MAX_EVENTS


@pytest.mark.parametrize(
    "events",
    [
        [],
        [{"type": "stalled", "duration_ms": 1}] * (MAX_EVENTS + 1),
        [{"type": "stalled", "duration_ms": -1}],
        [{"type": "started", "start_up_ms": 1e12}],
        [{"type": "failed", "code": "ada@example.com"}],
        [{"type": "failed", "code": "X" * 31}],
        [{"type": "bought"}],
    ],
)
def test_what_no_player_says_is_refused_and_counts_nothing(said, events):
    answer, metrics, lines = said(events)
    assert (answer.status, metrics, lines) == (422, [], [])


def test_a_session_id_is_no_place_for_text(said):
    assert said(EVENTS, session_id="ada@example.com")[0].status == 422


@pytest.mark.parametrize("owner", ["viewer-2", None])
def test_of_somebody_elses_session_or_of_none_nothing_is_taken(said, session_key, owner):
    others = session_id_of(viewer_id=owner, idempotency_key=None, key=session_key) if owner else "s-1"
    answer, metrics, lines = said(EVENTS, session_id=others)
    assert (answer.status, answer.json["title"]) == (404, "Not found")
    assert (metrics, lines) == ([], [])


def test_batches_cost_one_read_of_the_key_a_process(said, monkeypatch):
    asked = []
    monkeypatch.setattr(secret_store, "client", lambda service: asked.append(service) or client(service))
    assert {said(EVENTS)[0].status for _ in range(3)} == {204}
    assert asked == ["secretsmanager"]


def test_who_is_not_signed_in_says_nothing(aws, call):
    assert call(telemetry, viewer=None, body={"session_id": "s-1", "events": EVENTS}).status == 403
