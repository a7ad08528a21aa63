"""What an operator sees of the farm's queues, and of one job in them."""

import pytest

from tests.lambdas import samples

CHUNK = "chunk/1080p/00003/5f0c1d2e3a4b5c6d"


def queue(**changes):
    return {
        "queue": "encoding",
        "waiting": 53,
        "running": 8,
        "oldest_wait_s": 600.0,
        "job_s": 45.0,
        "per_hour": 640.0,
        "drain_s": 9000.0,
        "complete": True,
        "stuck": [],
    } | changes


IDLE = queue(queue="inspection", waiting=0, running=0, oldest_wait_s=0.0, job_s=None, per_hour=None, drain_s=0.0)
STUCK = {
    "job_id": "1",
    "name": f"{samples.VERSION}-1080p-chunk-3",
    "queue": "encoding",
    "kind": "silent",
    "seconds": 700.0,
    "why": "its worker was last heard of [long] ago",
}


@pytest.fixture
def platform(main, monkeypatch):
    """The deployed functions, as they would answer."""
    from cli import farm  # noqa: PLC0415
    from cli import queue as command  # noqa: PLC0415
    from sandbox.operating import OperationError  # noqa: PLC0415

    class Platform:
        answer, error, asked = {"queues": [IDLE, queue()], "unread": [], "not_judged": 0}, None, []

        def operate(self, _, payload, *, context, output):
            self.asked = [*self.asked, (context, output, payload)]
            if self.error:
                raise OperationError(*self.error)
            if context == "catalog":
                return {"current_version": samples.VERSION, "versions": [{"version_id": samples.VERSION}]}
            return self.answer

    running = Platform()
    monkeypatch.setattr(main.common, "platform", lambda: running)
    for module in (farm, command):
        monkeypatch.setattr(module, "operate", running.operate)
    return running


def test_every_queue_is_shown_with_what_waits_and_when_it_is_done(platform, marquee):
    result = marquee("queue")
    assert result.exit_code == 0, result.output
    assert "encoding │ 53 │ 8 │ 10 min │ 45 s │ 640 │ 2.5 h │ 0 │" in result.output
    assert "inspection │ 0 │ 0 │ │ ? │ │ 0 s │ 0 │" in result.output
    assert "Stuck" not in result.output
    assert platform.asked == [("encoding", "FarmFunction", {})]


def test_what_is_stuck_is_shown_with_its_reason(platform, marquee):
    platform.answer = {"queues": [queue(stuck=[STUCK])], "unread": [], "not_judged": 0}
    output = marquee("queue").output
    assert f"{STUCK['name']} │ encoding │ silent │ 12 min │ its worker was last heard of [long] ago" in output


def test_what_is_not_known_is_said(platform, marquee):
    platform.answer = {"queues": [queue(complete=False, drain_s=None)], "unread": [samples.VERSION], "not_judged": 7}
    output = marquee("queue").output
    assert "encoding │ 53+ │ 8+ │ 10 min │ 45 s │ 640 │ ? │" in output
    assert f"The claims of {samples.VERSION} could not be read" in output
    assert "The claims of 7 more versions were not looked up" in output


@pytest.mark.parametrize("command", [("queue",), ("jobs", "explain", samples.TITLE, CHUNK)], ids=" ".join)
def test_what_cannot_be_told_is_said_in_one_line(platform, marquee, command):
    platform.error = ("TransientError", "AWS Batch is away")
    result = marquee(*command)
    assert result.exit_code == 1
    assert "TransientError: AWS Batch is away" in result.output


def test_a_job_is_explained_with_where_to_look(platform, marquee):
    platform.answer["explained"] = {"job": CHUNK, "text": "It waits [for] a machine.", "evidence": ["log: stream [x]"]}
    result = marquee("jobs", "explain", samples.TITLE, "chunk/")
    assert result.exit_code == 0, result.output
    assert f"{CHUNK}: It waits [for] a machine. - log: stream [x]" in result.output
    assert platform.asked[-1] == ("encoding", "FarmFunction", {"version_id": samples.VERSION, "job": "chunk/"})
