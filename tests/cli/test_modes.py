"""What an operator sees of the farm's mode, and of a campaign."""

import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from lambdas.encoding.restarts import execution_name

OPERATOR = "arn:aws:iam::111122223333:user/ada"
FIRST, ANEW, OTHER = "v0000000000000001", "c0000000000000001", "c0000000000000002"


class States:
    """The executions of the encoding workflow, by their names, the oldest first."""

    def __init__(self):
        self.found = {}

    def get_paginator(self, operation):
        assert operation == "list_executions"
        listed = [{"executionArn": f"arn:{name}", "name": name, "status": self.found[name][0]} for name in self.found]
        return SimpleNamespace(paginate=lambda **_: [{"executions": [each]} for each in reversed(listed)])

    def describe_execution(self, executionArn):  # noqa: N803 - boto3's name
        status, given = self.found[executionArn.removeprefix("arn:")]
        return {"status": status, "input": json.dumps(given)}


@pytest.fixture
def platform(main, monkeypatch):
    """The deployed functions, as they would answer; what they were called with is in `asked`."""
    from cli import modes  # noqa: PLC0415
    from sandbox.operating import OperationError  # noqa: PLC0415

    class Platform:
        answer, asked, error = {}, [], None
        states = States()

        def operate(self, _, payload, *, context, output):
            self.asked = [*self.asked, (context, output, payload)]
            if self.error:
                raise OperationError(*self.error)
            return self.answer

        def client(self, service):
            assert service == "stepfunctions"
            return self.states

        def output(self, context, key):
            assert (context, key) == ("encoding", "WorkflowArn")
            return "arn:aws:states:us-east-1:111122223333:stateMachine:encode"

    running = Platform()
    running.states = States()
    monkeypatch.setattr(modes.common, "platform", lambda: running)
    monkeypatch.setattr(modes, "operate", running.operate)
    monkeypatch.setattr(modes, "caller", lambda _: OPERATOR)
    return running


def change(**changes):
    return {
        "revision": 1,
        "degraded": True,
        "until": "2026-11-23T00:00:00Z",
        "at": "2026-11-22T12:00:00Z",
        "by": OPERATOR,
        "reason": "500 titles wait",
    } | changes


def test_the_mode_and_its_history_are_shown(platform, marquee):
    platform.answer = {"mode": "degraded", "changed": False, "set": change(), "history": [change()]}
    shown = marquee("farm", "mode", "show")
    assert "Mode: degraded until 2026-11-23 00:00:00" in shown.output
    assert "2026-11-22 12:00:00" in shown.output
    assert "500 titles wait" in shown.output
    assert platform.asked == [("encoding", "FarmModeFunction", {"do": "show"})]


def test_a_farm_that_nobody_has_touched_says_so(platform, marquee):
    nothing = change(revision=0, degraded=False, until=None, at=None, by="", reason="")
    platform.answer = {"mode": "normal", "changed": False, "set": nothing, "history": []}
    assert "Mode: normal Nobody has changed it." in marquee("farm", "mode", "show").output


def test_a_change_says_who_makes_it(platform, marquee):
    platform.answer = {"mode": "normal", "changed": True, "set": change(degraded=False, until=None), "history": []}
    assert marquee("farm", "mode", "degrade", "--hours", "12", "--reason", "500 titles wait").exit_code == 0
    assert marquee("farm", "mode", "normal").exit_code == 0
    assert [payload for _, _, payload in platform.asked] == [
        {"do": "degrade", "hours": 12.0, "reason": "500 titles wait", "by": OPERATOR},
        {"do": "normal", "reason": "", "by": OPERATOR},
    ]


def test_nobody_degrades_a_farm_for_ever_or_without_a_reason(platform, marquee):
    assert marquee("farm", "mode", "degrade", "--hours", "12").exit_code == 2
    assert marquee("farm", "mode", "degrade", "--reason", "busy").exit_code == 2
    assert platform.asked == []


