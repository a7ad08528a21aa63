"""How far a version is, and when it should be done."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.common.events import JobCounts, QueueDepth
from lambdas.encoding.claims import Attempt, JobRecord, JobState, Outcome, Worker
from lambdas.encoding.cost import PredictedLine, Prediction, Stage, place_of
from lambdas.encoding.prices import PriceList
from lambdas.encoding.progress import planned_jobs, progress_of, told
from tests.lambdas import samples
from tests.lambdas.encoding.test_claims import OUTPUT
from tests.lambdas.encoding.test_planning import planned, source

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
PLAN = planned(source(frames=2400))
JOBS = planned_jobs(PLAN)
CHUNKS = tuple(job for job in JOBS if job.startswith("chunk/"))
JOB_S = 100.0
"""Every job is expected to take so long, on one vCPU."""


def expecting(seconds=JOB_S, *, vcpus=1.0):
    places = [place_of(job) for job in JOBS]
    lines = tuple(
        PredictedLine(
            stage=place.stage,
            rung=place.rung,
            jobs=places.count(place),
            vcpus=vcpus,
            vcpu_seconds=places.count(place) * seconds * vcpus,
            usd_low=0,
            usd_expected=0,
        )
        for place in dict.fromkeys(places)
    )
    return Prediction(as_of=PriceList.load().as_of, capacity="fargate-arm-spot", lines=lines)


def attempt(*, began_s, seconds, outcome, vcpus=1.0, token=1):
    worker = Worker(batch_job="b", batch_attempt=1, vcpus=vcpus, memory_mib=1, capacity="fargate-arm-spot")
    began = NOW - timedelta(seconds=began_s)
    ended = began + timedelta(seconds=seconds)
    return Attempt(token=token, worker=worker, started_at=began, seen_at=ended, outcome=outcome)


def record(job, state, *attempts, lease_s=60.0):
    held = state is JobState.CLAIMED
    return JobRecord(
        version_id=samples.VERSION,
        job=job,
        state=state,
        token=len(attempts),
        attempts=attempts,
        lease_until=NOW + timedelta(seconds=lease_s) if held else None,
        output=OUTPUT if state in {JobState.COMMITTED, JobState.DONE} else None,
    )


def done(job, *, began_s=JOB_S, seconds=JOB_S, vcpus=1.0):
    return record(job, JobState.DONE, attempt(began_s=began_s, seconds=seconds, outcome=Outcome.DONE, vcpus=vcpus))


def running(job, *, for_s=0.0, **lease):
    return record(job, JobState.CLAIMED, attempt(began_s=for_s, seconds=for_s, outcome=Outcome.RUNNING), **lease)


def failed(job):
    return record(job, JobState.FAILED, attempt(began_s=50, seconds=20, outcome=Outcome.FAILED))


def look(*records, prediction=None, at=NOW):
    return progress_of(PLAN, records=records, prediction=prediction, at=at)


def left_s(*records, prediction=None):
    eta = look(*records, prediction=prediction or expecting()).eta
    return (eta - NOW).total_seconds()


def test_the_jobs_of_a_plan_are_those_that_the_workflow_runs():
    assert len(set(JOBS)) == len(JOBS) == 1 + len(PLAN.chunks) * 4 + 1 + 2 * 4 + 2
    silent = planned_jobs(PLAN.model_copy(update={"audio": ()}))
    assert [job for job in JOBS if job not in silent and "package" not in job and "verify" not in job] == [
        job for job in JOBS if job.startswith("audio/")
    ]


def test_before_the_first_job_everything_is_to_come_and_nobody_knows_until_when():
    progress = look(prediction=expecting())
    assert progress.jobs == JobCounts(total=len(JOBS), done=0, running=0, failed=0)
    assert progress.chunks == JobCounts(total=len(CHUNKS), done=0, running=0, failed=0)
    assert progress.eta is None
    assert not progress.finished
    assert look(running(JOBS[0], for_s=50), prediction=expecting()).eta is None


def test_each_job_counts_as_what_it_is():
    first, second, third, fourth, fifth = CHUNKS[:5]
    interrupted = record(fifth, JobState.PLANNED, attempt(began_s=9, seconds=3, outcome=Outcome.INTERRUPTED))
    committed = done(second).model_copy(update={"state": JobState.COMMITTED})
    progress = look(done(first), committed, running(third), failed(fourth), interrupted)
    assert progress.chunks == JobCounts(total=len(CHUNKS), done=2, running=1, failed=1)
    assert progress.jobs == progress.chunks.model_copy(update={"total": len(JOBS)})


def test_who_was_not_heard_of_lately_is_not_at_work():
    assert look(running(JOBS[0], lease_s=-1)).jobs.running == 0


def test_what_an_earlier_plan_left_is_passed_over():
    stale = f"{CHUNKS[0][:-1]}{'0' if CHUNKS[0][-1] != '0' else '1'}"
    assert look(done(stale)).jobs.done == 0


def test_lines_come_by_stage_and_in_the_ladders_order():
    twice = record(
        CHUNKS[0],
        JobState.DONE,
        attempt(began_s=90, seconds=10, outcome=Outcome.INTERRUPTED),
        attempt(began_s=70, seconds=10, outcome=Outcome.DONE, token=2),
    )
    lines = look(twice).lines
    rungs = ["1080p", "720p", "480p", "360p"]
    assert [(line.stage, line.rung) for line in lines] == [
        (Stage.SEARCH, None),
        *((Stage.ENCODE, rung) for rung in rungs),
        (Stage.AUDIO, None),
        *((Stage.JOIN, rung) for rung in rungs),
        *((Stage.SCORE, rung) for rung in rungs),
        (Stage.PACKAGE, None),
        (Stage.VERIFY, None),
    ]
    assert (lines[1].jobs.done, lines[1].jobs.total, lines[1].attempts) == (1, len(PLAN.chunks), 2)


def test_all_done_is_finished_and_needs_no_time():
    progress = look(*(done(job) for job in JOBS), prediction=expecting())
    assert progress.finished
    assert progress.jobs.done == progress.jobs.total
    assert progress.eta is None


def test_without_a_prediction_the_jobs_are_told_and_no_time():
    progress = look(done(JOBS[0]))
    assert (progress.jobs.done, progress.eta) == (1, None)


def test_the_time_left_by_hand():
    """Eight jobs at a time, each 100 s: so go the other chunks and the sound, then one rung, packaging, the check."""
    finished = [done(job) for job in CHUNKS[:8]]
    others = len(CHUNKS) + 1 - 8
    assert left_s(*finished) == pytest.approx(others * JOB_S / 8 + 2 * JOB_S + JOB_S + JOB_S)


def test_what_a_running_job_has_used_is_not_left():
    *before, packaging, checking = JOBS
    finished = [done(job) for job in before]
    waiting = left_s(*finished)
    assert waiting == pytest.approx(2 * JOB_S)
    assert left_s(*finished, running(packaging, for_s=40)) == pytest.approx(waiting - 40)
    assert left_s(*finished, running(packaging, for_s=JOB_S * 9)) == pytest.approx(JOB_S), "and never less than nothing"
    assert checking.startswith("verify/")


def test_the_search_says_nothing_of_how_long_the_other_jobs_take():
    search, *_ = JOBS
    assert look(done(search), prediction=expecting()).eta is None, "before any other is done"
    finished = [done(job) for job in CHUNKS[:8]]
    # It came alone, long before, and took as long as it liked.
    assert left_s(done(search, began_s=90 * JOB_S, seconds=80 * JOB_S), *finished) == left_s(*finished)


def test_jobs_that_took_twice_as_long_make_the_others_as_long():
    finished = [done(job, began_s=2 * JOB_S, seconds=2 * JOB_S) for job in CHUNKS[:8]]
    assert left_s(*finished) == pytest.approx(2 * left_s(*(done(job) for job in CHUNKS[:8])))


def test_waiting_in_the_queue_makes_it_later():
    soon = left_s(*(done(job) for job in CHUNKS[:8]))
    late = left_s(*(done(job, began_s=3 * JOB_S) for job in CHUNKS[:8]))
    assert late > soon


def test_attempts_in_vain_are_no_capacity():
    vain = record(
        CHUNKS[0],
        JobState.DONE,
        attempt(began_s=JOB_S, seconds=JOB_S, outcome=Outcome.INTERRUPTED),
        attempt(began_s=JOB_S, seconds=JOB_S, outcome=Outcome.DONE, token=2),
    )
    assert left_s(vain) == left_s(done(CHUNKS[0]))


def test_a_job_of_many_vcpus_takes_less_time():
    *before, _, _ = JOBS
    finished = [done(job, vcpus=16.0) for job in before]
    assert left_s(*finished, prediction=expecting(vcpus=16.0)) == pytest.approx(2 * JOB_S)


seconds = st.floats(0, 1e6, allow_nan=False)
standings = st.lists(
    st.tuples(st.sampled_from(JOBS), st.sampled_from(JobState), seconds, seconds, seconds, st.floats(-100, 100)),
    unique_by=lambda drawn: drawn[0],
)
OUTCOMES = {
    JobState.PLANNED: Outcome.INTERRUPTED,
    JobState.CLAIMED: Outcome.RUNNING,
    JobState.COMMITTED: Outcome.DONE,
    JobState.DONE: Outcome.DONE,
    JobState.FAILED: Outcome.FAILED,
}


def records_of(drawn):
    return [
        record(job, state, attempt(began_s=began - later, seconds=took, outcome=OUTCOMES[state]), lease_s=lease)
        for job, state, began, later, took, lease in drawn
    ]


@given(standings, seconds)
def test_whatever_the_records_and_clocks_say_the_counts_fit_and_no_end_is_past(drawn, expected_s):
    progress = look(*records_of(drawn), prediction=expecting(expected_s))
    for counts in (progress.jobs, progress.chunks, *(line.jobs for line in progress.lines)):
        assert 0 <= counts.done + counts.running + counts.failed <= counts.total
    assert progress.finished == (progress.jobs.done == len(JOBS))
    assert progress.eta is None or progress.eta >= NOW
    if progress.finished or not progress.jobs.done:
        assert progress.eta is None


@given(standings, st.data())
def test_one_job_more_that_is_done_is_one_more(drawn, data):
    before = look(*records_of(drawn))
    missing = sorted(set(JOBS) - {job for job, *_ in drawn})
    if missing:
        job = data.draw(st.sampled_from(missing))
        after = look(*records_of(drawn), done(job))
        assert after.jobs == before.jobs.model_copy(update={"done": before.jobs.done + 1})


def test_what_is_told_is_what_was_seen():
    queue = QueueDepth(waiting=7, running=3)
    progress = look(done(CHUNKS[0]), prediction=expecting())
    event = told(PLAN, progress, usd=0.5, queue=queue)
    assert (event.studio, event.delivery_id, event.title_id, event.version_id) == (
        samples.STUDIO,
        samples.DELIVERY,
        samples.TITLE,
        samples.VERSION,
    )
    assert (event.at, event.jobs, event.chunks, event.eta) == (NOW, progress.jobs, progress.chunks, progress.eta)
    assert (event.usd, event.queue) == (0.5, queue)
