"""How an operator follows an encode."""

import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from tests.lambdas import samples

PUBLISHED, NEW = "v0000000000000001", "v0000000000000002"


def counts(total, done=0, running=0, failed=0):
    return {"total": total, "done": done, "running": running, "failed": failed}


def line(stage, rung, jobs, attempts=0):
    return {"stage": stage, "rung": rung, "jobs": jobs, "attempts": attempts}


def told(*, done=4, running=2, failed=1, usd=0.0123, **changes):
    """What the farm tells of a version whose 8 chunks are being encoded."""
    chunks = counts(8, done, running, failed)
    return {
        "version_id": NEW,
        "jobs": [],
        "progress": {
            "lines": [
                line("encode", "1080p", chunks, attempts=9),
                line("package", None, counts(1, 1 if done == 8 else 0)),
            ],
            "jobs": chunks | {"total": 9, "done": done + (done == 8)},
            "chunks": chunks,
            "eta": (datetime.now(UTC) + timedelta(minutes=12)).isoformat() if done < 8 else None,
        },
        "queue": {"waiting": 5, "running": 8},
        "cost": {"usd": usd},
        "predicted": {"usd_expected": 0.02},
    } | changes


def execution(version, status="RUNNING", title=samples.TITLE, number=1):
    name = version if number == 1 else f"{version}-{number}"
    return {"executionArn": f"arn:{name}", "name": name, "status": status, "title": title, "version_id": version}


class States:
    """Step Functions: each description of an execution is the next of its statuses, and the last one stays."""

    def __init__(self, executions):
        self.executions, self.statuses, self.error = executions, {}, None

    def get_paginator(self, operation):
        assert operation == "list_executions"
        return SimpleNamespace(paginate=lambda **_: [{"executions": self.executions}])

    def describe_execution(self, executionArn):  # noqa: N803
        [found] = [each for each in self.executions if each["executionArn"] == executionArn]
        following = self.statuses.get(executionArn, [])
        given = {"version_id": found["version_id"], "title": {"title_id": found["title"]}}
        status = following.pop(0) if following else found["status"]
        return {"status": status, "input": json.dumps(given)} | ({"error": self.error} if self.error else {})


@pytest.fixture
def platform(main, monkeypatch):
    """The platform, an encode that is going on, and what the farm tells of it, one look after the other."""
    from cli import farm, watching  # noqa: PLC0415
    from sandbox.operating import OperationError  # noqa: PLC0415

    class Platform:
        def __init__(self):
            self.states = States([execution(NEW)])
            # While it is looked for, its first status is read as well.
            self.states.statuses = {f"arn:{NEW}": ["RUNNING", "RUNNING", "SUCCEEDED"]}
            self.looks, self.asked = [told(), told(done=8, running=0, failed=0)], []
            self.known = {"current_version": PUBLISHED, "versions": [{"version_id": PUBLISHED}]}

        def output(self, context, key):
            assert (context, key) == ("encoding", "WorkflowArn")
            return "arn:workflow"

        def client(self, service):
            assert service == "stepfunctions"
            return self.states

        def operate(self, _, payload, *, context, output):
            if context == "catalog":
                if self.known is None:
                    raise OperationError("NotFoundError", "there is no such title")
                return self.known
            assert output == "JobsFunction"
            self.asked = [*self.asked, payload["version_id"]]
            look = self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]
            if isinstance(look, str):
                raise OperationError(look, "it says why")
            return look

    running = Platform()
    monkeypatch.setattr(watching.common, "platform", lambda: running)
    monkeypatch.setattr(watching, "operate", running.operate)
    monkeypatch.setattr(farm, "operate", running.operate)
    monkeypatch.setattr(watching, "_EVERY_S", 0)
    return running


def test_the_encode_that_is_going_on_is_followed_until_it_is_packaged(platform, marquee):
    result = marquee("watch", samples.TITLE)
    assert result.exit_code == 0, result.output
    assert platform.asked == [NEW, NEW]
    assert "4 of 8 chunks, 4 of 9 jobs, 2 at work, 1 failed; 0.012300 USD" in result.output
    assert "8 of 8 chunks, 9 of 9 jobs, 0 at work, 0 failed" in result.output
    assert result.output.endswith(f"Version {NEW} is packaged.")


def test_where_nobody_looks_on_only_what_has_changed_is_a_line(platform, marquee):
    platform.states.statuses = {f"arn:{NEW}": ["RUNNING"] * 5 + ["SUCCEEDED"]}
    platform.looks = [told()]
    assert marquee("watch", samples.TITLE).output.count("4 of 8 chunks") == 1
    assert len(platform.asked) == 5


