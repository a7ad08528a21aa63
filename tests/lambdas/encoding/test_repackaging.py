"""A version that is packaged anew: its plan, its two jobs, and what is kept for it."""

import json

import pytest

from lambdas.common.aws import client
from lambdas.common.bus import EventPublisher
from lambdas.common.content_keys import ContentKey
from lambdas.common.errors import NotFoundError
from lambdas.common.events import EncodingStarted, RepackageRequested
from lambdas.common.keys import Workspace, made
from lambdas.common.media import Tier
from lambdas.encoding import handlers
from lambdas.encoding.cost import Prediction, Stage
from lambdas.encoding.environment import RepackageEnvironment, StartEnvironment
from lambdas.encoding.job_ids import JobIds
from lambdas.encoding.made import keep_making, read_making
from lambdas.encoding.models import (
    ChunkScore,
    EncodingPlan,
    Loudness,
    LoudnessReport,
    Making,
    Repackaged,
    RungScore,
    WorstFrame,
)
from lambdas.encoding.planning import KeyMissingError
from lambdas.encoding.progress import planned_jobs
from lambdas.encoding.repackaging import NotRepackageableError, repackaging_of
from lambdas.encoding.repackaging_handlers import plan_repackaging
from tests.lambdas import samples
from tests.lambdas.cloud import executions, put, state_machine
from tests.lambdas.encoding.test_cap_store import create_caps_table
from tests.lambdas.encoding.test_handlers import PROSPECT, SPOT
from tests.lambdas.encoding.test_job_store import create_table
from tests.lambdas.encoding.test_planning import planned, source

ANEW = "c0123456789abcdef"
NEW_KEYS = tuple(
    ContentKey(tier=tier, period=1, opened_for=ANEW, key_id=digit * 32, wrapped=f"new-{tier}")
    for tier, digit in zip(Tier, "1234", strict=True)
)


def score(rung):
    worst = WorstFrame(frame=1, timecode="00:00:00:01", vmaf=80.0)
    values = {"frames": 600, "vmaf_mean": 95.5, "vmaf_harmonic_mean": 95.4, "vmaf_p5": 90.0, "vmaf_min": 80.0}
    values |= {"vmaf_neg_mean": None, "psnr_y_mean": 42.0, "ssim_mean": 0.99}
    chunks = (ChunkScore(chunk=0, vmaf_mean=95.5, vmaf_p5=90.0),)
    return RungScore(rung=rung, **values, chunks=chunks, worst=worst)


PLAN = planned(source(frames=600))
LOUDNESS = tuple(
    LoudnessReport(
        track=track.name,
        before=Loudness(integrated_lkfs=-25.5, true_peak_dbtp=-4.0),
        gain_db=-1.5,
        after=Loudness(integrated_lkfs=-27.1, true_peak_dbtp=-5.2),
    )
    for track in PLAN.audio
)
MAKING = Making(plan=PLAN, scores=tuple(score(recipe.rung) for recipe in PLAN.video), loudness=LOUDNESS)
SOURCE = samples.source_accepted(version_id=ANEW, priority="campaign")


def repackaging(making=MAKING, keys=NEW_KEYS):
    return repackaging_of(making, replaces=samples.VERSION, source=SOURCE, keys=keys)


def test_it_has_the_tracks_of_the_version_and_new_keys_for_them():
    plan = repackaging()

    own = {"version_id", "priority", "keys", "repackages"}
    assert plan.model_dump(exclude=own) == PLAN.model_dump(exclude=own)
    assert (plan.version_id, plan.priority) == (ANEW, "campaign")
    assert plan.repackages == Repackaged(version_id=samples.VERSION, keys=PLAN.keys)
    assert plan.keys == tuple(key for key in NEW_KEYS if key.tier in {old.tier for old in PLAN.keys})


def test_without_new_keys_the_version_keeps_its_own():
    assert repackaging(keys=None).keys == PLAN.keys


def test_a_tier_in_use_without_a_new_key_is_refused():
    with pytest.raises(KeyMissingError, match="HD"):
        repackaging(keys=[key for key in NEW_KEYS if key.tier is not Tier.HD])


def test_nothing_but_packaging_and_its_check_is_to_be_done():
    ids = JobIds(repackaging())

    assert planned_jobs(repackaging()) == (ids.package, ids.verify)
    assert ids.package != JobIds(repackaging(keys=None)).package


def test_its_rungs_are_scored_already_under_the_names_that_are_looked_for():
    [rung, *_] = [recipe.rung for recipe in PLAN.video]

    assert JobIds(repackaging()).score(rung) == JobIds(PLAN).score(rung)


def test_a_version_that_nobody_kept_is_refused_with_the_remedy():
    with pytest.raises(NotRepackageableError, match=rf"{samples.VERSION} .*marquee campaign start"):
        repackaging(None)


