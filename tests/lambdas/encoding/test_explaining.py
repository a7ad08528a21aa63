import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.common.errors import ConflictError, NotFoundError
from lambdas.encoding.claims import JobRecord, JobState, Outcome, claim, give_up
from lambdas.encoding.cost import JobSizes
from lambdas.encoding.explaining import Place, Try, explain, find_record, place_of, retried, try_of
from lambdas.encoding.job_ids import JobIds, batch_name
from lambdas.encoding.jobs import jobs_of
from lambdas.encoding.models import JobSize
from lambdas.encoding.retries import Action, FailureKind, RetryRules, Tried, decide
from lambdas.encoding.watch import Patience, QueueReport, Status, StuckJob, StuckKind
from tests.lambdas import samples
from tests.lambdas.encoding.test_claims import JOB, LEASE, NOW, PLANNED, after, claimed, record_in, worker
from tests.lambdas.encoding.test_planning import planned

RULES = RetryRules(most_memory_mib=16_384)
PATIENCE = Patience(heartbeat_minutes=10, starting_minutes=20, runnable_minutes=60)
SILENT = "marquee: stuck: its worker was last heard of long ago"

kinds = st.sampled_from(FailureKind)


def one_try(job_id="ana", status="FAILED", *, kind=None, minutes=0, **changes):
    """A try that was submitted, and began, so many minutes after noon."""
    values = {
        "job_id": job_id,
        "queue": "encoding",
        "status": status,
        "priority": 10,
        "memory_mib": 4096,
        "created_at": after(minutes),
        "started_at": after(minutes) if status in {"RUNNING", "FAILED"} else None,
        "stopped_at": after(minutes + 1) if status == "FAILED" else None,
        "kind": kind,
    }
    return Try.model_validate(values | changes)


def queue(*, running=4, job_s=60.0, stuck=()):
    depth = {Status.RUNNABLE: 9, Status.RUNNING: running}
    return QueueReport(queue="encoding", depth=depth, job_s=job_s, complete=True, stuck=stuck)


def told(*tries, record=None, place=None, in_queue=None, minutes=10, job=JOB):
    return explain(
        job,
        version_id=samples.VERSION,
        record=record,
        tries=tries,
        place=place,
        queue=in_queue or queue(),
        patience=PATIENCE,
        rules=RULES,
        now=after(minutes),
    )


class TestWaiting:
    mine = one_try(status="RUNNABLE")

    def test_it_waits_behind_others_and_its_turn_comes(self):
        text = told(self.mine, place=Place(before=7, waiting=9)).text
        assert "It waits for a machine (RUNNABLE) since 2026-11-22 12:00:00Z, 10 min ago, with priority 10" in text
        assert "7 of the 9 jobs that wait in the queue encoding go before it" in text
        assert "(4 at work, 60 s each) its turn comes in about 2 min" in text
        assert "more than 60 minutes and not for its turn" in text
        assert "3 of 3 retries for what may pass, the next after up to 60 s" in text

    def test_nobody_can_say_when_if_none_is_at_work(self):
        place = Place(before=0, waiting=1)
        assert "nobody can say when" in told(self.mine, place=place, in_queue=queue(running=0, job_s=None)).text

    def test_what_batch_says_of_it_is_told_and_that_it_is_stuck(self):
        said = "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT - too large"
        found = StuckJob(
            job_id="ana", name="n", queue="encoding", kind=StuckKind.MISCONFIGURED, seconds=9000, why=f"Batch: {said}"
        )
        waits = self.mine.model_copy(update={"reason": said})
        text = told(waits, place=Place(before=0, waiting=1), in_queue=queue(stuck=(found,))).text
        assert f"AWS Batch says: {said}" in text
        assert f"It is stuck (misconfigured): Batch: {said}; the watch cannot help that" in text

    def test_what_it_failed_with_before_is_told(self):
        before = one_try("old", kind=FailureKind.STUCK, reason=SILENT)
        text = told(before, one_try("new", "RUNNABLE", minutes=5), place=Place(before=0, waiting=1)).text
        assert f"It has failed once before, at last with: {SILENT}" in text
        assert "2 of 3 for being stuck" in text

    @given(
        rivals=st.lists(
            st.tuples(st.integers(0, 3), st.integers(-3, 3), st.sampled_from(["RUNNABLE", "RUNNING", "FAILED"]))
        )
    )
    def test_its_place_is_where_sorting_by_priority_and_age_puts_it(self, rivals):
        mine = one_try("mine", "RUNNABLE", priority=1)
        others = [
            one_try(f"o{number}", status, priority=priority, minutes=minutes)
            for number, (priority, minutes, status) in enumerate(rivals)
        ]
        place = place_of(mine, [mine, *others])
        waiting = [other for other in others if other.status == "RUNNABLE"]
        turns = sorted([mine, *waiting], key=lambda one: (-one.priority, one.created_at, one is not mine))
        assert place == Place(before=turns.index(mine), waiting=len(waiting) + 1)


