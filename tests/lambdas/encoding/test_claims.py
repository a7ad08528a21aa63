from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis.strategies import datetimes, just, lists, sampled_from
from pydantic import ValidationError

from lambdas.common.errors import ConflictError, TransientError
from lambdas.common.media import ObjectRef
from lambdas.encoding.claims import (
    Attempt,
    FinishedError,
    JobRecord,
    JobState,
    LeaseHeldError,
    Outcome,
    StaleClaimError,
    Worker,
    claim,
    commit,
    finish,
    give_up,
    renew,
    reopen,
)
from tests.lambdas import samples

JOB = "chunk/1080p/00003/5f0c1d2e3a4b5c6d"
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
LEASE = timedelta(minutes=5)
OUTPUT = ObjectRef(bucket="work", key=f"{samples.VERSION}/{JOB}/1.mp4")
OTHER = ObjectRef(bucket="work", key=f"{samples.VERSION}/{JOB}/2.mp4")
PLANNED = JobRecord(version_id=samples.VERSION, job=JOB)
UNFINISHED = (JobState.PLANNED, JobState.CLAIMED, JobState.FAILED)


def worker(batch_job="ana", batch_attempt=1):
    return Worker(
        batch_job=batch_job, batch_attempt=batch_attempt, vcpus=4, memory_mib=8192, capacity="fargate-arm-spot"
    )


def after(minutes):
    return NOW + timedelta(minutes=minutes)


def claimed(record=PLANNED, *, by="ana", attempt=1, at=NOW):
    return claim(record, worker=worker(by, attempt), now=at, until=at + LEASE)


def record_in(state):
    """A record that one worker brought to a state, under token 1."""
    held = claimed()
    committed = commit(held, token=1, now=after(3), output=OUTPUT)
    return {
        JobState.PLANNED: give_up(held, token=1, now=after(3), outcome=Outcome.INTERRUPTED),
        JobState.CLAIMED: held,
        JobState.COMMITTED: committed,
        JobState.DONE: finish(committed, output=OUTPUT),
        JobState.FAILED: give_up(held, token=1, now=after(3), outcome=Outcome.FAILED, error="no picture"),
    }[state]


def transitions_of(token, now=NOW):
    """What only the holder of a token may do."""
    return (
        lambda record: renew(record, token=token, now=now, until=now + LEASE),
        lambda record: commit(record, token=token, now=now, output=OUTPUT),
        lambda record: give_up(record, token=token, now=now, outcome=Outcome.FAILED),
    )


def test_the_first_claim_gets_token_one_and_a_lease():
    record = claimed()
    assert (record.state, record.token, record.lease_until) == (JobState.CLAIMED, 1, after(5))
    assert record.attempts == (Attempt(token=1, worker=worker(), started_at=NOW, seen_at=NOW),)
    assert record.attempts[0].outcome is Outcome.RUNNING
    assert not record.finished


@pytest.mark.parametrize("state", UNFINISHED)
def test_what_has_no_result_and_no_live_holder_can_be_claimed(state):
    record = claimed(record_in(state), by="ben", at=after(10))
    assert (record.state, record.token, record.lease_until) == (JobState.CLAIMED, 2, after(15))
    assert [(attempt.token, attempt.worker.batch_job) for attempt in record.attempts] == [(1, "ana"), (2, "ben")]


@pytest.mark.parametrize(
    ("by", "attempt"),
    [("ben", 1), ("ben", 3), ("ana", 1), ("ana", 2)],
    ids=["another job", "a later attempt of another job", "an earlier attempt", "the same attempt"],
)
def test_nobody_else_takes_over_before_the_lease_has_ended(by, attempt):
    held = claimed(attempt=2)
    with pytest.raises(LeaseHeldError, match="is held until") as raised:
        claimed(held, by=by, attempt=attempt, at=after(5) - timedelta(microseconds=1))
    assert isinstance(raised.value, TransientError)
    assert claimed(held, by=by, attempt=attempt, at=after(5)).token == 2


def test_the_next_attempt_of_the_same_batch_job_takes_over_at_once():
    record = claimed(claimed(), attempt=2)
    assert (record.token, record.lease_until) == (2, after(5))
    assert [attempt.outcome for attempt in record.attempts] == [Outcome.LOST, Outcome.RUNNING]