@pytest.mark.parametrize("status", ["FAILED", "TIMED_OUT", "ABORTED"])
def test_an_encode_that_fails_is_told_with_the_next_step(platform, marquee, status):
    platform.states.statuses = {f"arn:{NEW}": ["RUNNING", status]}
    platform.states.error = "JobFailedError"
    result = marquee("watch", samples.TITLE)
    assert result.exit_code == 1
    assert f"version {NEW} has ended: {status}, JobFailedError" in result.output
    assert f"`marquee jobs list {samples.TITLE} --version {NEW} --failed`" in result.output


def test_a_version_that_is_not_planned_yet_is_waited_for(platform, marquee):
    platform.looks = ["NotFoundError", told(done=8, running=0, failed=0)]
    result = marquee("watch", samples.TITLE, "--version", NEW)
    assert result.exit_code == 0, result.output
    assert "not planned yet" in result.output
    assert "8 of 8 chunks" in result.output


def test_other_titles_and_what_is_over_are_passed_over(platform, marquee):
    platform.states.executions = [
        execution("v0000000000000009", title="another"),
        execution(NEW, number=2),
        execution(NEW, "FAILED"),
        execution(PUBLISHED, "SUCCEEDED"),
    ]
    platform.states.statuses = {f"arn:{NEW}-2": ["RUNNING", "SUCCEEDED"]}
    assert marquee("watch", samples.TITLE).exit_code == 0
    assert platform.asked == [NEW]


@pytest.mark.parametrize("remembered", [True, False])
def test_without_an_encode_the_current_version_is_shown_once(platform, marquee, remembered):
    platform.states.executions = [execution(PUBLISHED, "SUCCEEDED")] if remembered else []
    platform.looks = [told(progress=None, jobs=[{}] * 9)]
    result = marquee("watch", samples.TITLE)
    assert result.exit_code == 0, result.output
    assert platform.asked == [PUBLISHED]
    assert "9 jobs; 0.012300 USD" in result.output


def test_what_does_not_exist_is_refused(platform, marquee):
    platform.states.executions = []
    result = marquee("watch", samples.TITLE, "--version", NEW)
    assert (result.exit_code, f"`marquee versions {samples.TITLE}`" in result.output) == (1, True)
    platform.known = None
    result = marquee("watch", "nothing")
    assert (result.exit_code, "there is no such title" in result.output) == (1, True)


def test_another_titles_version_is_not_this_ones(platform, marquee):
    platform.states.executions = [execution(NEW, title="another")]
    assert marquee("watch", samples.TITLE, "--version", NEW).exit_code == 1
    assert platform.asked == []


def test_an_error_of_the_farm_ends_it(platform, marquee):
    platform.looks = ["TransientError"]
    result = marquee("watch", samples.TITLE)
    assert (result.exit_code, "it says why" in result.output) == (1, True)


def test_ctrl_c_ends_it_without_a_word(platform, marquee, monkeypatch):
    from cli import watching  # noqa: PLC0415

    def interrupt(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(watching.time, "sleep", interrupt)
    result = marquee("watch", samples.TITLE)
    assert result.exit_code == 130
    assert "packaged" not in result.output
    assert "Traceback" not in result.output


def test_on_a_terminal_every_stage_has_a_bar(platform, marquee, main, monkeypatch):
    monkeypatch.setattr(main.console, "_force_terminal", True)
    monkeypatch.setattr(main.console, "is_interactive", True)
    monkeypatch.setenv("TERM", "xterm")
    result = marquee("watch", samples.TITLE)
    assert result.exit_code == 0, result.output
    for text in (
        "1080p",
        "━━━",
        "4/8",
        "8/8",
        "4 of 8 chunks",
        "so far, 0.020000 expected in all",
        "5 jobs wait, 8 are at work",
    ):
        assert text in result.output, text
    assert "in about 12 min, at " in result.output
    assert "all jobs are done" in result.output


def test_what_little_there_is_can_be_seen_and_the_bar_stays_as_long_as_it_is():
    from cli.watching import _BAR, _bar  # noqa: PLC0415

    for jobs in (counts(1000, 0, 1, 1), counts(1000, 998, 1, 1), counts(3, 3), counts(7, 2, 3, 2), counts(4)):
        bar = _bar(jobs)
        assert len(bar.plain) == _BAR
        styles = {str(span.style) for span in bar.spans if span.end > span.start}
        colours = {"done": "green", "running": "yellow", "failed": "red"}
        assert {colours[part] for part in colours if jobs[part]} <= styles, jobs
