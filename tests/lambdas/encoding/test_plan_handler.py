"""What the planner does beside the plan: shots, queue, cap. And what is looked at again between the phases."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from lambdas.common.aws import client
from lambdas.common.errors import InvalidInputError
from lambdas.common.keys import Workspace
from lambdas.encoding import farm_mode_store, handlers
from lambdas.encoding.cap_store import CapStore
from lambdas.encoding.caps import Cap, CostCapError
from lambdas.encoding.claims import JobRecord, JobState
from lambdas.encoding.cost import Prediction
from lambdas.encoding.environment import StockEnvironment
from lambdas.encoding.farm_mode_store import initial_content
from lambdas.encoding.job_ids import JobIds
from lambdas.encoding.job_store import JobStore
from lambdas.encoding.ladder_handlers import choose_ladder
from lambdas.encoding.models import EncodingPlan
from tests.lambdas import samples
from tests.lambdas.calls import watched
from tests.lambdas.cloud import put
from tests.lambdas.encoding.appconfig import AppConfig
from tests.lambdas.encoding.test_cap_store import TABLE as CAPS
from tests.lambdas.encoding.test_cap_store import create_caps_table
from tests.lambdas.encoding.test_cost import attempt
from tests.lambdas.encoding.test_handlers import ON_DEMAND, SPOT, choose_environment, plan_environment
from tests.lambdas.encoding.test_job_store import TABLE as JOBS
from tests.lambdas.encoding.test_job_store import create_table

SEGMENT = 96
ASKED = {"version_id": samples.VERSION, "title_id": samples.TITLE}


def due_in_a_day(**changes):
    return plan_environment(sla_hours=24, **{"title_cap_usd": 1.0} | changes)


@pytest.fixture(autouse=True)
def tables(bus, buckets, deployed, monkeypatch):
    appconfig = AppConfig(initial_content().encode())
    monkeypatch.setattr(farm_mode_store, "_data", lambda: watched("appconfigdata", appconfig))
    create_table()
    create_caps_table()
    deployed(choose_environment(event_bus=bus.name))
    deployed(due_in_a_day())


def accepted(**changes):
    """The sample, delivered just now."""
    return samples.source_accepted(**{"delivered_at": datetime.now(UTC)} | changes).model_dump(mode="json")


def plan(context, **changes):
    """Plan the sample."""
    issued = {"keys": [key.model_dump(mode="json") for key in samples.KEYS]}
    return handlers.plan(accepted(**changes) | {"issued": issued}, context)


def choose(context, **changes):
    """Choose the ladder of the sample, whose search has left the sample's report."""
    key = Workspace(samples.VERSION).ladder(JobIds(known()).search)
    put(bucket="work", key=key, body=samples.ladder_report().model_dump_json())
    return choose_ladder({"accepted": accepted(**changes)}, context)


def known():
    return EncodingPlan.model_validate(written("plan"))


def written(name):
    body = client("s3").get_object(Bucket="work", Key=f"work/{samples.VERSION}/{name}.json")["Body"].read()
    return json.loads(body)


