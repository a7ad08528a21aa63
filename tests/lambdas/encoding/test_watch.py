import json
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.encoding.claims import Outcome, claim, commit, give_up, renew
from lambdas.encoding.retries import FailureKind, cause_of
from lambdas.encoding.watch import (
    MOST_ENDED,
    MOST_ENDED_IF_WIDESPREAD,
    SAMPLE,
    WIDESPREAD,
    ActiveJob,
    EndedJob,
    Patience,
    QueueReading,
    QueueReport,
    Status,
    StuckJob,
    StuckKind,
    heartbeats,
    job_seconds,
    report,
    slow_starters,
    suspects,
    time_to_drain,
    to_end,
)
from tests.lambdas import samples
from tests.lambdas.encoding.test_claims import LEASE, NOW, OUTPUT, PLANNED, after, worker

PATIENCE = Patience(heartbeat_minutes=10, starting_minutes=20, runnable_minutes=60)
LONG_AGO = timedelta(hours=10)
A_MINUTE = timedelta(minutes=1)
CLAIMS_NOTHING = "inspect-v1"
NO_CAPACITY = "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY - Service cannot fulfill the capacity requested"
NO_ROOM = "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT - The job resource requirement can't be met"
UNDETERMINED = "UNDETERMINED - Batch job is blocked, root cause is undetermined."
ACTION = "ACTION_REQUIRED - CE(s) associated with the job queue cannot scale"

seconds = st.floats(0, 1e6)
counts = st.integers(0, 10_000)


def minutes(count):
    return timedelta(minutes=count)


def job(job_id="a", *, status=Status.RUNNING, created=LONG_AGO, started=None, name=None, reason=None):
    """A job that was created, and started, so long ago."""
    if started is None and status is Status.RUNNING:
        started = minutes(1)
    return ActiveJob(
        job_id=job_id,
        name=name or f"{samples.VERSION}-1080p-chunk-{job_id}",
        status=status,
        reason=reason,
        created_at=NOW - created,
        started_at=None if started is None else NOW - started,
    )


def reading(*active, ended=(), queue="encoding", complete=True):
    return QueueReading(queue=queue, active=active, ended=ended, complete=complete)


def ended(seconds, *, ago=A_MINUTE):
    return EndedJob(started_at=NOW - ago - timedelta(seconds=seconds), stopped_at=NOW - ago)


def look(*readings, heard=None, known=(samples.VERSION,), tasks=None):
    return report(
        readings, patience=PATIENCE, now=NOW, heard=heard or {}, known_versions=frozenset(known), tasks=tasks or {}
    )


def stuck(*readings, **known):
    """What is stuck, as pairs of id and kind."""
    return [(one.job_id, one.kind) for queue in look(*readings, **known) for one in queue.stuck]


class TestSilence:
    def test_a_worker_that_was_heard_of_lately_is_not_stuck_however_long_it_works(self):
        at_work = reading(job(started=LONG_AGO))
        assert stuck(at_work, heard={"a": NOW - minutes(10)}) == []

    def test_one_that_was_not_is(self):
        [queue] = look(reading(job(started=LONG_AGO)), heard={"a": NOW - minutes(11)})
        [found] = queue.stuck
        assert (found.kind, found.seconds) == (StuckKind.SILENT, 11 * 60)
        assert found.why == "its worker was last heard of at 2026-11-22 11:49:00Z, more than 10 minutes ago"

    def test_so_is_one_that_has_claimed_nothing_since_it_began(self):
        [queue] = look(reading(job(started=minutes(11))))
        assert "has claimed nothing" in queue.stuck[0].why

    def test_what_an_attempt_before_was_heard_of_says_nothing_of_this_one(self):
        """Batch keeps a job's id when a machine is taken away, and the next one has just begun."""
        assert stuck(reading(job(started=minutes(2))), heard={"a": NOW - minutes(30)}) == []

    @pytest.mark.parametrize(
        "name", ["inspect-v0123456789abcdef", "analyse-v0123456789abcdef", "checksum-x-1", "other"]
    )
    def test_what_claims_nothing_is_never_silent(self, name):
        assert stuck(reading(job(name=name, started=LONG_AGO)), known=(samples.VERSION, "inspect", "x")) == []

    def test_nothing_is_silent_whose_claims_could_not_be_read(self):
        assert stuck(reading(job(started=LONG_AGO)), known=()) == []

    def test_claims_are_looked_for_only_of_jobs_that_may_be_silent_the_oldest_first(self):
        young, old, older = job("a", started=minutes(9)), job("b", started=minutes(11)), job("c", started=minutes(12))
        waiting, inspection = job("d", status=Status.RUNNABLE), job("e", started=LONG_AGO, name=CLAIMS_NOTHING)
        found = suspects([reading(young, old, waiting), reading(older, inspection)], PATIENCE, now=NOW)
        assert [one.job_id for one in found] == ["c", "b"]

    @given(heard=st.none() | st.timedeltas(timedelta(0), LONG_AGO), began=st.timedeltas(timedelta(0), LONG_AGO))
    def test_a_job_is_silent_exactly_if_neither_it_nor_its_beginning_is_young(self, heard, began):
        known = {} if heard is None else {"a": NOW - heard}
        found = stuck(reading(job(started=began)), heard=known)
        last = min(began, began if heard is None else heard)
        assert found == ([("a", StuckKind.SILENT)] if last > PATIENCE.heartbeat else [])


