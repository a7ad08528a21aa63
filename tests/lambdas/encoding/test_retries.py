import json
from math import ceil, log2

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.encoding.retries import (
    AT_ONCE_S,
    HELD_S,
    LATE_REASON,
    STUCK_REASON,
    Action,
    FailureKind,
    RetryRules,
    Tried,
    cause_of,
    decide,
    leaves_spot,
    refused,
)

RULES = RetryRules(most_memory_mib=8192)
SIZE_MIB = 4096
EXITED = "Essential container in task exited"
HOST_LOST = "Host EC2 (instance i-0f3d1c2b4a5968778) terminated."
SPOT_TASK_LOST = "Your Spot Task was interrupted."
TIMED_OUT = "Job attempt duration exceeded timeout"
NO_CAPACITY = "Canceled by JobStateTimeLimit action due to reason: CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY"
NO_ROOM = "Canceled by JobStateTimeLimit action due to reason: MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT"
OUT_OF_MEMORY = "OutOfMemoryError: Container killed due to memory usage"
STREAM = "encoder/default/5d8f8a4c0b6e4f0f9d2e6b7a1c3d5e7f"
JOB = {"name": "v0123456789abcdef-1080p-chunk-3", "command": ["encode-chunk", "--chunk", "3"], "priority": 10}
COUNTS = ("transient", "held", "not_submitted", "stuck", "reclaimed", "late")
COUNTED = [FailureKind.TRANSIENT, FailureKind.NEVER_STARTED, FailureKind.UNKNOWN]

kinds = st.sampled_from(FailureKind)
draws = st.floats(0, 1, exclude_max=True)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def container(exit_code=None, reason=None):
    described = {"LogStreamName": STREAM, "NetworkInterfaces": []}
    return described | ({} if exit_code is None else {"ExitCode": exit_code}) | ({"Reason": reason} if reason else {})


def batch_job(status_reason, *attempts, **changes):
    """A failed job, as Step Functions puts it into the cause: one pair of exit code and container reason an attempt."""
    containers = [container(*attempt) for attempt in attempts]
    return {
        "Attempts": [
            {
                "Container": entry,
                "StartedAt": 1794650000000,
                "StatusReason": status_reason,
                "StoppedAt": 1794650060000,
                "TaskProperties": [],
            }
            for entry in containers
        ],
        "Container": {
            "Command": JOB["command"],
            "Environment": [{"Name": "MANAGED_BY_AWS", "Value": "STARTED_BY_STEP_FUNCTIONS"}],
            "Image": "123456789012.dkr.ecr.us-east-1.amazonaws.com/encoder:1",
            "ResourceRequirements": [{"Type": "MEMORY", "Value": "4096"}, {"Type": "VCPU", "Value": "1"}],
            **(containers[-1] if containers else {}),
        },
        "CreatedAt": 1794649990000,
        "DependsOn": [],
        "EksAttempts": [],
        "JobArn": "arn:aws:batch:us-east-1:123456789012:job/3f0a7c9e-5a51-4b32-9a4e-8a8d3f1c2b70",
        "JobDefinition": "arn:aws:batch:us-east-1:123456789012:job-definition/Encode:7",
        "JobId": "3f0a7c9e-5a51-4b32-9a4e-8a8d3f1c2b70",
        "JobName": JOB["name"],
        "JobQueue": "arn:aws:batch:us-east-1:123456789012:job-queue/EncodingQueue",
        "Parameters": {},
        "PlatformCapabilities": ["FARGATE"],
        "RetryStrategy": {"Attempts": 3, "EvaluateOnExit": [{"Action": "retry", "OnStatusReason": "Host EC2*"}]},
        "ShareIdentifier": "studios",
        "Status": "FAILED",
        "StatusReason": status_reason,
        "StoppedAt": 1794650060000,
        "Tags": {},
        "Timeout": {"AttemptDurationSeconds": 3600},
    } | changes


def without(job, *names):
    return {name: value for name, value in job.items() if name not in names}


