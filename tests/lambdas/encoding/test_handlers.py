import json
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from pydantic import ValidationError

from lambdas.common.aws import client
from lambdas.common.bus import EventPublisher
from lambdas.common.errors import InvalidInputError, NotFoundError
from lambdas.common.events import ReencodeRequested, VersionPackaged
from lambdas.common.keys import Analysis, Workspace
from lambdas.encoding import farm_mode_store, handlers
from lambdas.encoding.cost import Prediction, Stage
from lambdas.encoding.environment import ChooseEnvironment, PlanEnvironment, RegisterEnvironment, StartEnvironment
from lambdas.encoding.farm_mode import Degrade, FarmMode, Shortcuts, changed
from lambdas.encoding.farm_mode_store import initial_content
from lambdas.encoding.job_ids import JobIds
from lambdas.encoding.ladder import packed
from lambdas.encoding.ladder_handlers import choose_ladder
from lambdas.encoding.models import Chunk, EncodingPlan, SearchRules
from lambdas.encoding.planning import KeyMissingError
from tests.lambdas import samples
from tests.lambdas.cloud import executions, put, state_machine
from tests.lambdas.encoding.appconfig import IDS, AppConfig
from tests.lambdas.encoding.test_cap_store import TABLE as CAPS
from tests.lambdas.encoding.test_cap_store import create_caps_table
from tests.lambdas.encoding.test_job_store import TABLE as JOBS
from tests.lambdas.encoding.test_job_store import create_table

SIZE = {"vcpus": 1, "memory_mib": 4096}
SHORTCUTS = Shortcuts(skipped_rungs=("480p",), preset="superfast", vmaf_target=93)
SPOT, ON_DEMAND = "arn:of:the:encoding-queue", "arn:of:the:on-demand-queue"
URI = f"s3://work/work/{samples.VERSION}/plan.json"
SEARCH = SearchRules(excerpts=6, excerpt_s=0.5, most_rungs=4, floor_kbps=400)
VERSION = {
    "studio": samples.STUDIO,
    "delivery_id": samples.DELIVERY,
    "title_id": samples.TITLE,
    "version_id": samples.VERSION,
}


PROSPECT = {
    "work_bucket": "work",
    "capacity": "fargate-arm-spot",
    "sizes": json.dumps({"threaded": SIZE, "single": SIZE}),
    "at_once": 8,
    "on_demand_vcpus": 8,
    # Whenever this runs, the sample is not late.
    "sla_hours": 24 * 365 * 100,
    "encoding_queue": SPOT,
    "on_demand_queue": ON_DEMAND,
    "caps_table": CAPS,
    "title_cap_usd": 10.0,
    "jobs_table": JOBS,
    "floors": json.dumps({"HD": {"vmaf_mean": 95, "vmaf_p5": 85}}),
}


def plan_environment(**changes):
    values = {
        "media_bucket": "media",
        "ladder": packed(samples.LADDER),
        "chunk_segments": 3,
        "segment_s": 4.0,
        "shortcuts": SHORTCUTS.model_dump_json(),
        "search": SEARCH.model_dump_json(),
        "sound": samples.SOUND.model_dump_json(),
        **IDS,
    }
    return PlanEnvironment(**PROSPECT | values | changes)


def choose_environment(**changes):
    return ChooseEnvironment(**PROSPECT | {"event_bus": "marquee"} | changes)


@pytest.fixture(autouse=True)
def appconfig(monkeypatch):
    fake = AppConfig(initial_content().encode())
    monkeypatch.setattr(farm_mode_store, "_data", lambda: fake)
    return fake


