import json

import pytest
from pydantic import ValidationError

from lambdas.common.aws import client
from lambdas.common.batch import scheduling_priority
from lambdas.common.bus import EventPublisher
from lambdas.common.errors import InvalidInputError, NotFoundError
from lambdas.common.events import VersionPackaged
from lambdas.common.media import Priority
from lambdas.encoding import handlers
from lambdas.encoding.cost import Prediction
from lambdas.encoding.environment import PlanEnvironment, RegisterEnvironment, StartEnvironment
from lambdas.encoding.models import EncodingPlan
from lambdas.encoding.planning import KeyMissingError
from tests.lambdas import samples
from tests.lambdas.cloud import executions, put, state_machine

LADDER = json.dumps([recipe.model_dump(mode="json") for recipe in samples.LADDER])
VERSION = {
    "studio": samples.STUDIO,
    "delivery_id": samples.DELIVERY,
    "title_id": samples.TITLE,
    "version_id": samples.VERSION,
}


def plan_environment(**changes):
    values = {
        "work_bucket": "work",
        "media_bucket": "media",
        "event_bus": "marquee",
        "ladder": LADDER,
        "chunk_segments": 3,
        "segment_s": 4.0,
        "capacity": "fargate-arm-spot",
        "job_vcpus": 1,
        "job_memory_mib": 4096,
    }
    return PlanEnvironment(**values | changes)


@pytest.fixture(autouse=True)
def pipeline(bus, buckets, deployed):
    """The functions' environments; the state machine's ARN."""
    arn = state_machine("encoding")
    for contract in (
        StartEnvironment(state_machine_arn=arn),
        plan_environment(),
        RegisterEnvironment(work_bucket=buckets.work, event_bus=bus.name),
    ):
        deployed(contract)
    return arn


def state_with_keys(keys=samples.KEYS, **more):
    issued = {"keys": [key.model_dump(mode="json") for key in keys]}
    return samples.source_accepted().model_dump(mode="json") | {"issued": issued} | more


def test_a_source_starts_one_execution_however_often_it_is_announced(pipeline, bus, context):
    source = samples.source_accepted()
    for _ in range(2):
        EventPublisher(bus.name).publish(source)
    for envelope in bus.envelopes():
        handlers.start(envelope, context)
    assert executions(pipeline) == [{"name": samples.VERSION, "input": source.model_dump(mode="json")}]


def test_an_event_of_a_later_schema_starts_nothing(pipeline, bus, context):
    EventPublisher(bus.name).publish(samples.source_accepted())
    [envelope] = bus.envelopes()
    envelope["detail"]["schema_version"] = 2
    with pytest.raises(InvalidInputError, match="schema_version"):
        handlers.start(envelope, context)
    assert executions(pipeline) == []


def listed(answer):
    """The jobs that the state machine maps over."""
    where = answer["chunk_jobs"]
    return json.loads(client("s3").get_object(Bucket=where["bucket"], Key=where["key"])["Body"].read())


def test_the_plan_is_written_announced_and_turned_into_jobs(bus, context):
    answer = handlers.plan(state_with_keys(added_by="the state machine"), context)
    uri = f"s3://work/work/{samples.VERSION}/plan.json"
    assert {name: answer[name] for name in VERSION} == VERSION
    assert answer["plan"] == uri
    assert answer["package"]["command"] == ["package", "--plan", uri]
    assert answer["verify"]["command"] == ["verify", "--plan", uri]
    assert [rung["join"]["command"][-1] for rung in answer["rung_jobs"]] == ["1080p", "720p", "480p", "360p"]
    body = client("s3").get_object(Bucket="work", Key=f"work/{samples.VERSION}/plan.json")["Body"].read()
    plan = EncodingPlan.model_validate_json(body)
    assert plan.thumbnails == samples.source_accepted().thumbnails
    assert plan.source.key == f"{samples.STUDIO}/{samples.DELIVERY}/{samples.FEATURE}"
    assert (plan.work_bucket, plan.media_bucket) == ("work", "media")
    [envelope] = bus.envelopes()
    assert envelope["detail-type"] == "EncodingStarted"
    assert envelope["detail"]["jobs"] == len(listed(answer)) + 2 * len(answer["rung_jobs"]) + 2


def test_the_jobs_of_chunks_are_a_list_in_s3_however_many_they_are(context):
    film = samples.source_accepted()
    video = film.facts.video.model_copy(update={"frames": 24 * 3600 * 3})
    long = film.model_copy(update={"facts": film.facts.model_copy(update={"video": video})})
    answer = handlers.plan(state_with_keys() | long.model_dump(mode="json"), context)
    assert len(listed(answer)) > 2000
    assert len(json.dumps(answer)) < 16 * 1024


