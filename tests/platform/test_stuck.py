"""A worker that hangs: the watch ends its job, the workflow tries it again, and the version is finished."""

import os
import signal
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from lambdas.encoding.claims import JobState, Outcome
from lambdas.encoding.job_store import JobStore
from lambdas.encoding.retries import STUCK_REASON
from sandbox.workers import Workers, command_of, parent_of
from tests.platform.waiting import eventually

pytestmark = pytest.mark.embedded

TITLE = "worker-hangs"
MINUTES = 15
"""A worker that is not heard of is stuck after ten."""


def _aged(record):
    """The record of a job as it would be, had nobody touched it for a while."""
    *before, last = record.attempts
    past = timedelta(minutes=MINUTES)
    since = {"started_at": last.started_at - past, "seen_at": last.seen_at - past}
    return record.model_copy(
        update={"lease_until": record.lease_until - past, "attempts": (*before, last.model_copy(update=since))}
    )


@pytest.fixture(scope="module")
def frozen(platform, clips, tmp_path_factory):
    """A chunk's worker that is stopped with all that it started, a quarter of an hour ago; and what is told of it."""
    from tests.platform.studio import FEATURE, manifest_of, send  # noqa: PLC0415

    if not Path("/proc").is_dir():
        pytest.skip("needs /proc to find the jobs' processes")
    files = {FEATURE: clips.whole}
    folder = tmp_path_factory.mktemp("stuck")
    delivery = send(platform.up, name=TITLE, files=files, manifest=manifest_of(TITLE, files), folder=folder)
    version = platform.version_of(delivery)
    workers = Workers(platform.work_dir / "cloud")

    def freeze():
        """Stop one that encodes, and has claimed what it encodes; return its command."""
        tools = [pid for pid in workers.tools(version, task="encode-chunk") if "libx264" in command_of(pid)]
        for worker in filter(None, map(parent_of, tools)):
            command = workers.command(worker)
            try:
                # A job is a process group of its own.
                os.killpg(worker, signal.SIGSTOP)
            except ProcessLookupError:
                continue
            return command
        return None

    command = eventually(freeze, waiting_for=f"an encoder of {version}", every=0.01)
    rung, chunk = (command[command.index(option) + 1] for option in ("--rung", "--chunk"))
    name = f"{version}-{rung}-chunk-{chunk}"
    place = f"chunk/{rung}/{int(chunk):05d}"
    claimed = platform.claims(version)[place]
    platform.up.cloud.age_jobs(name, minutes=MINUTES)
    records = JobStore(platform.output("encoding", "JobsTable"), dynamodb=platform.client("dynamodb"))
    records.change(version, claimed.job, _aged)
    told = platform.invoke("encoding", "DescribeFarm", {"version_id": version, "job": place})
    platform.invoke("encoding", "WatchFarm", {})
    return SimpleNamespace(version=version, name=name, place=place, told=told)


def test_before_it_is_ended_an_operator_is_told_that_it_hangs(frozen):
    stuck = {job["name"]: job for queue in frozen.told["queues"] for job in queue["stuck"]}
    assert stuck[frozen.name]["kind"] == "silent"
    assert "It is stuck (silent): its worker was last heard of" in frozen.told["explained"]["text"]


def test_its_job_is_ended_and_another_one_does_its_work(platform, frozen):
    assert platform.ended("encoding", frozen.version)["status"] == "SUCCEEDED"
    first, second = platform.jobs(frozen.name)
    assert first["isTerminated"]
    assert first["statusReason"].startswith(f"{STUCK_REASON}: its worker was last heard of")
    assert second["container"]["exitCode"] == os.EX_OK
    record = platform.claims(frozen.version)[frozen.place]
    assert [attempt.outcome for attempt in record.attempts] == [Outcome.LOST, Outcome.DONE]
    assert [attempt.worker.batch_job for attempt in record.attempts] == [first["jobId"], second["jobId"]]
    assert (record.state, record.token) == (JobState.DONE, 2)


def test_nobody_else_is_ended(platform, frozen):
    """What works is heard of, and what waits has a turn."""
    records = platform.claims(frozen.version)
    assert [place for place, record in records.items() if len(record.attempts) > 1] == [frozen.place]


def test_afterwards_the_queue_is_in_order_and_the_job_is_explained(platform, frozen, marquee):
    platform.ended("encoding", frozen.version)
    shown = marquee("queue")
    assert shown.exit_code == 0, shown.output
    assert frozen.name not in shown.output
    explained = marquee("jobs", "explain", TITLE, frozen.place, "--version", frozen.version)
    assert explained.exit_code == 0, explained.output
    assert "It is done at attempt 2" in " ".join(explained.output.split())