class TestHeartbeats:
    def test_they_are_of_the_last_word_of_each_batch_job(self):
        first = claim(PLANNED, worker=worker("ana"), now=NOW, until=NOW + LEASE)
        first = renew(first, token=1, now=after(2), until=after(7))
        freed = give_up(first, token=1, now=after(3), outcome=Outcome.INTERRUPTED)
        second = claim(freed, worker=worker("ben"), now=after(4), until=after(9))
        assert heartbeats([second]) == {"ana": after(3), "ben": after(4)}

    def test_a_job_that_has_committed_was_heard_of_then(self):
        held = claim(PLANNED, worker=worker("ana"), now=NOW, until=NOW + LEASE)
        assert heartbeats([commit(held, token=1, now=after(3), output=OUTPUT)]) == {"ana": after(3)}

    def test_two_attempts_of_one_batch_job_count_as_one(self):
        held = claim(PLANNED, worker=worker("ana", 1), now=after(5), until=after(6))
        again = claim(held, worker=worker("ana", 2), now=NOW, until=after(5))
        assert heartbeats([again]) == {"ana": after(5)}


class TestStarting:
    def test_a_container_that_does_not_come_up_is_stuck_by_when_its_task_was_made(self):
        slow = reading(job(status=Status.STARTING))
        assert stuck(slow, tasks={"a": NOW - minutes(21)}) == [("a", StuckKind.STARTING)]
        assert stuck(slow, tasks={"a": NOW - minutes(20)}) == []

    def test_one_whose_task_nobody_knows_is_not_however_long_it_waited_in_the_queue(self):
        assert stuck(reading(job(status=Status.STARTING))) == []

    def test_only_of_old_ones_the_task_is_asked_for(self):
        young = job("a", status=Status.STARTING, created=minutes(20))
        old = job("b", status=Status.STARTING, created=minutes(21))
        assert [one.job_id for one in slow_starters([reading(young, old)], PATIENCE, now=NOW)] == ["b"]


class TestWaiting:
    """A backlog is no fault."""

    waits = job(status=Status.RUNNABLE, created=minutes(61))

    def test_a_job_that_waits_while_nothing_happens_in_the_whole_farm_is_stuck(self):
        assert stuck(reading(self.waits), reading(queue="inspection")) == [("a", StuckKind.UNEXPLAINED)]

    def test_one_that_has_not_waited_long_is_not_whatever_batch_says(self):
        young = job(status=Status.RUNNABLE, created=minutes(60), reason=NO_ROOM)
        assert stuck(reading(young)) == []

    @pytest.mark.parametrize(
        "moves",
        [
            reading(job("b", status=Status.STARTING), queue="inspection"),
            reading(job("b", started=LONG_AGO, name=CLAIMS_NOTHING), queue="inspection"),
            reading(ended=(ended(10),), queue="inspection"),
        ],
        ids=["one is starting", "one is at work", "one was lately"],
    )
    def test_nor_is_one_that_waits_while_another_queue_has_the_machines(self, moves):
        assert stuck(reading(self.waits), moves) == []

    @pytest.mark.parametrize("said", [NO_CAPACITY, UNDETERMINED])
    def test_a_reason_of_batch_counts_if_nothing_of_the_queue_was_started_lately(self, said):
        blocked = self.waits.model_copy(update={"reason": said})
        busy = reading(job("c", started=minutes(1)), queue="inspection")
        assert stuck(reading(blocked), busy) == [("a", StuckKind.NO_CAPACITY)]
        assert stuck(reading(blocked, job("b", started=minutes(61), name=CLAIMS_NOTHING))) == [
            ("a", StuckKind.NO_CAPACITY)
        ]
        assert stuck(reading(blocked, job("b", started=minutes(59), name=CLAIMS_NOTHING))) == []

    @pytest.mark.parametrize("said", [NO_ROOM, ACTION])
    def test_a_misconfigured_job_waits_in_vain_whatever_the_others_do(self, said):
        blocked = self.waits.model_copy(update={"reason": said})
        [queue] = look(reading(blocked, job("b", started=minutes(1))))
        [found] = queue.stuck
        assert found.kind is StuckKind.MISCONFIGURED
        assert said in found.why
        assert not to_end([queue])

    def test_a_job_that_came_back_waits_since_then(self):
        back = self.waits.model_copy(update={"started_at": NOW - minutes(50), "created_at": NOW - LONG_AGO})
        assert stuck(reading(back)) == []

    def test_why_a_machine_was_taken_away_is_no_reason_to_be_stuck(self):
        back = self.waits.model_copy(update={"reason": "Your Spot Task was interrupted."})
        assert stuck(reading(back, job("b", started=LONG_AGO, name=CLAIMS_NOTHING))) == []


def queue_of(found, *, running):
    return QueueReport(queue="encoding", depth={Status.RUNNING: running}, complete=True, stuck=tuple(found))