@pytest.mark.parametrize("priority", ["original", "licensed"])
def test_every_job_is_as_urgent_as_its_delivery(context, priority):
    jobs = handlers.plan(state_with_keys() | {"priority": priority}, context)
    every = [*listed(jobs), *(job for rung in jobs["rung_jobs"] for job in rung.values())]
    every += [jobs["package"], jobs["verify"]]
    assert {job["priority"] for job in every} == {scheduling_priority(Priority(priority))}


def predicted():
    body = client("s3").get_object(Bucket="work", Key=f"work/{samples.VERSION}/prediction.json")["Body"].read()
    return Prediction.model_validate_json(body)


def test_what_the_jobs_will_cost_is_written_beside_the_plan(context):
    answer = handlers.plan(state_with_keys(), context)
    prediction = predicted()
    assert prediction.capacity == "fargate-arm-spot"
    assert sum(line.jobs for line in prediction.lines) == len(listed(answer)) + 2 * len(answer["rung_jobs"]) + 2
    assert 0 < prediction.usd_low <= prediction.usd_expected


@pytest.mark.parametrize(
    "unknown",
    [
        {"capacity": "abacus-spot"},
        {"ladder": json.dumps([{**samples.LADDER[0].model_dump(mode="json"), "preset": "placebo"}])},
    ],
    ids=lambda unknown: next(iter(unknown)),
)
def test_what_nobody_can_predict_is_planned_all_the_same(context, deployed, caplog, unknown):
    deployed(plan_environment(**unknown))
    assert handlers.plan(state_with_keys(), context)["rung_jobs"]
    with pytest.raises(client("s3").exceptions.NoSuchKey):
        predicted()
    assert [record.message for record in caplog.records if record.levelname == "WARNING"] == ["no prediction"]


def test_planning_again_gives_the_same(context):
    assert handlers.plan(state_with_keys(), context) == handlers.plan(state_with_keys(), context)


def test_no_job_carries_a_key(context):
    assert "wrapped" not in json.dumps(handlers.plan(state_with_keys(), context))


def test_without_its_keys_nothing_is_planned(bus, context):
    with pytest.raises(InvalidInputError, match="issued"):
        handlers.plan(samples.source_accepted().model_dump(mode="json"), context)
    with pytest.raises(KeyMissingError):
        handlers.plan(state_with_keys(keys=()), context)
    assert bus.envelopes() == []
    assert "Contents" not in client("s3").list_objects_v2(Bucket="work")


def report():
    packaged = samples.version_packaged().model_dump(mode="json")
    same = ("duration_s", "poster", "thumbnails", "renditions", "key_ids")
    return {name: packaged[name] for name in same} | packaged["manifests"]


def verification(**changes):
    checked = samples.version_packaged().verification.model_dump(mode="json")
    return {"checked_at": checked["checked_at"], "objects": checked["objects"], "tracks": []} | changes


def left(name, document):
    """Let the jobs have left a report."""
    put(bucket="work", key=f"work/{samples.VERSION}/{name}.json", body=json.dumps(document))


def test_what_was_packaged_and_verified_is_announced(bus, context):
    left("package", report())
    left("verification", verification())
    answer = handlers.register(VERSION | {"more": 1}, context)
    assert answer == {"version_id": samples.VERSION, "title_id": samples.TITLE}
    [envelope] = bus.envelopes()
    assert VersionPackaged.model_validate(envelope["detail"]) == samples.version_packaged()


def test_a_package_that_nobody_could_play_is_announced_as_such(bus, context):
    left("package", report())
    left("verification", verification(faults=[{"subject": "video/1080p/seg_1.m4s", "message": "it is empty"}]))
    handlers.register(VERSION, context)
    [envelope] = bus.envelopes()
    assert envelope["detail"]["verification"]["verified"] is False


def test_a_package_without_its_reports_is_not_announced(bus, context):
    with pytest.raises(NotFoundError, match=r"package\.json"):
        handlers.register(VERSION, context)
    left("package", report())
    with pytest.raises(NotFoundError, match=r"verification\.json"):
        handlers.register(VERSION, context)
    left("package", report() | {"poster": None})
    with pytest.raises(InvalidInputError, match="poster"):
        handlers.register(VERSION, context)
    assert bus.envelopes() == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"ladder": "[]"},
        {"ladder": "1080p"},
        {"ladder": LADDER.replace('"720p"', '"1080p"')},
        {"ladder": LADDER.replace('"720p"', '"720 p"')},
        {"ladder": LADDER.replace("854", "853")},
        {"chunk_segments": 0},
        {"segment_s": 0},
    ],
)
def test_a_wrong_ladder_cannot_be_deployed(wrong):
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        plan_environment(**wrong)
