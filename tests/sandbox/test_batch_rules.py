"""Batch's rules that need no process: retries, spellings, slots."""

import pytest

pytest.importorskip("ministack", reason="needs requirements-sandbox.txt: the embedded cloud")

from sandbox.extension.batch.capacity import Capacity, QueueLimits
from sandbox.extension.batch.retry import Outcome, should_retry
from sandbox.extension.batch.shapes import to_camel, to_pascal

_RECLAIMED = Outcome(exit_code=None, reason="", status_reason="Host EC2 (instance i-1) terminated.")
_OUT_OF_MEMORY = Outcome(exit_code=137, reason="OutOfMemoryError: killed", status_reason="Essential container")


def _strategy(*rules):
    return {"attempts": 5, "evaluateOnExit": list(rules)}


@pytest.mark.parametrize(
    ("rules", "outcome", "again"),
    [
        ([], _RECLAIMED, True),
        ([{"onStatusReason": "Host EC2*", "action": "RETRY"}, {"onReason": "*", "action": "EXIT"}], _RECLAIMED, True),
        ([{"onStatusReason": "host ec2*", "action": "retry"}, {"onReason": "*", "action": "EXIT"}], _RECLAIMED, True),
        ([{"onStatusReason": "Host EC2", "action": "EXIT"}], _RECLAIMED, True),
        ([{"onReason": "OutOfMemory*", "onExitCode": "137", "action": "EXIT"}], _OUT_OF_MEMORY, False),
        ([{"onReason": "OutOfMemory*", "onExitCode": "1", "action": "EXIT"}], _OUT_OF_MEMORY, True),
        ([{"onExitCode": "13*", "action": "EXIT"}], _OUT_OF_MEMORY, False),
        ([{"onExitCode": "*", "action": "EXIT"}, {"onReason": "*", "action": "RETRY"}], _OUT_OF_MEMORY, False),
    ],
)
def test_the_first_rule_that_matches_decides(rules, outcome, again):
    assert should_retry(strategy=_strategy(*rules), attempts_made=1, outcome=outcome) is again


def test_attempts_are_counted():
    assert not should_retry(strategy={}, attempts_made=1, outcome=_RECLAIMED)
    assert not should_retry(strategy=_strategy(), attempts_made=5, outcome=_RECLAIMED)


def test_the_users_own_names_keep_their_spelling():
    template = {
        "ContainerOverrides": {"Environment": [{"Name": "A", "Value": "B"}]},
        "Parameters": {"Codec": "AV1"},
        "LogConfiguration": {"Options": {"awslogs-group": "G"}},
    }
    wire = {
        "containerOverrides": {"environment": [{"name": "A", "value": "B"}]},
        "parameters": {"Codec": "AV1"},
        "logConfiguration": {"options": {"awslogs-group": "G"}},
    }
    assert to_camel(template) == wire
    assert to_pascal(wire) == template


def test_a_queue_is_bounded_by_its_own_limit_too():
    capacity = Capacity(host=8)
    capacity.take(queue="q", share=None, vcpus=2)
    assert not capacity.fits(queue="q", queue_limit=2, vcpus=1)
    assert capacity.fits(queue="other", queue_limit=2, vcpus=1)


def test_a_job_larger_than_its_queue_runs_alone():
    capacity = Capacity(host=8)
    assert capacity.fits(queue="q", queue_limit=2, vcpus=4)
    assert not capacity.fits(queue="q", queue_limit=0, vcpus=1)


def test_a_job_larger_than_the_machine_is_charged_the_machine(caplog):
    caplog.set_level("INFO")
    assert Capacity(host=2).request(job_name="uhd", vcpus=16) == 2
    assert "uhd asks for 16 vCPU; this machine has 2" in caplog.text


def test_the_longest_rule_that_fits_a_share_weighs_it():
    limits = QueueLimits(priority=1, max_vcpus=1, compute_environment="c", weights={"team*": 2, "teamA*": 3, "x": 4})
    assert [limits.weight(share) for share in ("teamB", "teamAB", "x", "xy", None)] == [2, 3, 4, 1, 1]
