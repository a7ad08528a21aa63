"""A worker claims its job, and what it made counts once: whatever else is at the same job."""

import os
import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest

from encoder import claims as encoder_claims
from encoder.claims import Claims, ForeignResultError, ResultLostError
from encoder.errors import ToolFailedError
from encoder.storage import ObjectStore
from lambdas.common.errors import TransientError
from lambdas.common.media import ObjectRef
from lambdas.encoding import claims
from lambdas.encoding.claims import JobState, LeaseHeldError, Outcome, StaleClaimError, Worker
from lambdas.encoding.job_store import JobStore
from tests.encoder.studio import JOBS, WORK

VERSION = "v-claims"


@pytest.fixture
def job(request):
    return f"chunk/90p/00000/{request.node.name[-40:]}"


@pytest.fixture
def target(job):
    return ObjectRef(bucket=WORK, key=f"work/{VERSION}/{job}.mp4")


@pytest.fixture
def jobs(studio):
    return JobStore(JOBS)


@pytest.fixture
def at_once(monkeypatch):
    """Nobody waits for a lease longer than a moment."""
    monkeypatch.setattr(encoder_claims, "LEASE", timedelta(seconds=0.5))
    monkeypatch.setattr(encoder_claims, "_LOOK_AGAIN_S", 0.05)


def worker(batch_job="job-1", attempt=1):
    return Worker(batch_job=batch_job, batch_attempt=attempt, vcpus=1, memory_mib=4096, capacity="fargate-arm-spot")


@pytest.fixture
def run(studio, jobs, job, target):
    """Do the job as a worker that makes `content`, or what `make` does; say what lies at the target then."""

    def run(content=b"a film", *, who=None, make=None):
        def write(folder):
            path = folder / "chunk.mp4"
            path.write_bytes(content)
            return path

        Claims(jobs, worker=who or worker(), store=ObjectStore(studio.s3)).once(
            version_id=VERSION,
            job=job,
            target=target,
            attempt=lambda token: target.model_copy(update={"key": f"work/{VERSION}/attempts/{job}/{token}"}),
            make=make or write,
        )
        return studio.get(WORK, target.key)

    return run


def outcomes(jobs, job):
    return [attempt.outcome for attempt in jobs.get(VERSION, job).attempts]


def test_a_finished_job_is_not_done_again(run, jobs, job):
    assert run(b"first") == run(b"second") == b"first"
    assert outcomes(jobs, job) == [Outcome.DONE]


def test_a_job_that_failed_is_free_at_once_and_its_error_is_kept(run, jobs, job):
    def fail(_):
        raise ToolFailedError(tool="ffmpeg", exit_code=1, stderr=("no such film",))

    with pytest.raises(ToolFailedError):
        run(make=fail)
    record = jobs.get(VERSION, job)
    assert (record.state, record.attempts[0].outcome) == (JobState.FAILED, Outcome.FAILED)
    assert "no such film" in record.attempts[0].error
    assert run(b"second") == b"second"


def test_a_worker_that_is_told_to_stop_frees_its_job(run, jobs, job):
    def stop(_):
        raise SystemExit(os.EX_TEMPFAIL)

    with pytest.raises(SystemExit):
        run(make=stop)
    assert outcomes(jobs, job) == [Outcome.INTERRUPTED]


def test_while_one_is_at_work_another_waits_and_takes_the_result(run, jobs, job, at_once):
    begun, go_on = threading.Event(), threading.Event()

    def slowly(folder):
        begun.set()
        go_on.wait(10)
        path = folder / "chunk.mp4"
        path.write_bytes(b"the first one's")
        return path

    first = threading.Thread(target=run, kwargs={"make": slowly})
    with_lease = encoder_claims.LEASE
    encoder_claims.LEASE = timedelta(seconds=60)
    first.start()
    begun.wait(10)
    encoder_claims.LEASE = with_lease
    second = threading.Thread(target=run, args=(b"the second one's",), kwargs={"who": worker("job-2")})
    second.start()
    go_on.set()
    first.join(20)
    second.join(20)
    assert run() == b"the first one's"
    assert outcomes(jobs, job) == [Outcome.DONE]


def test_a_job_that_stays_held_is_given_up_for_now(run, jobs, job, at_once):
    now = datetime.now(UTC)
    jobs.plan(VERSION, job)
    jobs.change(
        VERSION, job, lambda r: claims.claim(r, worker=worker("other"), now=now, until=now + timedelta(hours=1))
    )
    with pytest.raises(LeaseHeldError):
        run()


def test_a_worker_that_was_thought_dead_changes_nothing(run, jobs, job):
    def sleep_through_it(folder):
        # Meanwhile its lease has ended, and another has done the job.
        jobs.change(VERSION, job, lambda r: r.model_copy(update={"lease_until": datetime.now(UTC)}))
        run(b"the new one's", who=worker("job-2"))
        path = folder / "chunk.mp4"
        path.write_bytes(b"the zombie's")
        return path

    with pytest.raises(StaleClaimError):
        run(make=sleep_through_it)
    assert run() == b"the new one's"
    assert outcomes(jobs, job) == [Outcome.LOST, Outcome.DONE]