class TestMaking:
    @pytest.fixture(autouse=True)
    def _workspace(self, buckets):
        for each in MAKING.scores:
            key = Workspace(PLAN.version_id).score(JobIds(PLAN).score(each.rung))
            put(bucket=buckets.work, key=key, body=each.model_dump_json())
        for heard in LOUDNESS:
            key = Workspace(PLAN.version_id).loudness(JobIds(PLAN).audio(heard.track))
            put(bucket=buckets.work, key=key, body=heard.model_dump_json())

    def test_it_outlives_the_workspace(self):
        keep_making(PLAN)

        assert read_making(PLAN.version_id, bucket="work") == MAKING
        assert not made(PLAN.version_id).startswith(Workspace(PLAN.version_id).prefix)

    def test_a_version_that_was_not_scored_is_not_kept(self):
        key = Workspace(PLAN.version_id).score(JobIds(PLAN).score(PLAN.video[0].rung))
        client("s3").delete_object(Bucket="work", Key=key)

        with pytest.raises(NotFoundError, match="score"):
            keep_making(PLAN)
        assert read_making(PLAN.version_id, bucket="work") is None


class TestPlanning:
    @pytest.fixture(autouse=True)
    def machine(self, bus, buckets, deployed):
        create_table()
        create_caps_table()
        arn = state_machine("encoding")
        deployed(RepackageEnvironment(**PROSPECT | {"work_bucket": buckets.work, "event_bus": bus.name}))
        deployed(StartEnvironment(state_machine_arn=arn))
        return arn

    @pytest.fixture
    def kept(self, buckets):
        put(bucket=buckets.work, key=made(samples.VERSION), body=MAKING.model_dump_json())

    def state(self, **more):
        asked = {"repackages": {"replaces": samples.VERSION, "new_keys": bool(more)}}
        return SOURCE.model_dump(mode="json") | asked | more

    def issued(self):
        return {"issued": {"keys": [key.model_dump(mode="json") for key in NEW_KEYS]}}

    def written(self, key):
        return client("s3").get_object(Bucket="work", Key=key)["Body"].read()

    def test_the_request_starts_an_execution_that_says_so(self, machine, bus, context):
        asked = RepackageRequested(replaces=samples.VERSION, new_keys=True, by="arn:ops", accepted=SOURCE)
        EventPublisher(bus.name).publish(asked)
        [envelope] = bus.envelopes()
        for _ in range(2):
            handlers.start(envelope, context)

        said = {"repackages": {"replaces": samples.VERSION, "new_keys": True}}
        assert executions(machine) == [{"name": ANEW, "input": SOURCE.model_dump(mode="json") | said}]

    @pytest.mark.usefixtures("kept")
    def test_plan_and_measurements_are_put_where_the_jobs_look_for_them(self, context):
        plan_repackaging(self.state(**self.issued()), context)

        plan = EncodingPlan.model_validate_json(self.written(Workspace(ANEW).plan))
        assert plan == repackaging()
        for each in MAKING.scores:
            key = Workspace(ANEW).score(JobIds(plan).score(each.rung))
            assert RungScore.model_validate_json(self.written(key)) == each
        for heard in LOUDNESS:
            key = Workspace(ANEW).loudness(JobIds(plan).audio(heard.track))
            assert LoudnessReport.model_validate_json(self.written(key)) == heard

    @pytest.mark.usefixtures("kept")
    def test_its_jobs_are_answered_announced_and_predicted(self, bus, context):
        answer = plan_repackaging(self.state(), context)

        uri = f"s3://work/work/{ANEW}/plan.json"
        assert answer["package"]["command"] == ["repackage", "--plan", uri]
        assert answer["verify"]["command"] == ["verify", "--plan", uri]
        assert answer["farm"] == {"queue": SPOT}
        [envelope] = bus.envelopes()
        assert EncodingStarted.model_validate(envelope["detail"]).jobs == 2
        prediction = Prediction.model_validate_json(self.written(Workspace(ANEW).prediction))
        assert [line.stage for line in prediction.lines] == [Stage.PACKAGE, Stage.VERIFY]
        assert answer["package"]["usd"] == prediction.of(Stage.PACKAGE).job_usd

    @pytest.mark.usefixtures("kept")
    def test_asked_again_it_answers_the_same(self, context):
        assert plan_repackaging(self.state(), context) == plan_repackaging(self.state(), context)

    @pytest.mark.usefixtures("kept")
    def test_no_job_carries_a_key(self, context):
        assert "wrapped" not in json.dumps(plan_repackaging(self.state(**self.issued()), context))

    def test_what_was_not_kept_is_refused_and_nothing_is_announced(self, bus, context):
        with pytest.raises(NotRepackageableError):
            plan_repackaging(self.state(), context)
        assert bus.envelopes() == []