def borders():
    return [chunk["first_frame"] // SEGMENT for chunk in written("plan")["chunks"]]


def analysed(**report):
    put(bucket="work", key=f"analysis/{samples.VERSION}/report.json", body=json.dumps(report))


def shot(frame):
    return {"first_frame": frame, "start_s": frame / 24, "timecode": "00:00:00:00", "score": 40.0}


def test_chunks_begin_with_the_shots_that_the_analysis_found(context):
    analysed(schema_version=1, frames=600, shots=[shot(0), shot(2 * SEGMENT), shot(300), shot(7 * SEGMENT)])
    plan(context)
    assert borders() == [0, 2, 6]


def test_every_shot_that_the_analysis_found_is_tried_on(context):
    analysed(shots=[shot(0), shot(100), shot(400)])
    plan(context)
    middles = [excerpt["first_frame"] + excerpt["frames"] // 2 for excerpt in written("plan")["excerpts"]]
    assert middles == [50, 250, 500]


@pytest.mark.parametrize("report", [None, b"{}", b'{"shots": []}', b'{"shots": "many"}', b"not JSON", b" " * (9 << 20)])
def test_a_report_that_cannot_be_read_stops_no_film(context, report, caplog):
    if report is not None:
        put(bucket="work", key=f"analysis/{samples.VERSION}/report.json", body=report)
    assert plan(context)["search"]
    assert borders() == [0, 3, 6]
    assert len(written("plan")["excerpts"]) > 1
    told = [record.message for record in caplog.records if record.levelname == "WARNING"]
    assert told == ([] if report in {b"{}", b'{"shots": []}'} else ["no shots"])


def every_job(planned, answer):
    where = answer["chunk_jobs"]
    chunks = json.loads(client("s3").get_object(Bucket=where["bucket"], Key=where["key"])["Body"].read())
    return [
        planned["search"],
        *chunks,
        *(job for rung in answer["rung_jobs"] for job in rung.values()),
        answer["package"],
        answer["verify"],
    ]


def test_a_film_that_has_time_waits_for_spot_and_its_jobs_know_how_long(context):
    delivered = datetime.now(UTC)
    planned, answer = plan(context, delivered_at=delivered), choose(context, delivered_at=delivered)
    assert planned["farm"] == answer["farm"] == {"queue": SPOT}
    jobs = every_job(planned, answer)
    until = [datetime.fromisoformat(job["spot_until"]) for job in jobs]
    due = delivered + timedelta(hours=24)
    assert all(due - timedelta(hours=1) < moment < due for moment in until)
    assert sum(job["usd"] for job in jobs) == pytest.approx(predicted().usd_expected)
    assert planned["search"]["spot_until"] == min(job["spot_until"] for job in jobs), "it comes first"


@pytest.mark.parametrize("step", [plan, choose], ids=["the search", "what follows it"])
def test_a_film_that_is_late_is_encoded_and_paid_for_on_demand(context, step):
    plan(context)
    on_time = step(context)
    spot = predicted()
    late = step(context, delivered_at=datetime.now(UTC) - timedelta(hours=24))
    assert (on_time["farm"], late["farm"]) == ({"queue": SPOT}, {"queue": ON_DEMAND})
    assert (spot.capacity, predicted().capacity) == ("fargate-arm-spot", "fargate-arm")
    assert predicted().usd_expected > spot.usd_expected


def test_a_campaign_waits_as_long_as_it_takes(context):
    whenever = {"priority": "campaign", "delivered_at": "2008-04-10T00:00:00Z"}
    planned, answer = plan(context, **whenever), choose(context, **whenever)
    assert planned["farm"] == answer["farm"] == {"queue": SPOT}
    assert {job["spot_until"][:4] for job in every_job(planned, answer)} == {"9999"}


def predicted():
    return Prediction.model_validate(written("prediction"))


def test_a_film_that_would_cost_too_much_is_stopped_before_any_job_and_the_way_on_is_said(bus, context, deployed):
    deployed(due_in_a_day(title_cap_usd=0.001))
    with pytest.raises(CostCapError, match=rf"cap raise {samples.TITLE} --version {samples.VERSION} --to") as refused:
        plan(context)
    assert f"should cost {predicted().usd_expected:.6f} more" in str(refused.value)
    assert bus.envelopes() == []
    CapStore(CAPS).add(
        Cap(version_id=samples.VERSION, usd=1.0, at=datetime.now(UTC), by="ana", reason="it is worth it")
    )
    assert plan(context)["search"]


def test_a_film_whose_search_was_too_dear_is_stopped_before_it_is_encoded(bus, context):
    plan(context)
    finish(JobIds(known()).search, seconds=500_000)
    with pytest.raises(CostCapError, match=f"jobs retry {samples.TITLE}"):
        choose(context)
    assert bus.envelopes() == []
    with pytest.raises(client("s3").exceptions.NoSuchKey):
        written("jobs")


@pytest.mark.parametrize("step", [plan, choose])
def test_what_was_spent_before_counts_and_what_is_done_is_not_to_come(context, deployed, step):
    plan(context)
    choose(context)
    encoded, expected = known(), predicted().usd_expected
    jobs = JobIds(encoded)
    done = [jobs.chunk(recipe.rung, chunk.index) for recipe in encoded.video for chunk in encoded.chunks]
    for job in [jobs.search, *done]:
        finish(job, seconds=1)
    deployed(due_in_a_day(title_cap_usd=expected))
    # A minute of Fargate is paid for at least, and the prediction says the same of each.
    step(context)
    finish(jobs.audio("eng_stereo_128k"), seconds=500_000)
    with pytest.raises(CostCapError, match="has cost"):
        step(context)


def test_planned_again_a_film_has_the_ladder_that_was_found(context):
    first = plan(context)
    choose(context)
    assert known().ladder is not None
    encoded = known()
    assert plan(context)["search"]["command"] == first["search"]["command"]
    assert known() == encoded


def finish(job, *, seconds):
    """Let a job be done by one attempt of so many seconds."""
    store = JobStore(JOBS)
    store.plan(samples.VERSION, job)
    made = attempt(seconds, capacity="fargate-arm-spot")
    worker = made.worker.model_copy(update={"vcpus": 1, "memory_mib": 4096})
    record = JobRecord(
        version_id=samples.VERSION,
        job=job,
        state=JobState.DONE,
        attempts=(made.model_copy(update={"worker": worker}),),
    )
    store.change(samples.VERSION, job, lambda _: record)


@pytest.fixture
def stock(deployed, context):
    """Take stock of the sample, before jobs that may wait so many minutes for spot."""
    deployed(
        StockEnvironment(
            work_bucket="work",
            encoding_queue=SPOT,
            on_demand_queue=ON_DEMAND,
            caps_table=CAPS,
            title_cap_usd=1.0,
            jobs_table=JOBS,
        )
    )

    def take(minutes=5):
        until = datetime.now(UTC) + timedelta(minutes=minutes)
        return handlers.take_stock(ASKED | {"spot_until": until.isoformat()}, context)

    return take


def test_between_the_phases_a_film_that_is_late_leaves_spot(stock):
    assert stock(minutes=5) == {"queue": SPOT}
    assert stock(minutes=-5) == {"queue": ON_DEMAND}


def test_between_the_phases_a_film_that_costs_more_than_it_may_is_stopped(stock, context):
    plan(context)
    assert stock()
    jobs = JobIds(known())
    finish(jobs.audio("eng_stereo_128k"), seconds=500_000)
    with pytest.raises(CostCapError, match=f"jobs retry {samples.TITLE}"):
        stock()


def test_without_a_prediction_what_was_spent_is_held_against_the_cap(stock):
    finish("audio/eng_stereo_128k/0011223344556677", seconds=10)
    assert stock()
    finish("audio/eng_stereo_128k/0011223344556677", seconds=500_000)
    with pytest.raises(CostCapError, match=r"should cost 0\.000000 more"):
        stock()


def test_stock_is_taken_of_a_version_only(stock, context):
    with pytest.raises(InvalidInputError, match="spot_until"):
        handlers.take_stock(ASKED, context)
