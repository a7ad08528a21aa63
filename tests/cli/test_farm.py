"""What an operator sees of a title's jobs and their cost."""

import pytest

from tests.lambdas import samples

FIRST, SECOND = "v0000000000000001", "v0000000000000002"
ANEW = "c0000000000000001"
# As the catalog tells them: by their deliveries, the newest first. What a campaign made has the delivery of another.
ACCEPTED = {SECOND: "2026-11-23T12:00:00Z", FIRST: "2026-11-22T12:00:00Z"}
WITH_CAMPAIGN = {SECOND: ACCEPTED[SECOND], FIRST: ACCEPTED[FIRST], ANEW: "2026-11-23T12:00:00.500000Z"}
CHUNK, OTHER_CHUNK = "chunk/1080p/00000/5f0c1d2e3a4b5c6d", "chunk/1080p/00001/6f0c1d2e3a4b5c6d"
PACKAGE = "package/7f0c1d2e3a4b5c6d"
COMMANDS = [("cost",), ("jobs", "list"), ("jobs", "show", CHUNK), ("jobs", "logs", CHUNK)]


def attempt(token=1, **changes):
    return {
        "token": token,
        "outcome": "done",
        "started_at": "2026-11-22T12:00:00Z",
        "seen_at": "2026-11-22T12:01:40Z",
        "seconds": 100.0,
        "vcpu_seconds": 400.0,
        "capacity": "fargate-arm-spot",
        "batch_job": f"batch-{token}",
        "error": None,
    } | changes


def line(**changes):
    return {
        "stage": "encode",
        "rung": "1080p",
        "jobs": 2,
        "attempts": 3,
        "vcpu_seconds": 1234.56,
        "usd": 0.0123,
        "on_demand_usd": 0.03,
        "wasted_seconds": 77.7,
        "wasted_usd": 0.004,
    } | changes


@pytest.fixture
def told():
    """What the farm's function tells."""
    return {
        "version_id": FIRST,
        "jobs": [
            {
                "job": CHUNK,
                "state": "done",
                "token": 2,
                "attempts": [
                    attempt(outcome="interrupted", error="SystemExit: [143]", capacity="fargate-arm"),
                    attempt(2),
                ],
            },
            {"job": OTHER_CHUNK, "state": "done", "token": 1, "attempts": [attempt()]},
            {"job": PACKAGE, "state": "planned", "token": 0, "attempts": []},
        ],
        "cost": {
            "as_of": "2026-11-22",
            "lines": [line(), line(stage="package", rung=None, jobs=1, attempts=0, usd=0.0)],
            "usd": 0.0123,
            "on_demand_usd": 0.03,
            "saved_usd": 0.0177,
            "wasted_usd": 0.004,
            "wasted_seconds": 77.7,
            "vcpu_seconds": 1234.56,
        },
        "predicted": {"capacity": "fargate-arm-spot", "usd_low": 0.005, "usd_expected": 0.01, "lines": []},
        "cap": {"usd": 5.0, "said": []},
    }


class Batch:
    """Batch and CloudWatch Logs, as far as they are asked."""

    def __init__(self):
        self.container = {
            "logStreamName": "encoder/default/1",
            "logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": "the-group"}},
        }
        self.known, self.asked, self.pages = True, [], [["first", "second"], [], ["third"]]

    def describe_jobs(self, jobs):
        self.asked.append(jobs)
        return {"jobs": [{"status": "RUNNABLE", "container": self.container}] if self.known else []}

    def get_log_events(self, *, nextToken="0", **where):  # noqa: N803 - boto's name
        assert where == {"logGroupName": "the-group", "logStreamName": "encoder/default/1", "startFromHead": True}
        page = int(nextToken)
        events = self.pages[page] if page < len(self.pages) else []
        following = str(min(page + 1, len(self.pages)))
        return {"events": [{"message": text} for text in events], "nextForwardToken": following}