CAUSES = {
    "the encoder says transient": (batch_job(EXITED, (75,)), FailureKind.TRANSIENT),
    "the encoder blames the input": (batch_job(EXITED, (65,)), FailureKind.BAD_INPUT),
    "the encoder blames itself": (batch_job(EXITED, (70,)), FailureKind.DEFECT),
    "wrong arguments": (batch_job(EXITED, (2,)), FailureKind.DEFECT),
    "the last attempt counts": (batch_job(EXITED, (75,), (75,), (65,)), FailureKind.BAD_INPUT),
    "not an earlier one": (batch_job(EXITED, (137, OUT_OF_MEMORY), (75,)), FailureKind.TRANSIENT),
    "no list of attempts": (without(batch_job(EXITED, (65,)), "Attempts"), FailureKind.BAD_INPUT),
    "an unknown exit code": (batch_job(EXITED, (1,)), FailureKind.UNKNOWN),
    "a segmentation fault": (batch_job(EXITED, (139,)), FailureKind.UNKNOWN),
    "killed, nobody says why": (batch_job(EXITED, (137,)), FailureKind.UNKNOWN),
    "out of memory": (batch_job(EXITED, (137, OUT_OF_MEMORY)), FailureKind.OUT_OF_MEMORY),
    "out of memory on Fargate": (
        batch_job(EXITED, (137, "OutOfMemoryError: container killed due to memory usage")),
        FailureKind.OUT_OF_MEMORY,
    ),
    "only ffmpeg was killed, and the encoder took it for a defect": (
        batch_job(EXITED, (70, OUT_OF_MEMORY)),
        FailureKind.OUT_OF_MEMORY,
    ),
    "only ffmpeg was killed, and the encoder blamed the input": (
        batch_job(EXITED, (65, OUT_OF_MEMORY)),
        FailureKind.OUT_OF_MEMORY,
    ),
    "another worker is at it": (batch_job(EXITED, (69,)), FailureKind.HELD),
    "the spot host is gone": (batch_job(HOST_LOST, ()), FailureKind.RECLAIMED),
    "the spot host is gone, and killed it": (batch_job(HOST_LOST, (137,)), FailureKind.RECLAIMED),
    "the spot host is gone, and it said so": (batch_job(HOST_LOST, (75,)), FailureKind.RECLAIMED),
    "the spot host is gone, and ffmpeg went first": (batch_job(HOST_LOST, (70,)), FailureKind.RECLAIMED),
    "the spot task is gone": (batch_job(SPOT_TASK_LOST, (137,)), FailureKind.RECLAIMED),
    "our watch": (
        batch_job(f"{STUCK_REASON}: no frame for 600 s", (75,), IsCancelled=False, IsTerminated=True),
        FailureKind.STUCK,
    ),
    "our watch, and it did not go": (batch_job(STUCK_REASON, (137,), IsTerminated=True), FailureKind.STUCK),
    "too late for spot": (batch_job(f"{LATE_REASON}: due at noon", IsCancelled=True), FailureKind.LATE),
    "took too long": (batch_job(TIMED_OUT, (137,)), FailureKind.TIMED_OUT),
    "took too long, and said so": (batch_job(TIMED_OUT, (75,), IsTerminated=True), FailureKind.TIMED_OUT),
    "an operator ended it": (batch_job("wrong title", (75,), IsTerminated=True), FailureKind.CANCELLED),
    "an operator ended it, out of memory": (
        batch_job("too hungry", (137, OUT_OF_MEMORY), IsTerminated=True),
        FailureKind.CANCELLED,
    ),
    "an operator cancelled it": (batch_job("not wanted", IsCancelled=True), FailureKind.CANCELLED),
    "no machine": (batch_job(NO_CAPACITY, IsCancelled=True), FailureKind.NEVER_STARTED),
    "no machine large enough": (batch_job(NO_ROOM), FailureKind.NEVER_STARTED),
    "no machine for the second attempt": (batch_job(NO_CAPACITY, (65,)), FailureKind.NEVER_STARTED),
    "no image": (
        batch_job("Task failed to start", (None, "CannotPullContainerError: i/o timeout")),
        FailureKind.TRANSIENT,
    ),
    "nothing is known": (batch_job(None), FailureKind.UNKNOWN),
    "words that prove nothing": (
        batch_job(
            EXITED,
            (75, "said: OutOfMemoryError"),
            JobName="OutOfMemoryError",
            JobQueue=HOST_LOST,
            Tags={"note": STUCK_REASON, "IsTerminated": "true"},
        ),
        FailureKind.TRANSIENT,
    ),
}


@pytest.mark.parametrize(("job", "kind"), CAUSES.values(), ids=CAUSES)
def test_a_jobs_own_fields_say_why_it_failed(job, kind):
    assert cause_of("States.TaskFailed", json.dumps(job)) is kind