def silent(job_id="a", *, seconds=700.0, kind=StuckKind.SILENT, name=None):
    name = name or f"{samples.VERSION}-1080p-chunk-{job_id}"
    return StuckJob(job_id=job_id, name=name, queue="encoding", kind=kind, seconds=seconds, why="it is")


class TestEnding:
    @pytest.mark.parametrize("kind", StuckKind)
    def test_what_has_a_machine_is_ended_and_what_waits_is_not(self, kind):
        ends = bool(to_end([queue_of([silent(kind=kind)], running=10)]))
        assert ends == kind.ended == (kind in {StuckKind.SILENT, StuckKind.STARTING})

    def test_what_no_workflow_tries_again_is_left_to_people(self):
        inspection = silent("b", kind=StuckKind.STARTING, name=CLAIMS_NOTHING, seconds=9000)
        encode = silent("a", kind=StuckKind.STARTING)
        assert to_end([queue_of([inspection, encode], running=10)]) == (encode,)

    def test_it_counts_all_the_same_where_most_look_stuck(self):
        inspections = [silent(f"i{n}", kind=StuckKind.STARTING, name=CLAIMS_NOTHING, seconds=9000) for n in range(2)]
        encodes = [silent(f"e{n}") for n in range(2)]
        assert to_end([queue_of([*inspections, *encodes], running=4)]) == (encodes[0],)

    @given(stuck=counts.filter(bool), working=counts)
    def test_a_round_ends_only_so_many_and_almost_none_if_most_look_stuck(self, stuck, working):
        stuck = min(stuck, 100)
        found = [silent(str(number), seconds=number) for number in range(stuck)]
        ends = to_end([queue_of(found, running=stuck + working)])
        most = MOST_ENDED_IF_WIDESPREAD if stuck > WIDESPREAD * (stuck + working) else MOST_ENDED
        assert len(ends) == min(most, stuck)
        assert {one.job_id for one in ends} <= {one.job_id for one in found}
        assert [one.seconds for one in ends] == sorted((one.seconds for one in found), reverse=True)[: len(ends)]

    def test_the_reason_is_the_one_that_retries_knows(self):
        cause = {
            "JobName": "job",
            "JobId": "1",
            "StatusReason": silent().reason,
            "IsTerminated": True,
            "Container": {"ExitCode": 137},
        }
        assert cause_of("States.TaskFailed", json.dumps(cause)) is FailureKind.STUCK


class TestDraining:
    def test_an_empty_queue_is_drained(self):
        assert time_to_drain(waiting=0, running=0, job_s=None) == 0

    def test_one_of_which_nothing_is_at_work_drains_nobody_knows_when(self):
        assert time_to_drain(waiting=1, running=0, job_s=60) is None
        assert time_to_drain(waiting=0, running=1, job_s=None) is None

    def test_ten_jobs_of_a_minute_two_at_a_time_after_those_at_work(self):
        assert time_to_drain(waiting=10, running=2, job_s=60) == 330

    @given(waiting=counts, running=st.integers(1, 10_000), job_s=seconds)
    def test_more_waiting_takes_longer_and_more_at_work_does_not(self, waiting, running, job_s):
        found = time_to_drain(waiting=waiting, running=running, job_s=job_s)
        assert found >= 0
        assert time_to_drain(waiting=waiting + 1, running=running, job_s=job_s) >= found
        assert time_to_drain(waiting=waiting, running=running + 1, job_s=job_s) <= found

    def test_a_job_takes_what_those_of_late_took(self):
        assert job_seconds(reading(ended=(ended(30), ended(90), ended(9000, ago=SAMPLE * 2))), now=NOW) == 60

    def test_or_twice_as_long_as_those_at_work_have_been_at_it(self):
        at_work = reading(job(started=minutes(1)), job("b", started=minutes(3)))
        assert job_seconds(at_work, now=NOW) == 4 * 60
        assert job_seconds(reading(job(status=Status.RUNNABLE)), now=NOW) is None

    def test_clocks_that_disagree_make_no_time_negative(self):
        ahead = job(started=minutes(-5))
        [queue] = look(reading(ahead, job("b", status=Status.RUNNABLE, created=minutes(-5)), ended=(ended(-30),)))
        assert queue.oldest_wait_s == queue.drain_s == queue.job_s == 0


def test_a_queue_is_told_with_its_depth_its_age_and_its_pace():
    jobs = [job(str(number), status=status) for number, status in enumerate([*Status, Status.RUNNABLE])]
    [queue] = look(reading(*jobs, ended=(ended(60),), complete=False))
    assert queue.depth == dict.fromkeys(Status, 1) | {Status.RUNNABLE: 2}
    assert (queue.waiting, queue.running, queue.complete) == (4, 2, False)
    assert queue.oldest_wait_s == LONG_AGO.total_seconds()
    assert (queue.per_hour, queue.drain_s) == (120, 150)
    told = queue.summary()
    assert (told["waiting"], told["running"], told["per_hour"]) == (4, 2, 120)


def test_every_status_but_two_waits():
    assert {status for status in Status if not status.waits} == {Status.STARTING, Status.RUNNING}