def test_the_next_attempt_of_an_older_holder_waits_like_anybody():
    with pytest.raises(LeaseHeldError):
        claimed(claimed(claimed(), by="ben", at=after(5)), attempt=2, at=after(6))


@pytest.mark.parametrize("state", [JobState.COMMITTED, JobState.DONE])
@pytest.mark.parametrize(("by", "attempt"), [("ana", 2), ("ben", 1)])
def test_a_job_that_has_its_result_is_never_claimed(state, by, attempt):
    with pytest.raises(FinishedError, match=f"is {state}") as raised:
        claimed(record_in(state), by=by, attempt=attempt, at=after(1000))
    assert isinstance(raised.value, ConflictError)


def test_a_lost_attempt_keeps_when_it_was_last_seen():
    renewed = renew(claimed(), token=1, now=after(4), until=after(9))
    lost, running = claimed(renewed, by="ben", at=after(60)).attempts
    assert (lost.outcome, lost.seen_at, lost.seconds, lost.vcpu_seconds) == (Outcome.LOST, after(4), 240, 960)
    assert (running.outcome, running.started_at, running.seconds) == (Outcome.RUNNING, after(60), 0)


@pytest.mark.parametrize(
    ("state", "outcome", "error"),
    [(JobState.PLANNED, Outcome.INTERRUPTED, None), (JobState.FAILED, Outcome.FAILED, "no picture")],
)
def test_an_attempt_that_said_how_it_ended_is_not_lost(state, outcome, error):
    first, _ = claimed(record_in(state), by="ben", at=after(10)).attempts
    assert (first.outcome, first.error, first.seen_at) == (outcome, error, after(3))


def test_a_renewal_moves_the_lease_and_what_was_seen():
    record = renew(claimed(), token=1, now=after(4), until=after(9))
    assert (record.state, record.token, record.lease_until) == (JobState.CLAIMED, 1, after(9))
    assert record.attempts[0].seen_at == after(4)
    assert record.attempts[0].seconds == 240
    with pytest.raises(LeaseHeldError):
        claimed(record, by="ben", at=after(8))


def test_a_lease_that_has_ended_is_renewed_if_nobody_came():
    assert renew(claimed(), token=1, now=after(60), until=after(65)).lease_until == after(65)


def test_a_commit_names_the_result_and_ends_the_lease():
    record = commit(claimed(), token=1, now=after(3), output=OUTPUT)
    assert (record.state, record.output, record.lease_until) == (JobState.COMMITTED, OUTPUT, None)
    assert (record.attempts[0].outcome, record.attempts[0].seconds) == (Outcome.DONE, 180)
    assert record.finished


def test_a_late_commit_counts_if_nobody_came():
    assert commit(claimed(), token=1, now=after(60), output=OUTPUT).finished


@pytest.mark.parametrize("transition", transitions_of(1, now=after(6)), ids=["renew", "commit", "give up"])
def test_an_old_token_changes_nothing(transition):
    record = claimed(claimed(), by="ben", at=after(5))
    with pytest.raises(StaleClaimError, match="under token 2; this worker has 1") as raised:
        transition(record)
    assert isinstance(raised.value, TransientError)


@pytest.mark.parametrize("transition", transitions_of(2, now=after(6)), ids=["renew", "commit", "give up"])
def test_a_token_that_was_never_given_changes_nothing(transition):
    with pytest.raises(StaleClaimError):
        transition(claimed())


@pytest.mark.parametrize("state", [state for state in JobState if state is not JobState.CLAIMED])
@pytest.mark.parametrize("transition", transitions_of(1, now=after(4)), ids=["renew", "commit", "give up"])
def test_the_newest_token_changes_nothing_once_its_attempt_has_ended(state, transition):
    with pytest.raises(StaleClaimError, match=f"is {state} under token 1"):
        transition(record_in(state))


@pytest.mark.parametrize("transition", transitions_of(0), ids=["renew", "commit", "give up"])
def test_nobody_holds_a_job_that_is_only_planned(transition):
    with pytest.raises(StaleClaimError):
        transition(PLANNED)


