"""The farm's watch and its description, on boto's clients: Batch and ECS answer from a list, DynamoDB is moto's."""

import json
import re
from datetime import UTC, datetime

import pytest

from lambdas.common.errors import ConflictError, NotFoundError, TransientError
from lambdas.encoding import farm_queues, watch_handlers
from lambdas.encoding.claims import claim
from lambdas.encoding.environment import DescribeEnvironment
from lambdas.encoding.job_store import JobStore
from lambdas.encoding.retries import STUCK_REASON
from lambdas.encoding.watch_handlers import describe_farm, watch_farm
from tests.lambdas import samples
from tests.lambdas.encoding.batch import Batch, ago
from tests.lambdas.encoding.test_claims import JOB, LEASE, worker
from tests.lambdas.encoding.test_job_store import TABLE, create_table

ENCODING, INSPECTION = "arn:aws:batch:us-east-1:1:job-queue/encoding", "arn:aws:batch:us-east-1:1:job-queue/inspection"
NAME = f"{samples.VERSION}-1080p-chunk-3"
SCHEDULED = {"source": "aws.events", "detail-type": "Scheduled Event", "detail": {}}


@pytest.fixture
def now():
    return datetime.now(UTC)


@pytest.fixture
def batch(aws, deployed, monkeypatch):
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "encoding")
    deployed(
        DescribeEnvironment(
            queues=json.dumps({"inspection": INSPECTION, "encoding": ENCODING}),
            jobs_table=TABLE,
            heartbeat_minutes=10,
            starting_minutes=20,
            runnable_minutes=60,
            first_pause_s=60,
            most_memory_mib=8192,
        )
    )
    create_table()
    batch = Batch()
    yield batch
    batch.close()


@pytest.fixture
def claimed(batch):
    """Let a Batch job claim a job, and be heard of last at a moment."""
    store = JobStore(TABLE)

    def claimed(batch_job, *, heard, job=JOB, version=samples.VERSION):
        store.plan(version, job)
        store.change(
            version, job, lambda record: claim(record, worker=worker(batch_job), now=heard, until=heard + LEASE)
        )

    return claimed


@pytest.fixture
def frozen(batch, claimed, now):
    """An encode that is at work, and not heard of."""
    job_id = batch.add(NAME, "RUNNING", queue=ENCODING, created=ago(now, hours=2), started=ago(now, hours=1))
    claimed(job_id, heard=ago(now, minutes=30))
    # Others work: what most jobs look like may be the watch's own fault.
    for index in range(2):
        batch.add(
            f"inspect-v{index}", "RUNNING", queue=INSPECTION, created=ago(now, hours=1), started=ago(now, hours=1)
        )
    return job_id


def metrics(capsys):
    """The metrics that were written: their values by name and dimensions."""
    found = {}
    for line in capsys.readouterr().out.splitlines():
        if '"_aws"' not in line:
            continue
        written = json.loads(line)
        [metric] = written["_aws"]["CloudWatchMetrics"]
        assert metric["Namespace"] == "Marquee/Encoding"
        [names] = metric["Dimensions"]
        dimensions = tuple(sorted((name, written[name]) for name in names))
        found |= {(entry["Name"], dimensions): written[entry["Name"]][0] for entry in metric["Metrics"]}
    return found


