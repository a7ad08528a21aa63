"""A title that costs more than it may, and one that is late: what the farm does by itself, and what people do."""

from datetime import UTC, datetime, timedelta

import pytest

pytestmark = pytest.mark.embedded

CAPPED = "capped"
LATE = "v0000000000001a7e"


@pytest.fixture(scope="module")
def stopped(platform, clips, tmp_path_factory):
    """The execution of a delivery whose cap was set below what its encode should cost, before it was accepted."""
    from tests.platform.studio import FEATURE, manifest_of, send  # noqa: PLC0415

    files, folder = {FEATURE: clips.short}, tmp_path_factory.mktemp(CAPPED)
    delivery = send(platform.up, name=CAPPED, files=files, manifest=manifest_of(CAPPED, files), folder=folder)
    version = platform.version_of(delivery)
    cap = {"version_id": version, "usd": 0.000001, "by": "the test", "reason": "to see it stop"}
    assert platform.invoke("encoding", "RaiseCap", cap)["before"] > cap["usd"]
    return platform.ended("encoding", version)


@pytest.fixture(scope="module")
def late(platform, stopped):
    """The same film as a version of its own, delivered two days ago; it is encoded while the others are looked at."""
    accepted = platform.bus.event("SourceAccepted", version_id=stopped["name"])
    due = {"version_id": LATE, "delivered_at": (datetime.now(UTC) - timedelta(days=2)).isoformat()}
    platform.announce({"source": "marquee.ingestion", "detail-type": "SourceAccepted", "detail": accepted | due})


@pytest.mark.usefixtures("late")
def test_a_title_that_would_cost_more_than_it_may_is_stopped_before_any_job(platform, stopped):
    version = stopped["name"]
    assert (stopped["status"], stopped["error"]) == ("FAILED", "CostCapError")
    assert "Search the ladder" not in platform.way(stopped)
    assert platform.jobs(f"{version}-*") == []
    assert platform.claims(version) == {}
    assert platform.bus.events("EncodingStarted", version_id=version) == []
    letter = platform.letters.event("PipelineFailed", version_id=version)
    assert (letter["pipeline"], letter["error"], letter["delivery_id"]) == ("encoding", "CostCapError", CAPPED)
    from tests.platform.running import Mailbox  # noqa: PLC0415

    url = platform.resource("encoding", "FailedJobs", kind="AWS::SQS::Queue")
    evidence = Mailbox(platform.client("sqs"), url=url)
    kept = evidence.first(lambda message: message["version_id"] == version, what="the evidence")
    assert f"marquee cap raise {CAPPED} --version {version} --to" in kept["cause"]
    assert f"marquee jobs retry {CAPPED} --version {version}" in kept["remedy"]


def test_the_operator_sees_what_it_would_cost_and_what_it_may(platform, stopped, marquee):
    result = marquee("cost", CAPPED, "--version", stopped["name"])
    assert result.exit_code == 0, result.output
    assert "Cap 1e-06 USD, by the test: to see it stop" in " ".join(result.output.split())
    assert platform.invoke("encoding", "ListJobs", {"version_id": stopped["name"]})["predicted"]["usd_expected"] > 1e-6


def test_raised_and_tried_again_it_is_encoded(platform, stopped, marquee):
    version = stopped["name"]
    raised = marquee("cap", "raise", CAPPED, "--to", "1.50", "--reason", "it is only a clip", "--version", version)
    assert raised.exit_code == 0, raised.output
    again = marquee("jobs", "retry", CAPPED, "--version", version)
    assert again.exit_code == 0, again.output
    assert f"execution {version}-2" in again.output
    refused = marquee("jobs", "retry", CAPPED, "--version", version)
    assert refused.exit_code == 1
    assert platform.ended("encoding", f"{version}-2")["status"] == "SUCCEEDED"
    assert "StillRunningError" in refused.output
    platform.letters.event("TitlePublished", version_id=version)
    over = marquee("jobs", "retry", CAPPED, "--version", version)
    assert "AlreadyEncodedError" in over.output


@pytest.mark.usefixtures("late")
def test_a_title_that_is_late_waits_for_no_spot_and_is_paid_for_on_demand(platform):
    assert platform.ended("encoding", LATE)["status"] == "SUCCEEDED"
    claims = platform.claims(LATE)
    sizes = {(each.worker.vcpus, each.worker.memory_mib) for claim in claims.values() for each in claim.attempts}
    assert sizes == {(1, 4096)}
    assert {attempt.worker.capacity for claim in claims.values() for attempt in claim.attempts} == {"fargate-arm"}
    batch, name = platform.client("batch"), [{"name": "JOB_NAME", "values": [f"{LATE}-*"]}]
    queued = {
        output: len(batch.list_jobs(jobQueue=platform.output("encoding", output), filters=name)["jobSummaryList"])
        for output in ("JobQueueArn", "OnDemandQueueArn")
    }
    assert queued == {"JobQueueArn": 0, "OnDemandQueueArn": len(claims)}