@pytest.fixture(autouse=True)
def pipeline(bus, buckets, deployed):
    """The functions' environments; the state machine's ARN."""
    arn = state_machine("encoding")
    create_table()
    create_caps_table()
    put(bucket="work", key=Analysis(samples.VERSION).report, body="{}")
    for contract in (
        StartEnvironment(state_machine_arn=arn, off_peak='{"begins": 22, "ends": 6}'),
        plan_environment(),
        choose_environment(event_bus=bus.name),
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


@pytest.mark.parametrize(
    ("off_peak", "at", "start_at"),
    [
        (True, "2026-11-22T12:00:00Z", "2026-11-22T22:00:00Z"),
        (True, "2026-11-22T23:00:00Z", "2026-11-22T23:00:00Z"),
        (False, "2026-11-22T12:00:00Z", None),
    ],
)
def test_what_a_campaign_asks_for_waits_until_off_peak_if_it_may(pipeline, bus, context, off_peak, at, start_at):
    accepted = samples.source_accepted(version_id="c0123456789abcdef", priority="campaign")
    asked = ReencodeRequested(
        campaign="spring", replaces=samples.VERSION, off_peak=off_peak, by="arn:ops", accepted=accepted
    )
    EventPublisher(bus.name).publish(asked)
    [envelope] = bus.envelopes()
    for _ in range(2):
        handlers.start(envelope | {"time": at}, context)
    waits = {"start_at": start_at} if start_at else {}
    assert executions(pipeline) == [{"name": "c0123456789abcdef", "input": accepted.model_dump(mode="json") | waits}]


def degrade(appconfig, *, hours=12, ago=0):
    asked = Degrade(do="degrade", hours=hours, reason="500 titles wait", by="arn:ops")
    mode = changed(FarmMode(), asked, now=datetime.now(UTC) - timedelta(hours=ago))
    appconfig.versions[1] = (mode.model_dump_json().encode(), None)


def written():
    body = client("s3").get_object(Bucket="work", Key=f"work/{samples.VERSION}/plan.json")["Body"].read()
    return EncodingPlan.model_validate_json(body)


def planned_in(mode):
    """The rungs and presets that the search compares, of the plan that was just made in `mode`."""
    plan = written()
    assert plan.mode == mode
    assert plan.vmaf_target == {"normal": 95, "degraded": 93}[mode]
    return [(recipe.rung, recipe.preset) for recipe in plan.fixed]


def choose(context, **changes):
    """Choose the ladder of the planned version, whose search has left a report."""
    key = Workspace(samples.VERSION).ladder(JobIds(written()).search)
    put(bucket="work", key=key, body=samples.ladder_report(**changes).model_dump_json())
    return choose_ladder({"accepted": samples.source_accepted().model_dump(mode="json")}, context)


NORMALLY = [(recipe.rung, recipe.preset) for recipe in samples.LADDER]
HASTILY = [("1080p", "superfast"), ("720p", "superfast"), ("360p", "superfast")]


def test_in_degraded_mode_less_trouble_is_taken_and_the_plan_says_so(appconfig, bus, context):
    degrade(appconfig)
    assert handlers.plan(state_with_keys(), context)["mode"] == "degraded"
    assert planned_in("degraded") == HASTILY
    # When the ladder is chosen, the mode is over: the version keeps the one that it was planned in.
    appconfig.versions[1] = (FarmMode().model_dump_json().encode(), None)
    [best, *_] = samples.codec_ladder().rungs
    assert choose(context, ladders=(samples.codec_ladder(rungs=(best,)),))["mode"] == "degraded"
    [envelope] = bus.envelopes()
    assert envelope["detail"]["mode"] == "degraded"
    assert [recipe.preset for recipe in written().video] == ["superfast"]


def test_a_degraded_mode_that_is_over_is_none(appconfig, context):
    degrade(appconfig, hours=1, ago=2)
    handlers.plan(state_with_keys(), context)
    assert planned_in("normal") == NORMALLY


def test_what_a_campaign_encodes_anew_is_never_degraded(appconfig, context):
    degrade(appconfig)
    handlers.plan(state_with_keys() | {"priority": "campaign"}, context)
    assert planned_in("normal") == NORMALLY


@pytest.mark.parametrize("trouble", ["away", "nonsense"])
def test_no_film_stops_for_a_mode_that_is_unknown(appconfig, context, caplog, trouble):
    appconfig.away = trouble == "away"
    appconfig.versions[1] = (b"{}}", None)
    assert handlers.plan(state_with_keys(), context)["mode"] == "normal"
    assert planned_in("normal") == NORMALLY
    said = [record.message for record in caplog.records if record.levelname == "WARNING"]
    assert "the farm's mode is unknown: planned in normal mode" in said


def listed(answer):
    """The jobs that the state machine maps over."""
    where = answer["chunk_jobs"]
    return json.loads(client("s3").get_object(Bucket=where["bucket"], Key=where["key"])["Body"].read())


def test_the_plan_is_written_and_its_ladder_searched(bus, context):
    answer = handlers.plan(state_with_keys(added_by="the state machine"), context)
    assert {name: answer[name] for name in VERSION} == VERSION
    assert answer["plan"] == URI
    assert answer["search"]["command"] == ["search", "--plan", URI]
    plan = written()
    assert plan.thumbnails == samples.source_accepted().thumbnails
    assert plan.source.key == f"{samples.STUDIO}/{samples.DELIVERY}/{samples.FEATURE}"
    assert (plan.work_bucket, plan.media_bucket) == ("work", "media")
    assert (plan.search, plan.ladder) == (SEARCH, None)
    assert bus.envelopes() == []


def test_the_ladder_that_was_found_is_planned_announced_and_turned_into_jobs(bus, context):
    planned = handlers.plan(state_with_keys(), context)
    answer = choose(context)
    assert {name: answer[name] for name in (*VERSION, "mode", "plan")} == {
        name: planned[name] for name in (*VERSION, "mode", "plan")
    }
    found = ["1080p", "720p", "720p-2", "480p"]
    assert [recipe.rung for recipe in written().video] == found
    assert [rung["join"]["command"][-1] for rung in answer["rung_jobs"]] == found
    assert answer["package"]["command"] == ["package", "--plan", URI]
    assert answer["verify"]["command"] == ["verify", "--plan", URI]
    [envelope] = bus.envelopes()
    assert envelope["detail-type"] == "EncodingStarted"
    assert envelope["detail"]["rungs"] == found
    assert envelope["detail"]["jobs"] == 1 + len(listed(answer)) + 2 * len(answer["rung_jobs"]) + 2


def test_a_ladder_that_nobody_has_found_is_not_chosen(bus, context):
    accepted = {"accepted": samples.source_accepted().model_dump(mode="json")}
    with pytest.raises(NotFoundError, match=samples.VERSION):
        choose_ladder(accepted, context)
    handlers.plan(state_with_keys(), context)
    with pytest.raises(NotFoundError, match=samples.VERSION):
        choose_ladder(accepted, context)
    with pytest.raises(InvalidInputError, match="version_id"):
        choose_ladder({"accepted": {}}, context)
    assert bus.envelopes() == []


def test_the_jobs_of_chunks_are_a_list_in_s3_however_many_they_are(context):
    film = samples.source_accepted()
    video = film.facts.video.model_copy(update={"frames": 24 * 3600 * 3})
    long = film.model_copy(update={"facts": film.facts.model_copy(update={"video": video})})
    handlers.plan(state_with_keys() | long.model_dump(mode="json"), context)
    answer = choose(context)
    assert len(listed(answer)) > 2000
    assert len(json.dumps(answer)) < 16 * 1024


def test_no_job_goes_before_one_of_a_more_urgent_delivery(context):
    def priorities(kind):
        planned = handlers.plan(state_with_keys() | {"priority": kind}, context)
        jobs = choose(context)
        rungs = [rung[step] for rung in jobs["rung_jobs"] for step in ("join", "score")]
        every = (planned["search"], *listed(jobs), *rungs, jobs["package"], jobs["verify"])
        return [job["priority"] for job in every]

    original, licensed, campaign = (priorities(kind) for kind in ("original", "licensed", "campaign"))
    assert min(original) > max(licensed)
    assert min(licensed) > max(campaign)


def test_what_is_nearer_to_its_end_goes_first(context):
    planned, jobs = handlers.plan(state_with_keys(), context), choose(context)
    steps = [
        [planned["search"]["priority"]],
        [job["priority"] for job in listed(jobs)],
        [rung["join"]["priority"] for rung in jobs["rung_jobs"]],
        [rung["score"]["priority"] for rung in jobs["rung_jobs"]],
        [jobs["package"]["priority"]],
        [jobs["verify"]["priority"]],
    ]
    assert all(max(before) < min(after) for before, after in pairwise(steps))


def predicted():
    body = client("s3").get_object(Bucket="work", Key=f"work/{samples.VERSION}/prediction.json")["Body"].read()
    return Prediction.model_validate_json(body)


def test_what_the_jobs_will_cost_is_written_beside_the_plan(context):
    handlers.plan(state_with_keys(), context)
    of_the_fixed_ladder = predicted()
    answer = choose(context)
    prediction = predicted()
    assert prediction.capacity == "fargate-arm-spot"
    assert sum(line.jobs for line in prediction.lines) == 1 + len(listed(answer)) + 2 * len(answer["rung_jobs"]) + 2
    assert of_the_fixed_ladder.of(Stage.ENCODE, "360p").jobs
    assert list(prediction.vcpu_seconds_by_rung) == [rung["join"]["command"][-1] for rung in answer["rung_jobs"]]
    assert 0 < prediction.usd_low <= prediction.usd_expected


@pytest.mark.parametrize(
    "unknown",
    [
        {"capacity": "abacus-spot"},
        {"ladder": packed([samples.LADDER[0].model_copy(update={"preset": "placebo"})])},
    ],
    ids=lambda unknown: next(iter(unknown)),
)
def test_what_nobody_can_predict_is_planned_all_the_same(context, deployed, caplog, unknown):
    deployed(plan_environment(**unknown))
    assert handlers.plan(state_with_keys(), context)["search"]
    with pytest.raises(client("s3").exceptions.NoSuchKey):
        predicted()
    assert [record.message for record in caplog.records if record.levelname == "WARNING"] == ["no prediction"]


def test_planning_again_gives_the_same(context):
    assert handlers.plan(state_with_keys(), context) == handlers.plan(state_with_keys(), context)
    assert choose(context) == choose(context)


def test_no_job_carries_a_key(context):
    assert "wrapped" not in json.dumps([handlers.plan(state_with_keys(), context), choose(context)])


def test_without_its_keys_nothing_is_planned(bus, context):
    with pytest.raises(InvalidInputError, match="issued"):
        handlers.plan(samples.source_accepted().model_dump(mode="json"), context)
    with pytest.raises(KeyMissingError):
        handlers.plan(state_with_keys(keys=()), context)
    assert bus.envelopes() == []
    assert "Contents" not in client("s3").list_objects_v2(Bucket="work", Prefix="work/")


def report():
    packaged = samples.version_packaged().model_dump(mode="json")
    same = ("duration_s", "poster", "thumbnails", "renditions", "key_ids")
    return {name: packaged[name] for name in same} | packaged["manifests"]


def verification(**changes):
    checked = samples.version_packaged().verification.model_dump(mode="json")
    return {"checked_at": checked["checked_at"], "objects": checked["objects"], "tracks": []} | changes


def left(package=None, checked=None, ladder=None):
    """Let the planner and the jobs have left what they are to leave."""
    plan = EncodingPlan(
        **VERSION,
        source=samples.source_accepted().media,
        work_bucket="work",
        media_bucket="media",
        width=1920,
        height=1080,
        frame_rate="24/1",
        frames=96,
        segment_frames=96,
        segment_s=4.0,
        chunks=(Chunk(index=0, first_frame=0, frames=96),),
        video=(),
        keys=samples.KEYS,
        ladder=ladder,
    )
    ids, workspace = JobIds(plan), Workspace(samples.VERSION)
    put(bucket="work", key=workspace.plan, body=plan.model_dump_json())
    for key, document in (
        (workspace.package(ids.package), package),
        (workspace.verification(ids.verify), checked),
    ):
        if document:
            put(bucket="work", key=key, body=json.dumps(document))


def test_what_was_packaged_and_verified_is_announced(bus, context):
    left(report(), verification())
    answer = handlers.register(VERSION | {"more": 1}, context)
    assert answer == {"version_id": samples.VERSION, "title_id": samples.TITLE}
    [envelope] = bus.envelopes()
    assert VersionPackaged.model_validate(envelope["detail"]) == samples.version_packaged()


def test_how_the_ladder_was_found_is_announced_with_the_version(bus, context):
    found = samples.ladder_report()
    left(report(), verification(), ladder=found)
    handlers.register(VERSION, context)
    [envelope] = bus.envelopes()
    assert VersionPackaged.model_validate(envelope["detail"]).ladder == found


def test_a_version_that_was_made_in_degraded_mode_is_announced_as_such(bus, context):
    left(report(), verification())
    handlers.register(VERSION | {"mode": "degraded"}, context)
    [envelope] = bus.envelopes()
    assert envelope["detail"]["mode"] == "degraded"


def test_a_package_that_nobody_could_play_is_announced_as_such(bus, context):
    left(report(), verification(faults=[{"subject": "video/1080p/seg_1.m4s", "message": "it is empty"}]))
    handlers.register(VERSION, context)
    [envelope] = bus.envelopes()
    assert envelope["detail"]["verification"]["verified"] is False


def test_a_package_without_its_plan_or_its_reports_is_not_announced(bus, context):
    with pytest.raises(NotFoundError, match="the plan of version"):
        handlers.register(VERSION, context)
    left()
    with pytest.raises(NotFoundError, match="package/"):
        handlers.register(VERSION, context)
    left(report())
    with pytest.raises(NotFoundError, match="verify/"):
        handlers.register(VERSION, context)
    left(report() | {"poster": None})
    with pytest.raises(InvalidInputError, match="poster"):
        handlers.register(VERSION, context)
    assert bus.envelopes() == []


def test_the_reports_of_an_earlier_plan_are_not_announced(bus, context):
    left(report(), verification())
    left(ladder=samples.ladder_report())
    with pytest.raises(NotFoundError, match="package/"):
        handlers.register(VERSION, context)
    assert bus.envelopes() == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"ladder": packed([])},
        {"ladder": "1080p"},
        {"ladder": "1080"},
        {"ladder": packed([samples.LADDER[0], samples.LADDER[0]])},
        {"ladder": packed([samples.LADDER[0].model_copy(update={"rung": "720 p"})])},
        {"ladder": packed([samples.LADDER[0].model_copy(update={"width": 853})])},
        {"chunk_segments": 0},
        {"segment_s": 0},
        {"search": "{}"},
        {"sound": "{}"},
        {"sound": samples.SOUND.model_dump_json().replace('"1":64,', "")},
        {"sound": samples.SOUND.model_copy(update={"recipes": samples.SOUND.recipes * 2}).model_dump_json()},
        {"search": SEARCH.model_dump_json().replace('"excerpts":6', '"excerpts":0')},
        {"floors": '{"HD": {"vmaf_p5": 101}}'},
        {"floors": '{"HD": {"vmaf_mean": 101, "vmaf_p5": 85}}'},
    ],
)
def test_a_wrong_ladder_cannot_be_deployed(wrong):
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        plan_environment(**wrong)