class TestAtWork:
    def test_it_is_told_since_when_where_and_when_it_was_heard_of(self):
        running = one_try("ana", "RUNNING")
        text = told(running, record=claimed(by="ana", at=after(9)), minutes=9.5).text
        assert "It is at work since 2026-11-22 12:00:00Z, 10 min ago, on fargate-arm-spot" in text
        assert "with fencing token 1; it was last heard of 30 s ago" in text
        assert "If nothing is heard of it for 10 minutes, the watch ends it" in text

    def test_one_that_has_claimed_nothing_says_so(self):
        assert "has claimed nothing yet" in told(one_try("ben", "RUNNING"), record=claimed(by="ana")).text

    def test_one_that_is_stuck_is_ended_soon(self):
        found = StuckJob(
            job_id="ana",
            name=f"{samples.VERSION}-audio-eng_stereo_128k",
            queue="encoding",
            kind=StuckKind.SILENT,
            seconds=900,
            why="it was not heard of",
        )
        text = told(one_try("ana", "RUNNING"), record=claimed(), in_queue=queue(stuck=(found,))).text
        assert "It is stuck (silent): it was not heard of; the watch ends it in one of its next rounds" in text

    def test_one_whose_container_is_started_says_so(self):
        text = told(one_try("ana", "STARTING")).text
        assert "Its container is being started" in text
        assert "does not start in 20 minutes" in text


class TestEnded:
    @pytest.mark.parametrize("state", [JobState.COMMITTED, JobState.DONE])
    def test_a_finished_job_says_where_its_result_is(self, state):
        record = record_in(state)
        found = told(one_try("ana", "SUCCEEDED"), record=record)
        assert "at attempt 1, in 3 min on fargate-arm-spot. Nothing follows" in found.text
        assert f"result: {record.output.uri}" in found.evidence

    def test_one_that_is_tried_again_says_when_and_what_is_left(self):
        record = give_up(claimed(), token=1, now=after(1), outcome=Outcome.FAILED, error="TransientError: S3 is away")
        failed = one_try("ana", kind=FailureKind.TRANSIENT, reason="Essential container in task exited")
        text = told(failed, record=record, minutes=1).text
        assert "Its last job failed 2026-11-22 12:01:00Z, 0 s ago: Essential container in task exited" in text
        assert "Its worker said: TransientError: S3 is away" in text
        assert "something failed that may work the next time. It is submitted again within 60 s" in text
        assert "2 of 3 retries for what may pass, the next after up to 2 min" in text

    def test_one_that_is_not_says_why_and_where_its_evidence_is(self):
        text = told(one_try(kind=FailureKind.BAD_INPUT)).text
        assert "the input is at fault, and is not tried again" in text
        assert "FailedJobs" in text

    def test_what_batch_has_forgotten_is_told_from_the_record(self):
        record = give_up(claimed(), token=1, now=after(1), outcome=Outcome.INTERRUPTED, error="SystemExit: 143")
        text = told(record=record).text
        assert "AWS Batch has forgotten its jobs" in text
        assert "Its last attempt, 1, is interrupted: SystemExit: 143." in text

    def test_what_nobody_has_submitted_is_not_found(self):
        with pytest.raises(NotFoundError, match="'package' of version"):
            told(job="package")