class TestWatching:
    def test_a_silent_job_is_ended_with_the_reason_that_has_it_tried_again(self, batch, frozen, context):
        assert watch_farm(SCHEDULED, context) == {"ended": [NAME], "stuck": 1}
        [(job_id, reason)] = batch.ended
        assert job_id == frozen
        assert reason.startswith(f"{STUCK_REASON}: its worker was last heard of at ")

    def test_one_that_is_heard_of_is_left_alone(self, batch, claimed, context, now):
        job_id = batch.add(NAME, "RUNNING", queue=ENCODING, created=ago(now, hours=2), started=ago(now, hours=1))
        claimed(job_id, heard=ago(now, seconds=20))
        assert watch_farm(SCHEDULED, context) == {"ended": [], "stuck": 0}
        assert batch.ended == []

    def test_a_container_that_does_not_come_up_is_ended_by_when_ecs_made_its_task(self, batch, context, now):
        slow = batch.add(NAME, "STARTING", queue=ENCODING, created=ago(now, hours=9))
        quick = batch.add(f"{NAME}1", "STARTING", queue=ENCODING, created=ago(now, hours=9))
        taskless = batch.add(f"{NAME}2", "STARTING", queue=ENCODING, created=ago(now, hours=9))
        young = batch.add(f"{NAME}3", "STARTING", queue=ENCODING, created=ago(now, minutes=5))
        batch.make_task(slow, at=ago(now, minutes=30))
        batch.make_task(quick, at=ago(now, minutes=10), cluster="another")
        assert watch_farm(SCHEDULED, context) == {"ended": [NAME], "stuck": 1}
        assert [job_id for job_id, _ in batch.ended] == [slow]
        assert batch.described == [[slow, quick, taskless]]
        assert young not in batch.described[0]

    def test_what_waits_in_vain_is_told_and_not_ended(self, batch, context, now, capsys):
        said = "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT - no instance is large enough"
        batch.add(NAME, "RUNNABLE", queue=ENCODING, created=ago(now, hours=2), reason=said)
        assert watch_farm(SCHEDULED, context) == {"ended": [], "stuck": 1}
        assert batch.ended == []
        written = metrics(capsys)
        assert written["StuckJobs", (("kind", "misconfigured"), ("service", "encoding"))] == 1

    def test_if_the_claims_cannot_be_read_nothing_is_ended_and_the_function_says_so(
        self, batch, frozen, context, monkeypatch, capsys
    ):
        batch.add(f"v{'0' * 16}-audio-en_stereo_128k", "RUNNING", queue=ENCODING, **began(frozen, batch))
        monkeypatch.setattr(JobStore, "of_version", away)
        with pytest.raises(TransientError, match=f"{samples.VERSION}.* could not be read"):
            watch_farm(SCHEDULED, context)
        assert batch.ended == []
        # The queues are counted all the same.
        assert metrics(capsys)["RunningJobs", (("queue", "encoding"), ("service", "encoding"))] == 2

    @pytest.mark.usefixtures("frozen")
    def test_if_batch_cannot_be_asked_nothing_is_done(self, batch, context, capsys):
        batch.is_away = True
        with pytest.raises(TransientError):
            watch_farm(SCHEDULED, context)
        assert (batch.ended, metrics(capsys)) == ([], {})

    def test_of_too_many_versions_those_with_the_oldest_jobs_are_judged(
        self, batch, claimed, context, monkeypatch, now
    ):
        monkeypatch.setattr(watch_handlers, "_MOST_VERSIONS", 1)
        other = "v" + "1" * 16
        for version, hours in ((other, 3), (samples.VERSION, 2)):
            started = ago(now, hours=hours)
            job_id = batch.add(
                f"{version}-audio-en_stereo_128k", "RUNNING", queue=ENCODING, created=started, started=started
            )
            claimed(job_id, heard=started, job="audio/en_stereo_128k/0011223344556677", version=version)
        batch.add("inspect-v1", "RUNNING", queue=INSPECTION, created=ago(now, hours=1), started=ago(now, hours=1))
        # A backlog is no error.
        assert watch_farm(SCHEDULED, context) == {"ended": [f"{other}-audio-en_stereo_128k"], "stuck": 1}
        assert [job_id for job_id, _ in batch.ended] == ["job-0"]
        answer = describe_farm({}, context)
        assert (answer["unread"], answer["not_judged"]) == ([], 1)

    def test_if_looking_up_claims_takes_too_long_what_is_known_is_ended_all_the_same(
        self, batch, frozen, claimed, context, now
    ):
        other = "v" + "1" * 16
        young = batch.add(f"{other}-audio-en_stereo_128k", "RUNNING", queue=ENCODING, **began(frozen, batch))
        claimed(young, heard=ago(now, minutes=30), job="audio/en_stereo_128k/0011223344556677", version=other)
        left = iter((61_000, 59_000))
        context.get_remaining_time_in_millis = lambda: next(left)
        assert watch_farm(SCHEDULED, context) == {"ended": [NAME], "stuck": 1}

    def test_an_inspection_that_does_not_come_up_is_told_and_not_ended(self, batch, context, now, capsys):
        slow = batch.add("inspect-v1", "STARTING", queue=INSPECTION, created=ago(now, hours=9))
        batch.make_task(slow, at=ago(now, minutes=30))
        batch.add("inspect-v2", "RUNNING", queue=INSPECTION, created=now, started=now)
        assert watch_farm(SCHEDULED, context) == {"ended": [], "stuck": 1}
        assert batch.ended == []
        assert metrics(capsys)["StuckJobs", (("kind", "starting"), ("service", "encoding"))] == 1

    def test_each_queue_is_counted_under_its_name(self, batch, context, now, capsys):
        for hours in (3, 2, 1):
            batch.add(NAME, "RUNNABLE", queue=ENCODING, created=ago(now, hours=hours))
        batch.add(NAME, "RUNNING", queue=ENCODING, created=now, started=ago(now, seconds=30))
        batch.add(
            NAME, "SUCCEEDED", queue=ENCODING, created=now, started=ago(now, seconds=90), stopped=ago(now, seconds=30)
        )
        watch_farm(SCHEDULED, context)
        written = metrics(capsys)
        here = (("queue", "encoding"), ("service", "encoding"))
        assert {name: value for (name, where), value in written.items() if where == here} == {
            "WaitingJobs": 3,
            "RunningJobs": 1,
            "RunnableAgeSeconds": pytest.approx(3 * 3600, abs=5),
            "TimeToDrainSeconds": pytest.approx(3.5 * 60),
        }
        assert written["StuckJobs", (("service", "encoding"),)] == 0

    @pytest.mark.usefixtures("batch")
    def test_an_idle_farm_writes_no_metric_which_would_bill(self, context, capsys):
        watch_farm(SCHEDULED, context)
        assert metrics(capsys) == {}

    def test_a_list_that_is_too_long_is_cut_and_says_so(self, batch, context, monkeypatch, now, capsys):
        monkeypatch.setattr(farm_queues, "MOST_LISTED", 3)
        for _ in range(4):
            batch.add(NAME, "RUNNABLE", queue=ENCODING, created=now)
        [_, encoding] = describe_farm({}, context)["queues"]
        assert (encoding["waiting"], encoding["complete"]) == (3, False)
        watch_farm(SCHEDULED, context)
        assert metrics(capsys)["UncountedJobs", (("queue", "encoding"), ("service", "encoding"))] == 1