def test_what_a_campaign_asked_for_is_shown_title_by_title(platform, marquee):
    platform.answer = {
        "campaign": "spring",
        "titles": [
            {"title_id": "film", "outcome": "asked", "version_id": ANEW, "message": ""},
            {"title_id": "nothing", "outcome": "refused", "version_id": None, "message": "it was never published"},
        ],
    }
    shown = marquee("campaign", "start", "spring", "film", "nothing", "--now")
    assert f"film │ asked │ {ANEW}" in shown.output
    assert "it was never published" in shown.output
    asked = {"campaign": "spring", "titles": ["film", "nothing"], "degraded": False, "now": True, "by": OPERATOR}
    assert platform.asked == [("catalog", "StartCampaignFunction", asked)]


def test_a_campaign_of_degraded_titles_may_find_none(platform, marquee):
    platform.answer = {"campaign": "better", "titles": []}
    assert (
        "No published title was made in degraded mode." in marquee("campaign", "start", "better", "--degraded").output
    )
    [(_, _, payload)] = platform.asked
    assert (payload["titles"], payload["degraded"]) == ([], True)


def in_an_hour():
    return f"{datetime.now(UTC) + timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}"


@pytest.mark.parametrize(
    ("state", "execution", "shown"),
    [
        ("published", None, "done"),
        ("replaced", None, "done, replaced since"),
        ("packaged", None, "set aside: the title changed meanwhile"),
        ("encoding", None, "asked"),
        ("encoding", ("RUNNING", {}), "running"),
        ("encoding", ("RUNNING", {"start_at": "2026-11-22T04:00:00Z"}), "running"),
        ("encoding", ("RUNNING", {"start_at": in_an_hour()}), "waits until"),
        ("encoding", ("SUCCEEDED", {}), "running"),
        ("encoding", ("FAILED", {}), "failed"),
        ("encoding", ("TIMED_OUT", {}), "failed"),
    ],
)
def test_how_far_a_campaign_is_is_what_the_catalog_and_the_workflow_say(platform, marquee, state, execution, shown):
    entry = {"title_id": "film", "replaces": FIRST, "at": "2026-11-22T12:00:00Z", "by": OPERATOR}
    platform.answer = {
        "campaign": "spring",
        "versions": [entry | {"version_id": ANEW, "state": state}, entry | {"version_id": OTHER, "state": "published"}],
    }
    if execution:
        platform.states.found[ANEW] = execution
    said = marquee("campaign", "show", "spring")
    assert said.exit_code == 0
    assert f"film │ {shown}" in said.output
    assert f"1 {shown}" in said.output or shown == "done"


@pytest.mark.parametrize(
    ("tried", "shown"),
    [
        (["FAILED", "RUNNING"], "running"),
        (["FAILED", "SUCCEEDED"], "running"),
        (["FAILED", "ABORTED", "RUNNING"], "running"),
        (["FAILED", "FAILED"], "failed"),
    ],
)
def test_of_an_encode_that_was_tried_again_the_last_execution_counts(platform, marquee, tried, shown):
    names = [execution_name(ANEW, attempt=attempt) for attempt, _ in enumerate(tried, start=1)]
    # Another version's is newer still.
    platform.states.found = {name: (status, {}) for name, status in zip(names, tried, strict=True)} | {
        OTHER: ("TIMED_OUT", {})
    }
    entry = {"title_id": "film", "replaces": FIRST, "at": "2026-11-22T12:00:00Z", "by": OPERATOR}
    platform.answer = {"campaign": "spring", "versions": [entry | {"version_id": ANEW, "state": "encoding"}]}
    assert f"1 {shown}" in marquee("campaign", "show", "spring").output


@pytest.mark.parametrize(
    "command",
    [("farm", "mode", "show"), ("campaign", "start", "spring", "film"), ("campaign", "show", "spring")],
    ids=" ".join,
)
def test_what_the_platform_refuses_is_told_in_one_line(platform, marquee, command):
    platform.error = ("UnknownCampaignError", "nobody has begun it")
    told = marquee(*command)
    assert told.exit_code == 1
    assert "nobody has begun it" in told.output