@pytest.fixture
def platform(main, monkeypatch, told):
    """The deployed functions, as they would answer; what they were called with is in `asked`."""
    from cli import farm  # noqa: PLC0415
    from sandbox.operating import OperationError  # noqa: PLC0415

    class Platform:
        current, versions, asked, error = FIRST, ACCEPTED, [], None
        batch = Batch()

        def operate(self, _, payload, *, context, output):
            self.asked = [*self.asked, (context, output, payload)]
            if context == "catalog":
                versions = [{"version_id": each, "accepted_at": at} for each, at in self.versions.items()]
                return {"current_version": self.current, "versions": versions}
            if self.error:
                raise OperationError(*self.error)
            match output:
                case "RetryFunction":
                    return {"version_id": payload["version_id"], "execution": f"{payload['version_id']}-2"}
                case "CapFunction":
                    return {"version_id": payload["version_id"], "usd": payload["usd"], "before": 5.0}
            return told

        def client(self, service):
            assert service in {"batch", "logs"}
            return self.batch

    running = Platform()
    running.batch = Batch()
    monkeypatch.setattr(farm.common, "platform", lambda: running)
    monkeypatch.setattr(farm, "operate", running.operate)
    monkeypatch.setattr(farm, "caller", lambda _: "arn:ops")
    return running


def ask(marquee, command, *more):
    """Run one of `COMMANDS` on the title."""
    words, rest = (command[:2], command[2:]) if command[0] == "jobs" else (command, ())
    return marquee(*words, samples.TITLE, *rest, *more)


def test_the_cost_is_shown_by_stage_and_rung_and_in_all(platform, marquee):
    result = marquee("cost", samples.TITLE)
    assert result.exit_code == 0, result.output
    for part in (
        "encode │ 1080p │ 2 │ 3 │ 1234.6 │ 0.012300 │ 77.7 │ 0.004000",
        "So far 1 of the 3 jobs that have begun are not done",
        "Total 0.012300 USD: 1234.6 vCPU-s, 3 jobs, 3 attempts",
        "Spot saved 0.017700 USD of 0.030000 on demand",
        "Retries wasted 0.004000 USD, 77.7 s",
        "Predicted 0.010000 USD on fargate-arm-spot (0.005000 if the film is easy); the total is 1.23 times what",
        "Cap 5 USD",
        "Prices of 2026-11-22",
    ):
        assert part in result.output


def test_a_cost_that_nobody_predicted_of_jobs_that_are_done(platform, marquee, told):
    told["predicted"] = None
    told["jobs"].pop()
    output = marquee("cost", samples.TITLE).output
    assert "Predicted nothing is known" in output
    assert "So far" not in output


@pytest.mark.parametrize(
    ("current", "given", "meant"), [(FIRST, None, FIRST), (None, None, SECOND), (FIRST, SECOND, SECOND)]
)
@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_the_version_is_the_current_one_or_the_newest_or_the_one_that_is_named(
    platform, marquee, command, current, given, meant
):
    platform.current = current
    result = ask(marquee, command, *(["--version", given] if given else []))
    assert result.exit_code == 0, result.output
    assert platform.asked == [
        ("catalog", "VersionsFunction", {"title_id": samples.TITLE}),
        ("encoding", "JobsFunction", {"version_id": meant}),
    ]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_what_cannot_be_told_is_said_with_its_remedy(platform, marquee, command):
    result = ask(marquee, command, "--version", "v-none")
    assert result.exit_code == 1
    assert f"UnknownVersionError: {samples.TITLE} has no version v-none: `marquee versions" in result.output
    platform.error = ("NotFoundError", "no job of version 'v' has begun")
    result = ask(marquee, command)
    assert result.exit_code == 1
    assert "NotFoundError: no job of version 'v' has begun" in result.output


def test_who_has_set_the_cap_is_shown_with_the_cost(platform, marquee, told):
    told["cap"] = {"usd": 7.5, "said": [{"by": "arn:ops", "reason": "[a] premiere"}, {"by": "arn:x", "reason": "y"}]}
    assert "Cap 7.5 USD, by arn:ops: [a] premiere" in marquee("cost", samples.TITLE).output


@pytest.mark.parametrize(("given", "meant"), [((), SECOND), (("--version", FIRST), FIRST)])
def test_the_newest_version_is_what_is_tried_again_and_whose_cap_is_raised(platform, marquee, given, meant):
    again = marquee("jobs", "retry", samples.TITLE, *given)
    assert again.exit_code == 0, again.output
    assert f"Version {meant} of {samples.TITLE} is encoded again: execution {meant}-2." in again.output
    assert platform.asked[-1] == ("encoding", "RetryFunction", {"version_id": meant, "by": "arn:ops"})
    raised = marquee("cap", "raise", samples.TITLE, "--to", "7.5", "--reason", "a premiere", *given)
    assert raised.exit_code == 0, raised.output
    assert f"Version {meant} of {samples.TITLE} may cost 7.5 USD; it was 5." in raised.output
    asked = {"version_id": meant, "usd": 7.5, "by": "arn:ops", "reason": "a premiere"}
    assert platform.asked[-1] == ("encoding", "CapFunction", asked)


