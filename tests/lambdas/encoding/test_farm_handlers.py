import json

import pytest

from lambdas.common.errors import InvalidInputError, NotFoundError
from lambdas.encoding import farm_queues
from lambdas.encoding.cap_store import CapStore
from lambdas.encoding.caps import Cap
from lambdas.encoding.claims import Outcome, claim, commit, finish, give_up
from lambdas.encoding.cost import PredictedLine, Prediction, Stage
from lambdas.encoding.environment import JobsEnvironment
from lambdas.encoding.farm_handlers import jobs
from lambdas.encoding.job_ids import JobIds
from lambdas.encoding.job_store import JobStore
from lambdas.encoding.prices import PriceList
from lambdas.encoding.progress import planned_jobs
from tests.lambdas import samples
from tests.lambdas.calls import watched
from tests.lambdas.cloud import put
from tests.lambdas.encoding.batch import JobLists
from tests.lambdas.encoding.test_cap_store import TABLE as CAPS
from tests.lambdas.encoding.test_cap_store import create_caps_table
from tests.lambdas.encoding.test_claims import JOB, LEASE, NOW, OUTPUT, after, worker
from tests.lambdas.encoding.test_job_store import TABLE, create_table
from tests.lambdas.encoding.test_planning import planned

AUDIO = "audio/en_stereo_128k/0011223344556677"
REQUEST = {"version_id": samples.VERSION}
PRICES = PriceList.load()


@pytest.fixture
def store(buckets, deployed, monkeypatch):
    batch = JobLists()
    batch.jobs = {("arn:1", "SUBMITTED"): 1, ("arn:2", "RUNNABLE"): 2, ("arn:2", "RUNNING"): 2}
    monkeypatch.setattr(farm_queues, "client", lambda service: watched(service, {"batch": batch}[service]))
    deployed(
        JobsEnvironment(
            jobs_table=TABLE,
            work_bucket=buckets.work,
            job_queues="arn:1,arn:2",
            caps_table=CAPS,
            title_cap_usd=5.0,
        )
    )
    create_table()
    create_caps_table()
    return JobStore(TABLE)


def attempt(store, job, *, by, outcome=None, minutes=2, error=None):
    """Let a worker claim a job, and end as it is told to."""

    def change(how, **given):
        return store.change(samples.VERSION, job, lambda record: how(record, **given))

    store.plan(samples.VERSION, job)
    token = change(claim, worker=worker(by), now=NOW, until=NOW + LEASE).token
    if outcome is Outcome.DONE:
        change(commit, token=token, now=after(minutes), output=OUTPUT)
        change(finish, output=OUTPUT)
    elif outcome is not None:
        change(give_up, token=token, now=after(minutes), outcome=outcome, error=error)


@pytest.fixture
def encoded(store):
    """A chunk that was done at the second attempt, and sound that is being encoded."""
    attempt(store, JOB, by="ana", outcome=Outcome.INTERRUPTED, error="SystemExit: 143")
    attempt(store, JOB, by="ben", outcome=Outcome.DONE, minutes=3)
    attempt(store, AUDIO, by="cho")


@pytest.mark.usefixtures("encoded")
def test_every_job_is_told_with_its_attempts(context):
    answer = jobs(REQUEST, context)
    assert json.loads(json.dumps(answer)) == answer
    assert answer["version_id"] == samples.VERSION
    sound, chunk = answer["jobs"]
    assert (chunk["job"], chunk["state"], chunk["token"]) == (JOB, "done", 2)
    first, second = chunk["attempts"]
    assert first == {
        "token": 1,
        "outcome": "interrupted",
        "started_at": "2026-11-22T12:00:00Z",
        "seen_at": "2026-11-22T12:02:00Z",
        "seconds": 120.0,
        "vcpu_seconds": 480.0,
        "capacity": "fargate-arm-spot",
        "batch_job": "ana",
        "error": "SystemExit: 143",
    }
    assert (second["outcome"], second["batch_job"], second["error"]) == ("done", "ben", None)
    assert (sound["job"], sound["state"], sound["attempts"][0]["outcome"]) == (AUDIO, "claimed", "running")


