"""What an operator is told of a film's jobs, by the command and the deployed function."""

import json

import pytest

from tests.platform.viewer import TITLE

pytestmark = pytest.mark.embedded


@pytest.fixture(scope="module")
def told(platform, published):
    """The function's answer on the published version."""
    return platform.invoke("encoding", "ListJobs", {"version_id": published.outcome.version_id})


def test_every_job_was_done_at_its_first_attempt_on_what_was_planned_for(platform, published, told):
    records = platform.claims(published.outcome.version_id)
    assert [job["job"] for job in told["jobs"]] == [record.job for record in records.values()]
    for job in told["jobs"]:
        [attempt] = job["attempts"]
        assert (job["state"], attempt["outcome"], attempt["error"]) == ("done", "done", None), job
        assert attempt["capacity"] == told["predicted"]["capacity"]
    assert sum(line["jobs"] for line in told["predicted"]["lines"]) == len(told["jobs"])
    assert (published.spent.jobs, published.spent.attempts) == (len(told["jobs"]), len(told["jobs"]))
    assert published.spent.usd == told["cost"]["usd"] > 0
    assert told["cost"]["wasted_usd"] == 0


def test_the_cost_is_shown(told, marquee):
    result = marquee("cost", TITLE)
    assert result.exit_code == 0, result.output
    print(result.output)  # noqa: T201 - to be read with -s
    cost = told["cost"]
    shown = " ".join(result.output.split())
    for stage in ("search", "encode", "audio", "join", "score", "package", "verify"):
        assert stage in shown
    jobs = len(told["jobs"])
    assert f"Total {cost['usd']:.6f} USD: {cost['vcpu_seconds']:.1f} vCPU-s, {jobs} jobs, {jobs} attempts" in shown
    assert f"saved {cost['saved_usd']:.6f} USD" in shown
    assert f"{cost['usd'] / told['predicted']['usd_expected']:.2f} times" in shown
    assert "So far" not in shown


def test_the_jobs_are_listed_and_shown(told, marquee):
    listed = marquee("jobs", "list", TITLE)
    assert listed.exit_code == 0, listed.output
    for job in told["jobs"]:
        assert job["job"] in listed.output
    assert f"None of {len(told['jobs'])} jobs" in marquee("jobs", "list", TITLE, "--failed").output
    shown = marquee("jobs", "show", TITLE, "audio/")
    assert shown.exit_code == 0, shown.output
    [sound] = [job for job in told["jobs"] if job["job"].startswith("audio/")]
    assert sound["job"] in shown.output
    assert sound["attempts"][0]["batch_job"] in shown.output


def test_an_encode_that_is_over_is_shown_once(told, marquee):
    watched = marquee("watch", TITLE)
    assert watched.exit_code == 0, watched.output
    jobs = len(told["jobs"])
    assert f"{jobs} of {jobs} jobs, 0 at work, 0 failed; {told['cost']['usd']:.6f} USD" in watched.output
    assert f"Version {told['version_id']} is packaged." in watched.output


def test_the_log_of_a_job_says_that_its_result_counts(told, marquee):
    result = marquee("jobs", "logs", TITLE, "audio/")
    assert result.exit_code == 0, result.output
    [sound] = [job for job in told["jobs"] if job["job"].startswith("audio/")]
    lines = [json.loads(line) for line in result.stdout.splitlines() if line.startswith("{")]
    [committed] = [line for line in lines if line["message"] == "committed"]
    assert committed["job"] == sound["job"]


def test_what_does_not_exist_is_refused_with_the_remedy(published, marquee):
    result = marquee("cost", TITLE, "--version", "v-none")
    assert result.exit_code == 1
    assert f"`marquee versions {TITLE}`" in " ".join(result.output.split())