@pytest.mark.parametrize("current", [FIRST, None])
def test_the_newest_version_is_the_one_that_was_accepted_last_whoever_asked_for_it(platform, marquee, current):
    platform.current, platform.versions = current, WITH_CAMPAIGN
    assert marquee("jobs", "retry", samples.TITLE).exit_code == 0
    assert marquee("cap", "raise", samples.TITLE, "--to", "7.5", "--reason", "a premiere").exit_code == 0
    assert marquee("jobs", "list", samples.TITLE).exit_code == 0
    meant = [payload["version_id"] for context, _, payload in platform.asked if context == "encoding"]
    assert meant == [ANEW, ANEW, current or ANEW]


def test_what_cannot_be_tried_again_is_said(platform, marquee):
    platform.error = ("StillRunningError", "version v1 is being encoded")
    result = marquee("jobs", "retry", samples.TITLE)
    assert result.exit_code == 1
    assert "StillRunningError: version v1 is being encoded" in result.output
    assert marquee("cap", "raise", samples.TITLE, "--to", "1").exit_code == 2  # without a reason


def test_jobs_are_listed_with_how_far_they_are(platform, marquee):
    result = marquee("jobs", "list", samples.TITLE)
    assert result.exit_code == 0, result.output
    assert f"│ {CHUNK} │ done │ 2 │ 200.0 │ fargate-arm-spot │" in result.output
    assert f"│ {PACKAGE} │ planned │ 0 │ 0.0 │ │ │" in result.output


def test_only_those_that_failed_are_listed_if_one_asks_for_them(platform, marquee, told):
    assert "None of 3 jobs" in marquee("jobs", "list", samples.TITLE, "--failed").output
    told["jobs"][1] |= {"state": "failed", "attempts": [attempt(outcome="failed", error="no [red]picture[/]")]}
    output = marquee("jobs", "list", samples.TITLE, "--failed").output
    assert OTHER_CHUNK in output
    assert "no [red]picture[/]" in output
    assert CHUNK not in output


@pytest.mark.parametrize("beginning", [CHUNK, "chunk/1080p/00000"])
def test_a_job_is_shown_with_every_attempt(platform, marquee, beginning):
    result = marquee("jobs", "show", samples.TITLE, beginning)
    assert result.exit_code == 0, result.output
    first = "1 │ interrupted │ 2026-11-22 12:00:00 │ 100.0 │ 400.0 │ fargate-arm │ batch-1 │ SystemExit: [143]"
    assert first in result.output
    assert "2 │ done │ 2026-11-22 12:00:00 │ 100.0 │ 400.0 │ fargate-arm-spot │ batch-2" in result.output


@pytest.mark.parametrize("command", ["show", "logs"])
def test_a_job_has_to_be_the_only_one_that_is_meant(platform, marquee, told, command):
    result = marquee("jobs", command, samples.TITLE, "chunk/")
    assert result.exit_code == 1
    assert f"2 jobs begin with chunk/: {CHUNK}, {OTHER_CHUNK}; say more of it" in result.output
    result = marquee("jobs", command, samples.TITLE, "nothing")
    assert result.exit_code == 1
    assert f"`marquee jobs list {samples.TITLE}`" in result.output
    told["jobs"].append({**told["jobs"][0], "job": f"{CHUNK}0"})
    assert marquee("jobs", command, samples.TITLE, CHUNK).exit_code == 0


def test_the_log_of_the_last_attempt_is_printed_to_its_end(platform, marquee):
    result = marquee("jobs", "logs", samples.TITLE, CHUNK)
    assert result.exit_code == 0, result.output
    assert result.stdout == "first\nsecond\nthird\n"
    assert platform.batch.asked == [["batch-2"]]


def test_a_log_that_is_not_there_is_told(platform, marquee):
    begun = marquee("jobs", "logs", samples.TITLE, "package/")
    platform.batch.container = {}
    written = marquee("jobs", "logs", samples.TITLE, CHUNK)
    platform.batch.known = False
    kept = marquee("jobs", "logs", samples.TITLE, CHUNK)
    assert [result.exit_code for result in (begun, written, kept)] == [1, 1, 1]
    assert f"NoLogError: nobody has begun {PACKAGE}" in begun.output
    assert "is RUNNABLE: it has no log yet" in written.output
    assert "AWS Batch has forgotten the job batch-2" in kept.output