def test_every_kind_stands_in_the_table():
    # What Batch did not take is no job that it could describe.
    assert {kind for _, kind in CAUSES.values()} == set(FailureKind) - {FailureKind.NOT_SUBMITTED}


@pytest.mark.parametrize(
    ("error", "cause", "kind"),
    [
        ("States.Timeout", "The task did not end within TimeoutSeconds", FailureKind.TIMED_OUT),
        ("States.HeartbeatTimeout", "", FailureKind.TIMED_OUT),
        ("Batch.ServerException", "Failed to create shareIdentifier (Status Code: 500)", FailureKind.NOT_SUBMITTED),
        ("Batch.AWSBatchException", "Too Many Requests (Status Code: 429)", FailureKind.NOT_SUBMITTED),
        ("Batch.BatchException", "Too Many Requests (Service: Batch, Status Code: 429)", FailureKind.NOT_SUBMITTED),
        ("Batch.ClientException", "JobDefinition Encode:7 not found", FailureKind.DEFECT),
        ("States.TaskFailed", "", FailureKind.UNKNOWN),
        ("States.TaskFailed", "OutOfMemoryError", FailureKind.UNKNOWN),
        ("States.TaskFailed", "null", FailureKind.UNKNOWN),
        ("States.TaskFailed", '{"JobName": "no id"}', FailureKind.UNKNOWN),
        ("States.TaskFailed", "[" * 100_000, FailureKind.UNKNOWN),
        ("States.TaskFailed", "\ud800", FailureKind.UNKNOWN),
        ("", "", FailureKind.UNKNOWN),
    ],
)
def test_an_error_that_is_no_jobs_own_is_told_by_its_name(error, cause, kind):
    assert cause_of(error, cause) is kind


def decided(kind, rules=RULES, draw=0.5, own_mib=SIZE_MIB, **tried):
    return decide(kind, Tried(**tried), rules, memory_mib=own_mib, draw=lambda: draw)


@pytest.mark.parametrize("kind", COUNTED)
def test_a_transient_failure_waits_for_up_to_1_2_and_4_minutes_and_then_it_is_over(kind):
    for done, longest_s in enumerate((60, 120, 240)):
        assert decided(kind, draw=0.0, transient=done).pause_s == 0
        assert decided(kind, draw=0.5, transient=done).pause_s == longest_s // 2
        decision = decided(kind, draw=1 - 2**-53, transient=done)
        assert (decision.action, decision.pause_s) == (Action.RETRY, longest_s)
        assert decision.tried == Tried(transient=done + 1)
    over = decided(kind, transient=3)
    assert (over.action, over.pause_s, over.tried) == (Action.FAIL, 0, Tried(transient=3))
    assert "3 retries" in over.reason


def test_a_reclaimed_job_goes_again_almost_at_once_and_keeps_its_transient_retries():
    decision = decided(FailureKind.RECLAIMED, draw=1 - 2**-53, transient=3, reclaimed=19)
    assert (decision.action, decision.pause_s) == (Action.RETRY, AT_ONCE_S)
    assert decision.tried == Tried(transient=3, reclaimed=20)
    assert decided(FailureKind.RECLAIMED, reclaimed=20).action is Action.FAIL


def test_a_stuck_job_is_counted_for_itself():
    decision = decided(FailureKind.STUCK, transient=3, stuck=2)
    assert (decision.action, decision.pause_s) == (Action.RETRY, 120)
    assert decision.tried == Tried(transient=3, stuck=3)
    assert decided(FailureKind.STUCK, stuck=3).action is Action.FAIL


def test_a_backlog_that_batch_does_not_take_at_once_costs_no_job_its_retries():
    # 500 films of two hours are 360,000 jobs, and AWS Batch takes 50 a second: two hours.
    pauses_s = 0
    for done in range(RULES.most_not_submitted):
        decision = decided(FailureKind.NOT_SUBMITTED, transient=3, not_submitted=done)
        assert decision.action is Action.RETRY
        assert decision.tried == Tried(transient=3, not_submitted=done + 1)
        pauses_s += decision.pause_s
    assert pauses_s > 4 * 3600
    assert decided(FailureKind.NOT_SUBMITTED, not_submitted=RULES.most_not_submitted).action is Action.FAIL