def away(*_):
    raise TransientError("DynamoDB is away")


def began(job_id, batch):
    """When a job was created and started, as another is to be."""
    [job] = [job for job in batch.jobs if job["jobId"] == job_id]
    return {
        "created": datetime.fromtimestamp(job["createdAt"] / 1000, UTC),
        "started": datetime.fromtimestamp(job["startedAt"] / 1000, UTC),
    }


class TestDescribing:
    def test_a_container_that_does_not_come_up_is_told_by_when_ecs_made_its_task(self, batch, context, now):
        slow = batch.add(NAME, "STARTING", queue=ENCODING, created=ago(now, hours=9))
        batch.make_task(slow, at=ago(now, minutes=30))
        _, encoding = describe_farm({}, context)["queues"]
        [stuck] = encoding["stuck"]
        assert stuck["name"] == NAME
        assert stuck["seconds"] == pytest.approx(30 * 60, abs=5)
        assert batch.ended == []

    @pytest.mark.usefixtures("frozen")
    def test_the_queues_are_told_and_nothing_is_ended(self, batch, context):
        answer = describe_farm({}, context)
        assert json.loads(json.dumps(answer)) == answer
        inspection, encoding = answer["queues"]
        assert (inspection["queue"], inspection["running"], inspection["stuck"]) == ("inspection", 2, [])
        [stuck] = encoding["stuck"]
        assert (stuck["name"], stuck["kind"]) == (NAME, "silent")
        assert stuck["seconds"] == pytest.approx(30 * 60, abs=5)
        assert batch.ended == []

    @pytest.mark.usefixtures("frozen")
    def test_what_could_not_be_read_is_told_with_the_rest(self, context, monkeypatch):
        monkeypatch.setattr(JobStore, "of_version", away)
        answer = describe_farm({}, context)
        assert answer["unread"] == [samples.VERSION]
        assert answer["queues"][1]["stuck"] == []

    def explained(self, job, context):
        return describe_farm({"version_id": samples.VERSION, "job": job}, context)["explained"]

    def test_a_job_that_waits_is_told_its_place_by_priority_and_age(self, batch, context, now):
        mine = batch.add(NAME, "RUNNABLE", queue=ENCODING, created=ago(now, minutes=5))
        for minutes, priority in ((6, 10), (4, 10), (4, 100), (9, 1)):
            batch.add("x", "RUNNABLE", queue=ENCODING, created=ago(now, minutes=minutes), priority=priority)
        batch.add("y", "RUNNABLE", queue=INSPECTION, created=ago(now, hours=1), priority=100)
        told = self.explained("chunk/1080p/00003", context)
        assert "2 of the 5 jobs that wait in the queue encoding go before it" in told["text"]
        assert any(mine in place for place in told["evidence"])

    def test_a_job_at_work_is_told_with_its_heartbeat_and_its_failures(self, batch, claimed, context, now):
        batch.add(
            NAME,
            "FAILED",
            queue=ENCODING,
            created=ago(now, minutes=30),
            started=ago(now, minutes=20),
            stopped=ago(now, minutes=10),
            reason=f"{STUCK_REASON}: it was silent",
        )
        job_id = batch.add(NAME, "RUNNING", queue=ENCODING, created=ago(now, minutes=9), started=ago(now, minutes=9))
        claimed(job_id, heard=ago(now, seconds=7))
        told = self.explained("chunk/", context)
        assert told["job"] == JOB
        # Counted from when it is asked, which a busy machine does late.
        for part in ("fencing token 1", r"last heard of \d+ s ago", "failed once before", "2 of 3 for being stuck"):
            assert re.search(part, told["text"]), told["text"]

    @pytest.mark.usefixtures("batch")
    def test_a_job_that_nobody_has_submitted_is_not_found(self, context):
        with pytest.raises(NotFoundError, match="no job 'package' of version"):
            self.explained("package", context)

    def test_a_beginning_of_several_is_refused(self, claimed, context, now):
        claimed("a", heard=now)
        claimed("b", heard=now, job=f"{JOB[:-1]}0")
        with pytest.raises(ConflictError, match="2 jobs begin with chunk/"):
            self.explained("chunk/", context)
