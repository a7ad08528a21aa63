"""Batch's rules that need no process: retries, spellings, slots."""

from dataclasses import replace

import pytest

pytest.importorskip("ministack", reason="needs requirements-sandbox.txt: the embedded cloud")

from sandbox.extension.batch.capacity import Capacity, Environment, Placement, QueueLimits, Resources
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


def _placed(asked, environment, *, capacity):
    on_host = capacity.on_host(asked, job_name="job")
    return Placement(environment=environment, asked=asked, on_host=on_host, share=("queue", None))


def _limits(*environments, **options):
    return QueueLimits(priority=1, environments=environments, **options)


_JOB = Resources(vcpus=1, memory_mib=1000)
_SPOT = Environment(arn="ce/spot", kind="SPOT", max_vcpus=2)
_ON_DEMAND = Environment(arn="ce/on-demand", kind="EC2", max_vcpus=1)


def test_jobs_go_to_the_next_environment_when_the_one_before_is_full():
    capacity, limits = Capacity(host=Resources(vcpus=64, memory_mib=64_000)), _limits(_SPOT, _ON_DEMAND)
    places = []
    while environment := capacity.environment_for(_JOB, limits):
        places.append(_placed(_JOB, environment, capacity=capacity))
        capacity.take(places[-1])
    assert [place.environment.name for place in places] == ["spot", "spot", "on-demand"]
    capacity.give_back(places[0])
    assert capacity.environment_for(_JOB, limits) is _SPOT


def test_an_environment_is_full_for_every_queue_on_it():
    capacity = Capacity(host=Resources(vcpus=64, memory_mib=64_000))
    capacity.take(_placed(_JOB, _ON_DEMAND, capacity=capacity))
    assert capacity.environment_for(_JOB, _limits(_ON_DEMAND)) is None


def test_a_drought_moves_no_job_to_the_next_environment():
    capacity = Capacity(host=Resources(vcpus=64, memory_mib=64_000))
    limits = _limits(replace(_SPOT, is_dry=True), _ON_DEMAND)
    assert capacity.environment_for(_JOB, limits) is None
    assert limits.blocked_reason(_JOB) is None
    all_dry = _limits(*(replace(each, is_dry=True) for each in limits.environments))
    assert all_dry.blocked_reason(_JOB).startswith("CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY - ")


@pytest.mark.parametrize(("vcpus", "is_blocked"), [(2, False), (2.5, True)])
def test_only_a_job_larger_than_every_environment_is_misconfigured(vcpus, is_blocked):
    reason = _limits(_ON_DEMAND, _SPOT).blocked_reason(Resources(vcpus=vcpus, memory_mib=1))
    assert (reason or "").startswith("MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE - ") is is_blocked


@pytest.mark.parametrize("asked", [Resources(vcpus=3, memory_mib=1), Resources(vcpus=1, memory_mib=3000)])
def test_the_machine_is_bounded_by_processors_and_by_memory(asked):
    capacity = Capacity(host=Resources(vcpus=4, memory_mib=4000))
    place = _placed(asked, _SPOT, capacity=capacity)
    capacity.take(place)
    assert not capacity.has_room(asked)
    assert capacity.has_room(_JOB)
    capacity.give_back(place)
    assert capacity.free == capacity.host


def test_a_job_larger_than_the_machine_is_charged_the_machine(caplog):
    caplog.set_level("INFO")
    machine = Resources(vcpus=2, memory_mib=8000)
    asked = Resources(vcpus=16, memory_mib=56_000)
    assert Capacity(host=machine).on_host(asked, job_name="uhd") == machine
    assert "uhd asks for 16 vCPU and 56000 MiB; this machine has 2 and 8000" in caplog.text


def test_the_longest_rule_that_fits_a_share_weighs_it():
    limits = _limits(weights={"team*": 2, "teamA*": 3, "x": 4})
    assert [limits.weight(share) for share in ("teamB", "teamAB", "x", "xy", None)] == [2, 3, 4, 1, 1]