def test_a_job_that_another_is_at_waits_for_longer_than_any_job_may_take_and_is_counted_for_itself():
    decision = decided(FailureKind.HELD, draw=1 - 2**-53, transient=3)
    assert (decision.action, decision.pause_s) == (Action.RETRY, HELD_S)
    assert decision.tried == Tried(transient=3, held=1)
    assert decided(FailureKind.HELD, held=RULES.most_held).action is Action.FAIL
    # Each try itself waits for two leases of a minute; twelve hours is what a job may take.
    assert RULES.most_held * (decided(FailureKind.HELD, draw=0.5).pause_s + 2 * 60) > 12 * 3600


def test_a_job_may_take_too_long_once():
    decision = decided(FailureKind.TIMED_OUT, transient=1)
    assert decision.action is Action.RETRY
    assert decision.tried == Tried(transient=2, timed_out=1)
    assert decided(FailureKind.TIMED_OUT, **decision.tried.model_dump()).action is Action.FAIL
    assert decided(FailureKind.TIMED_OUT, transient=3).action is Action.FAIL


def test_a_job_without_enough_memory_gets_twice_as_much_and_keeps_it():
    rules = RetryRules(most_memory_mib=14_000)
    first = decided(FailureKind.OUT_OF_MEMORY, rules, own_mib=3500)
    assert (first.action, first.memory_mib) == (Action.RETRY_LARGER, 7000)
    assert first.tried == Tried(enlarged=1, memory_mib=7000)
    assert 0 <= first.pause_s <= AT_ONCE_S
    then = decided(FailureKind.TRANSIENT, rules, own_mib=3500, **first.tried.model_dump())
    assert (then.action, then.memory_mib) == (Action.RETRY, 7000)
    last = decided(FailureKind.OUT_OF_MEMORY, rules, own_mib=3500, **then.tried.model_dump())
    assert (last.action, last.memory_mib) == (Action.RETRY_LARGER, 14_000)
    assert last.tried == Tried(transient=1, enlarged=2, memory_mib=14_000)
    over = decided(FailureKind.OUT_OF_MEMORY, rules, own_mib=3500, **last.tried.model_dump())
    assert (over.action, over.memory_mib) == (Action.FAIL, 14_000)
    assert "no larger size than 14000 MiB" in over.reason


def test_the_most_is_given_where_twice_is_more():
    assert decided(FailureKind.OUT_OF_MEMORY, RetryRules(most_memory_mib=6000)).memory_mib == 6000


def test_a_job_that_a_deployment_has_made_smaller_keeps_what_it_has():
    assert decided(FailureKind.OUT_OF_MEMORY, RetryRules(most_memory_mib=6000), own_mib=8192).action is Action.FAIL
    assert decided(FailureKind.RECLAIMED, own_mib=2048, enlarged=1, memory_mib=8192).memory_mib == 8192


def test_a_job_that_was_too_late_for_spot_goes_again_almost_at_once_and_is_counted_for_itself():
    decision = decided(FailureKind.LATE, draw=1 - 2**-53, transient=3)
    assert (decision.action, decision.pause_s, decision.tried) == (Action.RETRY, AT_ONCE_S, Tried(transient=3, late=1))
    assert decided(FailureKind.LATE, late=3).action is Action.FAIL


def test_only_what_spot_is_to_blame_for_goes_on_demand():
    off = {kind for kind in FailureKind if leaves_spot(kind)}
    assert off == {FailureKind.RECLAIMED, FailureKind.LATE, FailureKind.NEVER_STARTED}


@given(kinds, st.text())
def test_a_retry_that_is_refused_is_none_and_says_why(kind, why):
    decision = decided(kind)
    refusal = refused(decision, why=why)
    assert (refusal.action, refusal.pause_s, refusal.tried) == (Action.FAIL, 0, decision.tried)
    assert refusal.reason.endswith(f"and is not tried again: {why}")


@pytest.mark.parametrize("kind", [FailureKind.BAD_INPUT, FailureKind.DEFECT, FailureKind.CANCELLED])
def test_what_another_try_cannot_help_fails_at_once(kind):
    decision = decided(kind)
    assert (decision.action, decision.pause_s, decision.tried) == (Action.FAIL, 0, Tried())
    assert decision.memory_mib == SIZE_MIB