@pytest.mark.usefixtures("encoded")
def test_the_cost_is_told_by_stage_and_rung_and_in_all(context):
    cost = jobs(REQUEST, context)["cost"]
    assert cost["as_of"] == PRICES.as_of.isoformat()
    assert [(line["stage"], line["rung"], line["jobs"], line["attempts"]) for line in cost["lines"]] == [
        ("encode", "1080p", 1, 2),
        ("audio", None, 1, 1),
    ]
    chunk, sound = (PRICES.price(worker(), seconds) for seconds in (120 + 180, 0))
    assert cost["usd"] == pytest.approx(chunk + sound)
    assert cost["on_demand_usd"] - cost["usd"] == pytest.approx(cost["saved_usd"])
    assert cost["saved_usd"] > 0
    assert (cost["wasted_seconds"], cost["vcpu_seconds"]) == (120, 1200)
    assert cost["wasted_usd"] == pytest.approx(PRICES.price(worker(), 120))


@pytest.mark.usefixtures("encoded")
def test_what_was_expected_is_told_if_somebody_said_so(context):
    assert jobs(REQUEST, context)["predicted"] is None
    line = PredictedLine(stage=Stage.ENCODE, rung="1080p", jobs=1, vcpu_seconds=900, usd_low=0.01, usd_expected=0.02)
    prediction = Prediction(as_of=PRICES.as_of, capacity="fargate-arm-spot", lines=(line, line))
    put(bucket="work", key=f"work/{samples.VERSION}/prediction.json", body=prediction.model_dump_json())
    predicted = jobs(REQUEST, context)["predicted"]
    assert (predicted["usd_low"], predicted["usd_expected"], predicted["vcpu_seconds"]) == (0.02, 0.04, 1800)
    assert predicted["capacity"] == "fargate-arm-spot"
    assert len(predicted["lines"]) == 2


@pytest.mark.usefixtures("encoded")
def test_what_it_may_cost_is_told_and_who_said_so(context):
    assert jobs(REQUEST, context)["cap"] == {"usd": 5.0, "said": []}
    for usd, at in ((7.0, NOW), (9.0, after(1))):
        CapStore(CAPS).add(Cap(version_id=samples.VERSION, usd=usd, at=at, by="ana", reason="a premiere"))
    told = jobs(REQUEST, context)["cap"]
    assert told["usd"] == 9.0
    assert [(said["usd"], said["by"], said["reason"]) for said in told["said"]] == [
        (9.0, "ana", "a premiere"),
        (7.0, "ana", "a premiere"),
    ]


@pytest.mark.usefixtures("encoded")
def test_how_far_it_is_is_told_as_long_as_its_plan_is_known(store, context):
    assert jobs(REQUEST, context)["progress"] is None
    plan = planned()
    put(bucket="work", key=f"work/{samples.VERSION}/plan.json", body=plan.model_dump_json())
    attempt(store, JobIds(plan).chunk("1080p", 0), by="dan", outcome=Outcome.DONE)
    answer = jobs(REQUEST, context)
    assert json.loads(json.dumps(answer)) == answer
    progress = answer["progress"]
    assert (progress["chunks"]["done"], progress["jobs"]["done"]) == (1, 1)
    assert progress["jobs"]["total"] == len(planned_jobs(plan))
    assert sum(line["jobs"]["total"] for line in progress["lines"]) == progress["jobs"]["total"]
    assert answer["queue"] == {"waiting": 3, "running": 2}


@pytest.mark.usefixtures("store")
def test_a_version_that_is_planned_is_told_before_its_first_job(context):
    put(bucket="work", key=f"work/{samples.VERSION}/plan.json", body=planned().model_dump_json())
    answer = jobs(REQUEST, context)
    assert (answer["jobs"], answer["progress"]["jobs"]["done"], answer["cost"]["usd"]) == ([], 0, 0)


@pytest.mark.usefixtures("encoded")
def test_a_version_without_a_record_is_not_found(context):
    with pytest.raises(NotFoundError, match="`marquee versions TITLE`"):
        jobs({"version_id": "v-none"}, context)


@pytest.mark.usefixtures("store")
def test_a_version_has_to_be_named(context):
    with pytest.raises(InvalidInputError, match="version_id"):
        jobs({}, context)


def test_clocks_that_disagree_cost_nothing_negative(store, context):
    attempt(store, AUDIO, by="ana", outcome=Outcome.FAILED, minutes=-5, error="no sound")
    answer = jobs(REQUEST, context)
    assert answer["jobs"][0]["attempts"][0]["seconds"] == 0
    assert answer["cost"]["usd"] >= 0
