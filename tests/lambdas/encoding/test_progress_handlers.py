"""What is told of encodes when AWS Batch says that their jobs have moved, on moto."""

import json

import pytest

from lambdas.common.errors import TransientError
from lambdas.common.events import EncodingProgressed, QueueDepth
from lambdas.common.keys import Workspace
from lambdas.encoding import farm_queues, progress_handlers, queue_depth
from lambdas.encoding.claims import Outcome
from lambdas.encoding.environment import ProgressEnvironment
from lambdas.encoding.job_ids import JobIds
from lambdas.encoding.job_store import JobStore
from lambdas.encoding.progress import planned_jobs
from tests.lambdas import samples
from tests.lambdas.calls import watched
from tests.lambdas.cloud import put
from tests.lambdas.encoding.batch import JobLists
from tests.lambdas.encoding.test_farm_handlers import attempt
from tests.lambdas.encoding.test_job_store import TABLE, create_table
from tests.lambdas.encoding.test_planning import planned

PLAN = planned()
FIRST_CHUNK = JobIds(PLAN).chunk("1080p", 0)
OTHER = "v1111111111111111"
QUEUES = ["arn:aws:batch:us-east-1:1:job-queue/spot", "arn:aws:batch:us-east-1:1:job-queue/on-demand"]


@pytest.fixture
def batch(monkeypatch):
    batch = JobLists()
    monkeypatch.setattr(farm_queues, "client", lambda service: watched(service, {"batch": batch}[service]))
    return batch


@pytest.fixture
def store(buckets, bus, batch, deployed):
    contract = ProgressEnvironment(
        jobs_table=TABLE, work_bucket=buckets.work, event_bus=bus.name, job_queues=",".join(QUEUES)
    )
    deployed(contract)
    create_table()
    return JobStore(TABLE)


@pytest.fixture
def half_done(store):
    """A planned version, one of whose chunks is done."""
    put(bucket="work", key=Workspace(samples.VERSION).plan, body=PLAN.model_dump_json())
    attempt(store, FIRST_CHUNK, by="ana", outcome=Outcome.DONE)


@pytest.fixture
def tell(context):
    """Hand the function a batch of state changes, by the jobs' names; answer the messages that failed."""

    def tell(*names):
        records = [
            {
                "messageId": f"m{number}",
                "body": json.dumps(
                    {
                        "detail-type": "Batch Job State Change",
                        "source": "aws.batch",
                        "detail": {"jobName": name, "status": "SUCCEEDED", "jobQueue": QUEUES[0]},
                    }
                ),
            }
            for number, name in enumerate(names)
        ]
        answer = progress_handlers.progress({"Records": records}, context)
        return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]

    return tell


def chunk(version=samples.VERSION, number=0):
    return f"{version}-1080p-chunk-{number}"


@pytest.mark.usefixtures("half_done")
def test_a_version_is_told_of_once_however_many_of_its_jobs_have_moved(tell, bus, batch):
    batch.jobs = {(QUEUES[0], "RUNNABLE"): 230, (QUEUES[1], "RUNNABLE"): 4, (QUEUES[1], "RUNNING"): 2}
    assert tell(chunk(), chunk(number=1), f"{samples.VERSION}-audio-eng_stereo_128k") == []
    [envelope] = bus.envelopes()
    assert (envelope["source"], envelope["detail-type"]) == ("marquee.encoding", "EncodingProgressed")
    said = EncodingProgressed.model_validate(envelope["detail"])
    assert (said.studio, said.delivery_id, said.version_id) == (samples.STUDIO, samples.DELIVERY, samples.VERSION)
    assert (said.chunks.done, said.chunks.total) == (1, 4 * len(PLAN.chunks))
    assert said.jobs.total == len(planned_jobs(PLAN))
    assert said.usd > 0
    assert said.queue == QueueDepth(waiting=234, running=2)


@pytest.mark.usefixtures("half_done")
def test_said_again_it_is_the_same_but_for_the_time(tell, bus):
    tell(chunk())
    tell(chunk())
    first, second = (envelope["detail"] for envelope in bus.envelopes())
    assert first.pop("at") < second.pop("at")
    assert first == second


@pytest.mark.usefixtures("half_done")
def test_what_is_no_encode_of_ours_is_passed_over(tell, bus):
    assert tell("somebody-elses", f"{OTHER}-1080p-chunk-0", "nonsense", "v0-x") == []
    assert bus.envelopes() == []


@pytest.mark.usefixtures("half_done")
def test_a_version_that_cannot_be_told_of_holds_up_no_other(tell, bus):
    put(bucket="work", key=Workspace(OTHER).plan, body="{}")
    assert tell(chunk(OTHER), chunk(), chunk(OTHER, 1)) == ["m0", "m2"]
    [envelope] = bus.envelopes()
    assert envelope["detail"]["version_id"] == samples.VERSION


@pytest.mark.usefixtures("half_done")
def test_a_table_that_is_away_leaves_the_messages_in_the_queue(tell, bus, monkeypatch):
    def away(*_):
        raise TransientError("throttled")

    monkeypatch.setattr(JobStore, "of_version", away)
    assert tell(chunk()) == ["m0"]
    assert bus.envelopes() == []


@pytest.mark.usefixtures("half_done")
def test_capacity_without_a_price_stops_no_progress(tell, bus, store):
    worker = {"capacity": "quantum-spot"}
    record = store.get(samples.VERSION, FIRST_CHUNK)
    strange = record.attempts[0].model_copy(update={"worker": record.attempts[0].worker.model_copy(update=worker)})
    store.change(samples.VERSION, record.job, lambda found: found.model_copy(update={"attempts": (strange,)}))
    assert tell(chunk()) == []
    [envelope] = bus.envelopes()
    assert envelope["detail"]["usd"] is None
    assert envelope["detail"]["chunks"]["done"] == 1


def test_a_backlog_is_counted_only_so_far(batch):
    batch.jobs = {(QUEUES[0], "RUNNABLE"): 50_000}
    assert queue_depth.depth_of(QUEUES) == QueueDepth(waiting=queue_depth.MOST_COUNTED, running=0)
    assert batch.pages < 20
