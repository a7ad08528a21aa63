"""Whoever dies, wakes, is late or has a wrong clock: one result of a job counts, and the next job reads just that."""

from dataclasses import dataclass
from datetime import timedelta
from itertools import count

from hypothesis import HealthCheck, settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from hypothesis.strategies import integers, lists, none, one_of, sampled_from

from lambdas.common.errors import ConflictError
from lambdas.common.media import ObjectRef
from lambdas.encoding.claims import (
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
from lambdas.encoding.job_store import JobStore
from tests.lambdas.encoding.test_claims import JOB, LEASE, NOW
from tests.lambdas.encoding.test_job_store import TABLE, create_table

FINAL = "final"
MOST_SKEW_MIN = 10
INDEX = integers(min_value=0, max_value=11)
SKEW = integers(min_value=-MOST_SKEW_MIN, max_value=MOST_SKEW_MIN)
STEPS = integers(min_value=1, max_value=5)
MEANWHILE = one_of(none(), INDEX)


class LossyStore(JobStore):
    """A store that may lose the answer to its next write, which the SDK then sends again."""

    loses_answer = False

    def _put(self, record, *, revision):
        written = super()._put(record, revision=revision)
        if not self.loses_answer:
            return written
        self.loses_answer = False
        return super()._put(record, revision=revision)


@dataclass(eq=False)
class Process:
    """One attempt of a Batch job, and how far it believes to be."""

    worker: Worker
    skew: timedelta
    token: int | None = None
    written: ObjectRef | None = None
    counts: ObjectRef | None = None
    """The result that it last saw to count, be it its own or another's: what it moves."""
    moved: bool = False

    @property
    def body(self):
        return f"by attempt {self.worker.batch_attempt} of {self.worker.batch_job}".encode()


class Farm(RuleBasedStateMachine):
    """One job, a bucket, and all who are or were at the job."""

    versions = count()

    def __init__(self):
        super().__init__()
        self.store = LossyStore(TABLE)
        self.version = f"v{next(self.versions):016d}"
        self.store.plan(self.version, JOB)
        self.objects = {}
        self.now = NOW
        self.batch_jobs = count(1)
        self.alive, self.zombies = [], []
        self.meanwhile = None
        self.missing = None
        # What is true by this test's own account.
        self.claims = []
        self.holder = self.lease_until = self.committed = None
        self.reopened = 0
        self.final_lost = False
        self.record = self._read()
        self.tried = True

    @initialize(skews=lists(SKEW, min_size=2, max_size=3))
    def some_start(self, skews):
        for skew in skews:
            self.start(skew)

    @rule(skew=SKEW)
    def start(self, skew):
        self._start(f"job-{next(self.batch_jobs)}", batch_attempt=1, skew=skew)

    @precondition(lambda self: self.alive)
    @rule(index=INDEX, skew=SKEW)
    def batch_tries_again(self, index, skew):
        """Batch takes an attempt for dead, which it need not be."""
        self.die(index)
        worker = self.zombies[-1].worker
        self._start(worker.batch_job, batch_attempt=worker.batch_attempt + 1, skew=skew)

    @precondition(lambda self: self.alive)
    @rule(index=INDEX)
    def die(self, index):
        self.zombies.append(self.alive.pop(index % len(self.alive)))

    @rule(minutes=integers(min_value=1, max_value=20))
    def time_passes(self, minutes):
        self.now += timedelta(minutes=minutes)

    @precondition(lambda self: self.alive)
    @rule(index=INDEX, steps=STEPS, meanwhile=MEANWHILE)
    def work(self, index, steps, meanwhile):
        self._work(self.alive[index % len(self.alive)], steps=steps, meanwhile=meanwhile)

    @precondition(lambda self: self.zombies)
    @rule(index=INDEX, steps=STEPS, meanwhile=MEANWHILE)
    def wake(self, index, steps, meanwhile):
        """It goes on where it was, as if no time had passed."""
        self._work(self.zombies[index % len(self.zombies)], steps=steps, meanwhile=meanwhile)

    @precondition(lambda self: self.claims)
    @rule(index=INDEX)
    def renew(self, index):
        self._renew(self.claims[index % len(self.claims)])

    @precondition(lambda self: self.claims)
    @rule(index=INDEX, outcome=sampled_from((Outcome.FAILED, Outcome.INTERRUPTED)))
    def give_up(self, index, outcome):
        process = self.claims[index % len(self.claims)]
        if self._change(
            lambda record: give_up(record, token=process.token, now=self._clock(process), outcome=outcome),
            by=process,
            allowed=lambda: process is self.holder,
        ):
            self.holder = None

    @rule()
    def lose_an_answer(self):
        self.store.loses_answer = True

    @precondition(lambda self: self.committed)
    @rule(lost=sampled_from(("final", "result", "both", "both")))
    def lose_objects(self, lost):
        if lost != "result":
            self.objects.pop(FINAL, None)
            self.final_lost = True
        if lost != "final":
            self.objects.pop(self.committed.written.key, None)
        if not {FINAL, self.committed.written.key} & self.objects.keys():
            # Somebody needs the result, finds it nowhere, and will act on that, maybe long after another did.
            self.missing = self.record.output

    @precondition(lambda self: self.missing)
    @rule(steps=STEPS)
    def reopen(self, steps):
        """Who missed the result is a worker, and does the job again."""
        if self._change(
            lambda record: reopen(record, output=self.missing),
            allowed=lambda: self.committed and self.committed.written == self.missing,
        ):
            self.committed, self.final_lost = None, False
            self.reopened += 1
            self.start(skew=0)
            self._work(self.alive[-1], steps=steps)

    def _start(self, batch_job, *, batch_attempt, skew):
        worker = Worker(
            batch_job=batch_job, batch_attempt=batch_attempt, vcpus=4, memory_mib=8192, capacity="fargate-arm-spot"
        )
        self.alive.append(Process(worker=worker, skew=timedelta(minutes=skew)))
        return self.alive[-1]

    def _work(self, process, *, steps, meanwhile=None):
        self.meanwhile = meanwhile
        for _ in range(steps):
            self._step(process)

    def _step(self, process):
        if process.counts:
            self._finish(process) if process.moved else self._move(process)
        elif process.token is None:
            self._claim(process)
        elif process.written is None:
            self._write(process)
        else:
            self._commit(process)

    def _claim(self, process):
        until = self._clock(process) + LEASE
        if self._change(
            lambda record: claim(record, worker=process.worker, now=self._clock(process), until=until),
            by=process,
            allowed=lambda: self._may_claim(process),
        ):
            self.claims.append(process)
            process.token = len(self.claims)
            self.holder, self.lease_until = process, until
        else:
            self._look(process)

    def _may_claim(self, process):
        if self.committed or self.holder is None:
            return self.committed is None
        ours, theirs = process.worker, self.holder.worker
        is_next = ours.batch_job == theirs.batch_job and ours.batch_attempt > theirs.batch_attempt
        return is_next or self._clock(process) >= self.lease_until

    def _write(self, process):
        process.written = ObjectRef(bucket="work", key=f"{JOB}/{process.token}.mp4")
        assert process.written.key not in self.objects
        self.objects[process.written.key] = process.body

    def _commit(self, process):
        if self._change(
            lambda record: commit(record, token=process.token, now=self._clock(process), output=process.written),
            by=process,
            allowed=lambda: process is self.holder,
        ):
            assert self.committed is None
            self.holder, self.committed, process.counts = None, process, process.written
        else:
            self._look(process)

    def _renew(self, process):
        until = self._clock(process) + LEASE
        if self._change(
            lambda record: renew(record, token=process.token, now=self._clock(process), until=until),
            by=process,
            allowed=lambda: process is self.holder,
        ):
            self.lease_until = until

    def _look(self, process):
        process.counts, process.moved = self.record.output, False

    def _move(self, process):
        if process.counts.key in self.objects:
            self.objects[FINAL] = self.objects[process.counts.key]
            self.final_lost = False
        process.moved = FINAL in self.objects
        if not process.moved:
            self._look(process)

    def _finish(self, process):
        self._change(
            lambda record: finish(record, output=process.counts),
            by=process,
            allowed=lambda: self.committed and self.committed.written == process.counts,
        )
        self._look(process)

    def _change(self, transition, *, allowed, by=None):
        """Change the record, if that is allowed when it is decided; say whether it is another now."""
        self.tried = True
        expected = before = None

        def change(record):
            nonlocal expected, before
            expected, before = allowed(), record
            changed = transition(record)
            self._another_acts(by)
            return changed

        try:
            after = self.store.change(self.version, JOB, change)
        except (ConflictError, LeaseHeldError, StaleClaimError):
            assert not expected
            return False
        assert expected
        if after == before:
            # Nothing was written: what another wrote since the read stands.
            return False
        self.record = after
        return True

    def _another_acts(self, by):
        """Between one's read and one's write."""
        index, self.meanwhile = self.meanwhile, None
        if index is None:
            return
        processes = self.alive + self.zombies
        another = processes[index % len(processes)]
        if another is not by:
            self._step(another)
        elif by.token:
            # The one thing that a process does beside everything else.
            self._renew(by)

    def _clock(self, process):
        return self.now + process.skew

    def _read(self):
        return self.store.get(self.version, JOB)

    @invariant()
    def what_the_next_job_reads_is_the_result_that_counts(self):
        assert self.objects.get(FINAL) in (None, self.committed and self.committed.body)

    @invariant()
    def the_record_tells_what_happened(self):
        if not self.tried:
            return
        self.tried = False
        record = self._read()
        assert record == self.record
        assert record.finished == (self.committed is not None)
        assert record.output == (self.committed and self.committed.written)
        assert record.lease_until == (self.lease_until if self.holder else None)
        if record.state is JobState.DONE and not self.final_lost:
            assert FINAL in self.objects
        assert record.token == len(self.claims)
        assert [attempt.token for attempt in record.attempts] == list(range(1, record.token + 1))
        assert [attempt.worker for attempt in record.attempts] == [process.worker for process in self.claims]
        assert all(attempt.seen_at >= attempt.started_at for attempt in record.attempts)
        outcomes = [attempt.outcome for attempt in record.attempts]
        assert outcomes.count(Outcome.DONE) == self.reopened + record.finished
        running = [attempt.token for attempt in record.attempts if attempt.outcome is Outcome.RUNNING]
        assert running == ([self.holder.token] if self.holder else [])

    def teardown(self):
        """Whatever happened, a worker that comes late enough has the job done, and be its clock slow."""
        if self.missing:
            self.reopen(steps=1)
        self.now += LEASE + timedelta(minutes=2 * MOST_SKEW_MIN)
        self._work(self._start("the last", batch_attempt=1, skew=-MOST_SKEW_MIN), steps=5)
        self.the_record_tells_what_happened()
        assert self.record.state is JobState.DONE
        assert self.objects[FINAL] == self.committed.body


def test_one_result_of_a_job_counts_whatever_its_workers_do(aws, monkeypatch):
    monkeypatch.setattr("lambdas.encoding.job_store._LONGEST_PAUSE_S", 0)
    create_table()
    run_state_machine_as_test(
        Farm,
        settings=settings(
            max_examples=30, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.too_slow]
        ),
    )
