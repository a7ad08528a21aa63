import json

import pytest

from lambdas.common.errors import InvalidInputError, NotFoundError
from lambdas.encoding.claims import Outcome, claim, commit, finish, give_up
from lambdas.encoding.cost import PredictedLine, Prediction, Stage
from lambdas.encoding.environment import JobsEnvironment
from lambdas.encoding.farm_handlers import jobs
from lambdas.encoding.job_store import JobStore
from lambdas.encoding.prices import PriceList
from tests.lambdas import samples
from tests.lambdas.cloud import put
from tests.lambdas.encoding.test_claims import JOB, LEASE, NOW, OUTPUT, after, worker
from tests.lambdas.encoding.test_job_store import TABLE, create_table

AUDIO = "audio/0011223344556677"
REQUEST = {"version_id": samples.VERSION}
PRICES = PriceList.load()


@pytest.fixture
def store(buckets, deployed):
    deployed(JobsEnvironment(jobs_table=TABLE, work_bucket=buckets.work))
    create_table()
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
