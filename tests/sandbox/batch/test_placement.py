"""Where jobs run, in which order, and why one does not: priorities, environments, "Jobs stuck in a RUNNABLE status"."""

import time

import pytest
from botocore.exceptions import ClientError

pytest.importorskip("ministack", reason="needs requirements-sandbox.txt: the embedded cloud")

from lambdas.encoding.retries import FailureKind, cause_of
from sandbox.extension.batch.capacity import Environment, QueueLimits, host
from sandbox.extension.batch.job import Job
from sandbox.extension.batch.scheduler import Scheduler
from sandbox.extension.workspace import Workspace
from tests.sandbox.batch.resources import WAIT, definition, environment, queue

pytestmark = pytest.mark.embedded


def test_slots_are_bounded_by_the_machine_and_the_urgent_queue_goes_first(
    aws, submit, running, ended, job, whole_machine
):
    blocker = submit(WAIT, vcpus=whole_machine)
    running(blocker)
    late, urgent = submit("true", vcpus=whole_machine), submit("true", queue="Urgent", vcpus=whole_machine)
    assert {job(late)["status"], job(urgent)["status"]} <= {"SUBMITTED", "RUNNABLE"}
    # It waits for its turn, and nothing is wrong.
    assert "statusReason" not in job(late)
    aws("batch").terminate_job(jobId=blocker, reason="room")
    assert ended(urgent)["startedAt"] <= ended(late)["startedAt"]


def test_slots_are_bounded_by_memory_too(aws, submit, running, ended, job, eventually):
    # Each asks for more than there is, and so gets all of it.
    blocker, late = submit(WAIT, memory="99999999"), submit("true", memory="99999999")
    running(blocker)
    eventually(lambda: job(late)["status"] == "RUNNABLE")
    aws("batch").terminate_job(jobId=blocker, reason="room")
    assert ended(late)["startedAt"] >= ended(blocker)["stoppedAt"]


@pytest.fixture(scope="module")
def two(deploy):
    """A queue on a spot environment of one processor, and then on one of two on demand."""
    resources = {
        "Spot": environment("FARGATE_SPOT", 1),
        "OnDemand": environment("FARGATE", 2),
        "Queue": queue("Spot", "OnDemand"),
        "Definition": definition(vcpus="1"),
    }
    return deploy(resources, {name: {"Ref": name} for name in ("Spot", "OnDemand", "Queue", "Definition")})


@pytest.fixture
def in_two(aws, two):
    def start(script, *, vcpus="1"):
        return aws("batch").submit_job(
            jobName="job",
            jobQueue=two["Queue"],
            jobDefinition=two["Definition"],
            containerOverrides={
                "command": [script],
                "resourceRequirements": [{"type": "VCPU", "value": vcpus}],
            },
        )["jobId"]

    return start


def test_the_second_environment_is_used_when_the_first_is_full(aws, two, in_two, running, ended, log_of):
    if host().vcpus < 2:
        pytest.skip("needs two processors")
    first = in_two(f"echo $AWS_BATCH_CE_NAME; {WAIT}")
    running(first)
    second = in_two("echo $AWS_BATCH_CE_NAME")
    assert log_of(ended(second)) == [two["OnDemand"].rsplit("/", 1)[-1]]
    aws("batch").terminate_job(jobId=first, reason="room")
    assert log_of(ended(first)) == [two["Spot"].rsplit("/", 1)[-1]]


def test_a_job_larger_than_every_environment_blocks_its_queue_and_says_why(
    aws, in_two, job, ended, eventually, events_of
):
    until = events_of("Batch Job Queue Blocked")
    large, behind = in_two("true", vcpus="4"), in_two("true")
    reason = "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE - "
    eventually(lambda: job(large).get("statusReason", "").startswith(reason))
    assert (job(large)["status"], job(behind)["status"]) == ("RUNNABLE", "RUNNABLE")
    assert "statusReason" not in job(behind)

    [event] = until(lambda event: event["detail"]["jobId"] == large)
    assert event["detail"]["statusReason"] == job(large)["statusReason"]
    assert event["resources"] == [job(large)["jobArn"], job(large)["jobQueue"]]

    aws("batch").cancel_job(jobId=large, reason="too large")
    assert ended(behind)["status"] == "SUCCEEDED"


def test_a_larger_environment_ends_the_block(aws, two, in_two, job, ended, eventually):
    large = in_two("true", vcpus="4")
    eventually(lambda: "statusReason" in job(large))
    update = aws("batch").update_compute_environment
    update(computeEnvironment=two["OnDemand"], computeResources={"maxvCpus": 8})
    try:
        assert ended(large)["status"] == "SUCCEEDED"
    finally:
        update(computeEnvironment=two["OnDemand"], computeResources={"maxvCpus": 2})


def test_without_any_machine_the_reason_is_capacity(cloud, two, in_two, job, ended, eventually):
    for name in ("Spot", "OnDemand"):
        cloud.drought(two[name])
    waiting = in_two("true")
    eventually(lambda: job(waiting).get("statusReason", "").startswith("CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY - "))
    for name in ("Spot", "OnDemand"):
        cloud.drought(two[name], over=True)
    assert ended(waiting)["status"] == "SUCCEEDED"


@pytest.mark.parametrize("seconds", [599, 86_401])
def test_a_time_limit_is_from_ten_minutes_to_a_day(aws, two, seconds):
    limit = {
        "reason": "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY",
        "state": "RUNNABLE",
        "maxTimeSeconds": seconds,
        "action": "CANCEL",
    }
    with pytest.raises(ClientError, match="from 600 to 86400"):
        aws("batch").update_job_queue(jobQueue=two["Queue"], jobStateTimeLimitActions=[limit])


@pytest.fixture
def alone(tmp_path):
    """A scheduler by itself, whose queue has no machine and gives a job a fifth of a second."""
    dry = Environment(arn="ce/dry", is_dry=True)
    scheduler = Scheduler(
        workspace=Workspace(root=tmp_path),
        find_queue=lambda _: QueueLimits(
            priority=1, environments=(dry,), time_limits={"CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY": 0.2}
        ),
        announce=lambda *_: None,
        environment=lambda _: {},
    )
    yield scheduler
    scheduler.shut_down()


def test_a_job_is_cancelled_when_its_time_at_the_head_is_over(alone, pascal):
    job = Job(
        account="0",
        region="r",
        job_id="job",
        arn="arn/job",
        name="job",
        queue_name="queue",
        queue_arn="arn/queue",
        definition_arn="arn/definition",
        definition_name="definition",
        container={"command": ["true"]},
        parameters={},
        retry_strategy={},
        timeout_seconds=None,
        depends_on=[],
        tags={},
    )
    begun = time.monotonic()
    alone.submit(job)
    detail = alone.wait("job", until=lambda: time.monotonic() > begun + 10)
    assert time.monotonic() - begun >= 0.2
    assert (detail["status"], detail["isCancelled"]) == ("FAILED", True)
    assert detail["statusReason"] == (
        "Canceled by JobStateTimeLimit action due to reason: CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY"
    )
    assert cause_of("States.TaskFailed", pascal(detail)) is FailureKind.NEVER_STARTED