rules_of_any_size = st.builds(
    RetryRules,
    first_pause_s=st.integers(0, 600),
    most_transient=st.integers(0, 5),
    most_held=st.integers(0, 5),
    most_not_submitted=st.integers(0, 5),
    most_stuck=st.integers(0, 5),
    most_reclaimed=st.integers(0, 25),
    most_late=st.integers(0, 5),
    most_memory_mib=st.integers(1, 100_000),
)


def run(failures, rules, draw=lambda: 0.5):
    """Yield the decisions upon one failure after another, to the one that ends it."""
    tried = Tried()
    for kind in failures:
        decision = decide(kind, tried, rules, memory_mib=SIZE_MIB, draw=draw)
        yield decision
        if decision.action is Action.FAIL:
            return
        tried = decision.tried


@given(rules_of_any_size, st.data())
def test_any_sequence_of_failures_comes_to_an_end(rules, data):
    larger = ceil(log2(max(1, rules.most_memory_mib / SIZE_MIB)))
    most = larger + sum(getattr(rules, f"most_{name}") for name in COUNTS)
    failures = (data.draw(kinds) for _ in range(most + 1))
    decisions = list(run(failures, rules))
    *retries, last = decisions
    assert last.action is Action.FAIL
    assert all(retry.action is not Action.FAIL for retry in retries)
    assert all(getattr(last.tried, name) <= getattr(rules, f"most_{name}") for name in COUNTS)
    counted = sum(getattr(last.tried, name) for name in (*COUNTS, "enlarged"))
    assert counted == len(retries)


@given(st.lists(kinds), st.data())
def test_a_reclaim_changes_nothing_for_the_other_failures(failures, data):
    others = [kind for kind in failures if kind is not FailureKind.RECLAIMED]
    mixed = list(others)
    for _ in range(data.draw(st.integers(0, RULES.most_reclaimed))):
        mixed.insert(data.draw(st.integers(0, len(mixed))), FailureKind.RECLAIMED)
    seen = [
        decision
        for kind, decision in zip(mixed, run(mixed, RULES), strict=False)
        if kind is not FailureKind.RECLAIMED or decision.action is Action.FAIL
    ]
    alone = list(run(others, RULES))
    assert [(one.action, one.pause_s, one.memory_mib) for one in seen] == [
        (one.action, one.pause_s, one.memory_mib) for one in alone
    ]


@given(kinds, st.integers(0, 3), st.integers(0, 3), st.integers(0, 20), draws, rules_of_any_size)
def test_a_pause_lies_within_its_bounds(kind, transient, stuck, reclaimed, draw, rules):
    tried = {"transient": transient, "stuck": stuck, "reclaimed": reclaimed}
    decision = decided(kind, rules, draw, **tried)
    done = {FailureKind.STUCK: stuck, FailureKind.NOT_SUBMITTED: 0}.get(kind, transient)
    longest_s = {
        FailureKind.HELD: HELD_S,
        **dict.fromkeys((FailureKind.RECLAIMED, FailureKind.LATE, FailureKind.OUT_OF_MEMORY), AT_ONCE_S),
    }
    assert 0 <= decision.pause_s <= longest_s.get(kind, rules.first_pause_s * 2**done)
    assert decision.action is not Action.FAIL or decision.pause_s == 0
    assert SIZE_MIB <= decision.memory_mib <= max(SIZE_MIB, rules.most_memory_mib)


def test_every_second_of_a_pause_is_as_likely_as_any_other():
    parts = 61 * 4
    pauses = [decided(FailureKind.TRANSIENT, draw=(part + 0.5) / parts).pause_s for part in range(parts)]
    assert [pauses.count(second) for second in range(61)] == [4] * 61


@given(st.text() | st.sampled_from(["States.TaskFailed", "States.Timeout"]), st.text())
def test_whatever_text_the_cause_is_there_is_a_decision(error, cause):
    assert decided(cause_of(error, cause)).action in Action


@given(st.sampled_from([job for job, _ in CAUSES.values()]), st.data())
def test_whatever_stands_in_a_jobs_fields_there_is_a_decision(job, data):
    damaged = dict(job)
    for name in data.draw(st.sets(st.sampled_from(sorted(job)))):
        damaged[name] = data.draw(json_values)
    if isinstance(damaged["Container"], dict):
        name = data.draw(st.sampled_from(["ExitCode", "Reason", "LogStreamName", "Command"]))
        damaged["Container"] = damaged["Container"] | {name: data.draw(json_values)}
    assert decided(cause_of("States.TaskFailed", json.dumps(damaged))).action in Action