class TestRetries:
    @given(st.lists(kinds, max_size=8))
    def test_they_are_counted_as_the_workflow_counted_them(self, failures):
        expected, given_up = Tried(), False
        for kind in failures:
            expected = Tried() if given_up else expected
            decision = decide(kind, expected, RULES, memory_mib=4096, draw=lambda: 0.3)
            expected, given_up = decision.tried, decision.action is Action.FAIL
        tried, decided = retried([one_try(kind=kind) for kind in failures], RULES)
        assert tried == expected
        assert (decided is not None and decided.action is Action.FAIL) == given_up

    def test_a_try_that_has_not_failed_decides_nothing(self):
        tried, decided = retried([one_try(kind=FailureKind.STUCK), one_try(status="RUNNING")], RULES)
        assert (tried.stuck, decided) == (1, None)

    def test_the_pause_is_the_longest_that_may_come(self):
        _, decided = retried([one_try(kind=FailureKind.TRANSIENT)] * 2, RULES)
        assert decided.pause_s == 120


DESCRIBED = {
    "jobId": "ana",
    "jobQueue": "encoding",
    "status": "FAILED",
    "statusReason": "Essential container in task exited",
    "jobName": "n",
    "createdAt": 1795348800000,
    "startedAt": 0,
    "schedulingPriority": 100,
    "container": {"resourceRequirements": [{"type": "MEMORY", "value": "8192"}]},
    "attempts": [{"container": {"exitCode": 75, "logStreamName": "the-log"}}],
}


class TestReadingBatch:
    @pytest.mark.parametrize(
        ("changes", "kind"),
        [
            ({}, FailureKind.TRANSIENT),
            ({"statusReason": SILENT, "isTerminated": True}, FailureKind.STUCK),
            ({"isTerminated": True}, FailureKind.CANCELLED),
            ({"attempts": [{"container": {"exitCode": 65}}]}, FailureKind.BAD_INPUT),
            ({"container": {"reason": "OutOfMemoryError: x"}, "attempts": []}, FailureKind.OUT_OF_MEMORY),
            ({"status": "RUNNING"}, None),
        ],
    )
    def test_why_it_failed_is_what_the_workflow_sees(self, changes, kind):
        assert try_of(DESCRIBED | changes).kind is kind

    def test_what_else_is_told(self):
        found = try_of(json.loads(json.dumps(DESCRIBED)))
        assert (found.priority, found.memory_mib, found.log_stream) == (100, 8192, "the-log")
        assert (found.started_at, found.created_at.year) == (None, 2026)


RECORDS = [JobRecord(version_id=samples.VERSION, job=job) for job in (JOB, f"{JOB}0", "audio/1")]


class TestFinding:
    def test_a_job_is_found_by_a_beginning_that_no_other_has(self):
        assert find_record(RECORDS, "au").job == "audio/1"
        assert find_record(RECORDS, JOB).job == JOB
        assert find_record(RECORDS, "score/") is None

    def test_and_not_by_one_that_others_have(self):
        with pytest.raises(ConflictError, match=f"2 jobs begin with chunk/: {JOB}"):
            find_record(RECORDS, "chunk/")


def test_the_name_of_its_batch_jobs_follows_from_a_jobs_id():
    plan = planned()
    ids, size = JobIds(plan), JobSize(vcpus=1, memory_mib=4096)
    jobs = jobs_of(plan, uri="s3://work/plan.json", sizes=JobSizes(threaded=size, single=size))
    rungs = [recipe.rung for recipe in plan.video]
    known = [ids.search, *(ids.chunk(rung, chunk.index) for rung in rungs for chunk in plan.chunks)]
    known += [ids.audio(track.name) for track in plan.audio]
    named = [jobs.search.name, *(job.name for job in jobs.chunk_jobs)]
    for rung, both in zip(rungs, jobs.rung_jobs, strict=True):
        known += [ids.join(rung), ids.score(rung)]
        named += [both.join.name, both.score.name]
    known += [ids.package, ids.verify]
    named += [jobs.package.name, jobs.verify.name]
    assert [batch_name(plan.version_id, job) for job in known] == named
    # A job that nobody has begun has no record, and so no digest that anybody knows.
    assert [batch_name(plan.version_id, job.rpartition("/")[0]) for job in known] == named


@pytest.mark.parametrize("job", ["", "chunk", "chunk/1080p", "chunk/1080p/x", "nothing/at/all", "join"])
def test_what_is_no_job_has_no_name(job):
    assert batch_name(samples.VERSION, job) is None


def test_an_attempt_that_another_batch_job_made_is_not_this_ones():
    record = claim(PLANNED, worker=worker("ana"), now=NOW, until=NOW + LEASE)
    text = told(one_try("ben", kind=FailureKind.TRANSIENT), record=record).text
    assert "Its worker said" not in text
