"""How attempts end, and what becomes of their job: exit codes, retries, time-outs, TerminateJob, CancelJob."""

import os
import signal

import pytest

from sandbox.extension.process_groups import group_runs
from tests.sandbox.batch.resources import WAIT

pytestmark = pytest.mark.embedded


def test_a_failure_keeps_the_tail_of_its_log(submit, ended, log_of):
    detail = ended(submit('echo start; echo "no such codec" >&2; exit 3'))
    assert detail["status"] == "FAILED"
    assert detail["statusReason"] == "Essential container in task exited"
    assert detail["attempts"][0]["container"]["exitCode"] == 3
    assert log_of(detail) == ["start", "no such codec"]


def test_a_failed_attempt_is_repeated(submit, ended, log_of):
    detail = ended(submit('test "$AWS_BATCH_JOB_ATTEMPT" = 3 && echo third || exit 1', retryStrategy={"attempts": 4}))
    assert detail["status"] == "SUCCEEDED"
    assert [attempt["container"]["exitCode"] for attempt in detail["attempts"]] == [1, 1, 0]
    assert log_of(detail) == ["third"]


def test_exit_rules_separate_what_is_worth_repeating(submit, ended):
    rules = [{"onExitCode": "42", "action": "RETRY"}, {"onReason": "*", "action": "EXIT"}]
    strategy = {"attempts": 3, "evaluateOnExit": rules}
    assert len(ended(submit("exit 42", retryStrategy=strategy))["attempts"]) == 3
    assert len(ended(submit("exit 43", retryStrategy=strategy))["attempts"]) == 1


def test_a_killed_worker_looks_like_a_lost_machine_and_is_repeated(submit, running, ended):
    rules = [
        {"onStatusReason": "Your Spot Task was interrupted*", "action": "RETRY"},
        {"onReason": "*", "action": "EXIT"},
    ]
    job_id = submit(
        f'test "$AWS_BATCH_JOB_ATTEMPT" = 2 || {{ {WAIT}; }}',
        retryStrategy={"attempts": 2, "evaluateOnExit": rules},
    )
    os.kill(running(job_id), signal.SIGKILL)
    detail = ended(job_id)
    assert detail["status"] == "SUCCEEDED"
    first, second = detail["attempts"]
    assert first["container"]["exitCode"] == 137
    assert first["statusReason"].startswith("Your Spot Task")
    assert second["container"]["exitCode"] == 0


def test_an_attempt_ends_with_its_time(submit, ended):
    detail = ended(submit("sleep 600", timeout={"attemptDurationSeconds": 1}, retryStrategy={"attempts": 3}))
    assert detail["status"] == "FAILED"
    assert detail["statusReason"] == "Job attempt duration exceeded timeout"
    # As on AWS, running out of time is not repeated.
    assert len(detail["attempts"]) == 1


def test_a_running_job_can_be_terminated_with_its_children(aws, submit, running, ended):
    job_id = submit(WAIT, retryStrategy={"attempts": 3})
    group = running(job_id)
    aws("batch").terminate_job(jobId=job_id, reason="changed my mind")
    detail = ended(job_id)
    assert (detail["status"], detail["statusReason"]) == ("FAILED", "changed my mind")
    assert detail["isTerminated"]
    assert len(detail["attempts"]) == 1
    assert not group_runs(group)


def test_a_waiting_job_can_be_cancelled(aws, submit, running, ended, whole_machine):
    blocker = submit(WAIT, vcpus=whole_machine)
    running(blocker)
    waiting = submit("true", vcpus=whole_machine)
    aws("batch").cancel_job(jobId=waiting, reason="not needed")
    assert ended(waiting)["statusReason"] == "not needed"
    aws("batch").cancel_job(jobId=blocker, reason="too late: it runs")
    listed = aws("batch").list_jobs(jobQueue=ended(waiting)["jobQueue"])["jobSummaryList"]
    assert blocker in [entry["jobId"] for entry in listed]
    aws("batch").terminate_job(jobId=blocker, reason="done")
    ended(blocker)


def test_a_missing_program_fails_the_job_with_its_reason(aws, farm, ended, submit):
    definition = aws("batch").register_job_definition(
        jobDefinitionName="missing",
        type="container",
        containerProperties={
            "image": "x",
            "command": ["exec /no/such/program"],
            "resourceRequirements": [{"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": "512"}],
        },
    )["jobDefinitionArn"]
    job_id = aws("batch").submit_job(jobName="m", jobQueue=farm["Queue"], jobDefinition=definition)["jobId"]
    assert ended(job_id)["attempts"][0]["container"]["exitCode"] in {126, 127}
