"""Spot machines taken away: SIGTERM with the notice, SIGKILL at its end, and another attempt of the same job."""

import sys

import pytest

from lambdas.encoding.claims import JobState, Outcome
from lambdas.encoding.job_store import JobStore
from sandbox.cloud import NotOnSpotError
from tests.sandbox.batch.resources import WAIT, definition, environment, queue

pytestmark = pytest.mark.embedded

RECLAIMS = {
    "attempts": 3,
    "evaluateOnExit": [
        {"onStatusReason": "Your Spot Task was interrupted*", "action": "RETRY"},
        {"onStatusReason": "Host EC2*", "action": "RETRY"},
        {"onExitCode": "*", "action": "EXIT"},
    ],
}
# The first attempt says that it was told, and ends as the encoder does; the second is let through.
_TOLD = f"trap 'echo told; exit 75' TERM; test $AWS_BATCH_JOB_ATTEMPT = 2 || {{ {WAIT}; }}"
_DEAF = f"trap '' TERM; test $AWS_BATCH_JOB_ATTEMPT = 2 || {{ {WAIT}; wait; }}"


@pytest.fixture(scope="module")
def farm(deploy):
    resources = {
        "SpotHosts": environment("SPOT", 16),
        "SpotTasks": environment("FARGATE_SPOT", 16),
        "OnDemand": environment("FARGATE", 16),
        "Hosts": queue("SpotHosts"),
        "Tasks": queue("SpotTasks"),
        "Safe": queue("OnDemand"),
        "Definition": definition(),
    }
    return deploy(resources, {name: {"Ref": name} for name in resources if name not in {"SpotHosts", "OnDemand"}})


@pytest.mark.parametrize(
    ("capacity", "reason"),
    [("Hosts", "Host EC2 (instance i-"), ("Tasks", "Your Spot Task was interrupted.")],
)
def test_a_reclaimed_job_is_told_and_tried_again(cloud, submit, running, ended, log_of, capacity, reason):
    job_id = submit(_TOLD, queue=capacity, retryStrategy=RECLAIMS)
    running(job_id)
    assert cloud.reclaim(job=job_id) == [job_id]
    detail = ended(job_id)
    assert detail["status"] == "SUCCEEDED"
    first, second = detail["attempts"]
    # The reason is the machine's, whatever the process ended with.
    assert first["container"]["exitCode"] == 75
    assert first["statusReason"].startswith(reason)
    assert log_of(detail, attempt=0) == ["told"]
    assert second["container"]["exitCode"] == 0


def test_who_does_not_listen_is_killed_when_the_notice_is_over(cloud, submit, running, ended):
    job_id = submit(_DEAF, queue="Tasks", retryStrategy=RECLAIMS)
    running(job_id)
    cloud.reclaim(job=job_id, notice_s=0.5)
    first, _ = ended(job_id)["attempts"]
    assert first["container"]["exitCode"] == 137
    assert first["statusReason"] == "Your Spot Task was interrupted."


def test_every_reclaim_is_one_of_the_attempts(cloud, submit, running, ended):
    job_id = submit(WAIT, queue="Tasks", retryStrategy=RECLAIMS | {"attempts": 1})
    running(job_id)
    cloud.reclaim(job=job_id)
    detail = ended(job_id)
    assert (detail["status"], detail["statusReason"]) == ("FAILED", "Your Spot Task was interrupted.")
    assert len(detail["attempts"]) == 1


def test_as_many_as_are_wanted_are_taken_the_oldest_first(cloud, submit, running, ended, job):
    ids = [submit(WAIT, queue="Tasks", retryStrategy={"attempts": 1}) for _ in range(3)]
    for job_id in ids:
        running(job_id)
    oldest = sorted(ids, key=lambda job_id: job(job_id)["startedAt"])
    assert cloud.reclaim(count=2) == oldest[:2]
    assert [ended(job_id)["status"] for job_id in oldest[:2]] == ["FAILED"] * 2
    assert cloud.reclaim(count=5) == oldest[2:]
    ended(oldest[2])
    assert cloud.reclaim() == []


def test_nothing_is_taken_away_on_demand(aws, cloud, submit, running, ended):
    job_id = submit(WAIT, queue="Safe")
    running(job_id)
    with pytest.raises(NotOnSpotError, match=job_id):
        cloud.reclaim(job=job_id)
    assert cloud.reclaim(count=9) == []
    aws("batch").terminate_job(jobId=job_id, reason="done")
    ended(job_id)


# A task of the encoder: claims, stops and errors are its own, and only the work is not.
_TASK = """
import os, signal, time
from pathlib import Path
from encoder.__main__ import _interrupt
from encoder.claims import Claims
from encoder.storage import ObjectStore
from lambdas.common.media import ObjectRef

def make(folder):
    if os.environ["AWS_BATCH_JOB_ATTEMPT"] == "1":
        Path(os.environ["TMPDIR"], "pid").write_text(str(os.getpid()))
        time.sleep(600)
    result = folder / "result.json"
    result.write_text("{}")
    return result

signal.signal(signal.SIGTERM, _interrupt)
store = ObjectStore.connect()
Claims.connect(store=store).once(
    version_id="v1",
    job="job",
    target=ObjectRef(bucket="reclaimed", key="target"),
    attempt=lambda token: ObjectRef(bucket="reclaimed", key=f"attempts/{token}"),
    make=make,
)
"""


def test_the_encoder_frees_its_claim_and_the_next_attempt_need_not_wait(
    aws, farm, cloud, submit, running, ended, tmp_path
):
    keys = {"version_id": "HASH", "job": "RANGE"}
    aws("dynamodb").create_table(
        TableName="reclaimed",
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": name, "KeyType": kind} for name, kind in keys.items()],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in keys],
    )
    aws("s3").create_bucket(Bucket="reclaimed")
    task = tmp_path / "task.py"
    task.write_text(_TASK)
    described = {
        "ENCODER_JOBS_TABLE": "reclaimed",
        "ENCODER_VCPUS": "1",
        "ENCODER_MEMORY_MIB": "512",
        "ENCODER_CAPACITY": "fargate-arm",
        "ENCODER_SPOT_ENVIRONMENT": farm["SpotTasks"],
        "PYTHONPATH": ".",
    }
    job_id = submit(
        f'exec "{sys.executable}" "{task}"',
        queue="Tasks",
        retryStrategy=RECLAIMS,
        overrides={"environment": [{"name": name, "value": value} for name, value in described.items()]},
    )
    running(job_id)
    cloud.reclaim(job=job_id, notice_s=10)
    detail = ended(job_id)
    assert detail["status"] == "SUCCEEDED"
    first, second = detail["attempts"]
    assert (first["container"]["exitCode"], first["statusReason"]) == (75, "Your Spot Task was interrupted.")
    record = JobStore("reclaimed", dynamodb=aws("dynamodb")).get("v1", "job")
    assert [attempt.outcome for attempt in record.attempts] == [Outcome.INTERRUPTED, Outcome.DONE]
    assert (record.state, record.token) == (JobState.DONE, 2)
    # Not before the lease of a minute was over, had it not been given up.
    assert second["stoppedAt"] - first["stoppedAt"] < 30_000
    assert {attempt.worker.capacity for attempt in record.attempts} == {"fargate-arm-spot"}