@pytest.mark.parametrize(
    ("outcome", "state"), [(Outcome.FAILED, JobState.FAILED), (Outcome.INTERRUPTED, JobState.PLANNED)]
)
def test_who_gives_up_frees_the_job_at_once(outcome, state):
    record = give_up(claimed(), token=1, now=after(1), outcome=outcome, error="no picture")
    assert (record.state, record.lease_until, record.output) == (state, None, None)
    assert (record.attempts[0].outcome, record.attempts[0].error) == (outcome, "no picture")
    assert record.attempts[0].seconds == 60
    assert claimed(record, by="ben", at=after(1)).token == 2


def test_what_is_committed_is_finished_as_often_as_one_likes():
    done = finish(record_in(JobState.COMMITTED), output=OUTPUT)
    assert (done.state, done.output, done.token) == (JobState.DONE, OUTPUT, 1)
    assert finish(done, output=OUTPUT) == done


@pytest.mark.parametrize("state", UNFINISHED)
def test_what_has_no_result_is_not_finished(state):
    with pytest.raises(ConflictError):
        finish(record_in(state), output=OUTPUT)


def test_who_moved_a_result_that_no_longer_counts_finishes_nothing():
    again = claimed(reopen(record_in(JobState.COMMITTED), output=OUTPUT), by="ben", at=after(10))
    with pytest.raises(ConflictError, match="its result is not"):
        finish(commit(again, token=2, now=after(13), output=OTHER), output=OUTPUT)


@pytest.mark.parametrize("state", [JobState.COMMITTED, JobState.DONE])
def test_a_job_whose_result_was_lost_is_done_again_under_a_new_token(state):
    record = reopen(record_in(state), output=OUTPUT)
    assert (record.state, record.output, record.token, record.finished) == (JobState.PLANNED, None, 1, False)
    again = commit(claimed(record, by="ben", at=after(10)), token=2, now=after(13), output=OTHER)
    assert (again.output, [attempt.outcome for attempt in again.attempts]) == (OTHER, [Outcome.DONE, Outcome.DONE])


@pytest.mark.parametrize("output", [OTHER, OUTPUT.model_copy(update={"version_id": "2"})])
@pytest.mark.parametrize("state", [JobState.COMMITTED, JobState.DONE])
def test_a_job_with_another_result_is_not_reopened(state, output):
    with pytest.raises(ConflictError, match="was changed meanwhile"):
        reopen(record_in(state), output=output)


@pytest.mark.parametrize("state", UNFINISHED)
def test_a_job_without_a_result_is_not_reopened(state):
    with pytest.raises(ConflictError):
        reopen(record_in(state), output=OUTPUT)


@given(lists(datetimes(timezones=just(UTC)), min_size=1), sampled_from([Outcome.FAILED, Outcome.INTERRUPTED]))
def test_an_attempt_never_takes_less_than_no_time(clock, outcome):
    record = claimed()
    for now in clock:
        record = renew(record, token=1, now=now, until=NOW + LEASE)
    assert record.attempts[0].seen_at == max(NOW, *clock)
    for ended in (
        commit(record, token=1, now=clock[0], output=OUTPUT),
        give_up(record, token=1, now=clock[0], outcome=outcome),
        claimed(record, by="ben", at=after(5)),
    ):
        assert ended.attempts[0].seconds == (max(NOW, *clock) - NOW).total_seconds()


def test_seconds_are_not_negative_even_in_a_record_that_says_so():
    attempt = Attempt(token=1, worker=worker(), started_at=NOW, seen_at=after(-10))
    assert (attempt.seconds, attempt.vcpu_seconds) == (0, 0)


@pytest.mark.parametrize("field", ["started_at", "seen_at"])
def test_an_attempt_has_no_time_without_a_zone(field):
    times = {"started_at": NOW, "seen_at": NOW} | {field: NOW.replace(tzinfo=None)}
    with pytest.raises(ValidationError, match="timezone"):
        Attempt(token=1, worker=worker(), **times)


@pytest.mark.parametrize("state", JobState)
def test_a_record_reads_as_it_was_written(state):
    record = record_in(state)
    assert JobRecord.model_validate_json(record.model_dump_json()) == record