def test_a_worker_that_dies_after_its_commit_has_done_the_job(run, jobs, job, studio, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(ObjectStore, "copy", _fails)
        with pytest.raises(TransientError):
            run(b"committed")
    assert jobs.get(VERSION, job).state is JobState.COMMITTED
    assert run(b"another") == b"committed"
    assert jobs.get(VERSION, job).state is JobState.DONE


def test_a_result_that_lies_where_no_attempt_writes_counts_for_nothing(run, jobs, job, studio):
    forged = ObjectRef(bucket=WORK, key=f"work/{VERSION}/chunk/forged.mp4")
    studio.s3.put_object(Bucket=forged.bucket, Key=forged.key, Body=b"forged")
    jobs.plan(VERSION, job)
    named = {"state": JobState.COMMITTED, "token": 1, "output": forged}
    jobs.change(VERSION, job, lambda record: record.model_copy(update=named))
    with pytest.raises(ForeignResultError, match=r"chunk/forged\.mp4"):
        run(b"a film")


def test_a_result_that_is_gone_is_made_again(run, jobs, job, target, studio):
    run(b"first")
    output = jobs.get(VERSION, job).output
    for ref in (output, target):
        studio.s3.delete_object(Bucket=ref.bucket, Key=ref.key)
    assert run(b"second") == b"second"


def test_a_result_that_was_taken_back_is_made_again(run, jobs, job, target, studio):
    run(b"bad")
    Claims(jobs, worker=worker("another"), store=ObjectStore(studio.s3)).retract(
        version_id=VERSION, job=job, target=target
    )
    assert not jobs.get(VERSION, job).finished
    assert run(b"good") == b"good"
    assert outcomes(jobs, job) == [Outcome.DONE, Outcome.DONE]


def test_who_dies_while_taking_back_a_result_has_taken_it_back(run, jobs, job, target, studio, monkeypatch):
    run(b"bad")
    with monkeypatch.context() as patch:
        patch.setattr(JobStore, "change", _fails)
        with pytest.raises(TransientError):
            Claims(jobs, worker=worker("another"), store=ObjectStore(studio.s3)).retract(
                version_id=VERSION, job=job, target=target
            )
    assert run(b"good") == b"good"


def test_what_has_no_result_has_none_to_take_back(jobs, job, target, studio):
    jobs.plan(VERSION, job)
    Claims(jobs, worker=worker(), store=ObjectStore(studio.s3)).retract(version_id=VERSION, job=job, target=target)
    assert jobs.get(VERSION, job).state is JobState.PLANNED


def test_a_target_that_is_gone_is_copied_again(run, jobs, job, target, studio):
    run(b"first")
    studio.s3.delete_object(Bucket=target.bucket, Key=target.key)
    assert run(b"second") == b"first"
    assert outcomes(jobs, job) == [Outcome.DONE]


def test_a_committed_result_that_vanishes_before_it_is_moved_is_told(run, studio, monkeypatch):
    monkeypatch.setattr(ObjectStore, "exists", lambda *_: False)
    with pytest.raises(ResultLostError):
        run()


def test_a_lease_is_renewed_while_the_work_lasts(run, jobs, job, monkeypatch):
    monkeypatch.setattr(encoder_claims, "_RENEW_S", 0.05)
    renewed = threading.Event()

    def wait(folder):
        before = jobs.get(VERSION, job).lease_until
        with polling(lambda: jobs.get(VERSION, job).lease_until > before) as found:
            if found:
                renewed.set()
        path = folder / "chunk.mp4"
        path.write_bytes(b"x")
        return path

    run(make=wait)
    assert renewed.is_set()


def test_no_renewal_crosses_the_giving_up_and_takes_the_claim_for_lost(run, jobs, monkeypatch):
    monkeypatch.setattr(encoder_claims, "_RENEW_S", 0.01)
    told_to_stop = threading.Event()
    monkeypatch.setattr(encoder_claims, "_stop_this_task", told_to_stop.set)
    change = JobStore.change

    def slowly(self, *arguments):
        changed = change(self, *arguments)
        if changed.state is JobState.FAILED:
            # The answer is on its way.
            told_to_stop.wait(0.3)
        return changed

    def fail(_):
        raise ToolFailedError(tool="ffmpeg", exit_code=1, stderr=("no such film",))

    monkeypatch.setattr(JobStore, "change", slowly)
    with pytest.raises(ToolFailedError):
        run(make=fail)
    assert not told_to_stop.is_set()


@contextmanager
def polling(probe, tries=200):
    for _ in range(tries):
        if probe():
            yield True
            return
        threading.Event().wait(0.05)
    yield False


def _fails(*_):
    raise TransientError("S3 is away")
