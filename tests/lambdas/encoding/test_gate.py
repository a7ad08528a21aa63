import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.common.aws import client
from lambdas.common.errors import NotFoundError
from lambdas.common.keys import Workspace
from lambdas.common.ladder import Codec
from lambdas.common.media import ObjectRef, Tier
from lambdas.encoding.chosen import chosen
from lambdas.encoding.environment import JudgeEnvironment
from lambdas.encoding.gate import RenditionRejectedError, floors_of, judge, rejected
from lambdas.encoding.gate_handlers import judge_quality
from lambdas.encoding.job_ids import JobIds
from lambdas.encoding.jobs import jobs_of
from lambdas.encoding.models import MOST_RAISES, RAISE, ChunkScore, EncodingPlan, Floor, Raise, RungScore, WorstFrame
from tests.lambdas import samples
from tests.lambdas.cloud import put
from tests.lambdas.encoding.test_planning import SIZES, URI, planned

FLOORS = {Tier.HD: Floor(vmaf_mean=95, vmaf_p5=85)}
REPORT = samples.ladder_report()
PLAN = chosen(planned(), REPORT, floors=FLOORS)
TOP, *LOWER = (recipe.rung for recipe in PLAN.video)
EVERY_CHUNK = [chunk.index for chunk in PLAN.chunks]
values = st.floats(0, 100, allow_nan=False)


def score(*chunks, rung=TOP, mean=None, p5=None):
    """The score of a rung whose chunks have these means and 5th percentiles."""
    pieces = tuple(ChunkScore(chunk=n, vmaf_mean=each[0], vmaf_p5=each[1]) for n, each in enumerate(chunks))
    return RungScore(
        rung=rung,
        frames=600,
        vmaf_mean=min(piece.vmaf_mean for piece in pieces) if mean is None else mean,
        vmaf_harmonic_mean=90,
        vmaf_p5=min(piece.vmaf_p5 for piece in pieces) if p5 is None else p5,
        vmaf_min=40,
        vmaf_neg_mean=None,
        psnr_y_mean=40,
        ssim_mean=0.99,
        chunks=pieces,
        worst=WorstFrame(frame=77, timecode="00:00:03:05", vmaf=40),
    )


GOOD, BLURRED, FLICKERS = (96.0, 90.0), (93.0, 90.0), (97.0, 80.0)


def scores(*chunks, rung=TOP):
    """The scores of all rungs: of one as given, and of the others good."""
    return [score(*chunks, rung=rung), *(score(GOOD, rung=other) for other in (TOP, *LOWER) if other != rung)]


def test_the_best_rung_is_held_to_the_target_and_every_other_to_its_prediction():
    best, *others = PLAN.floors
    assert best.model_dump() == {"rung": "1080p", "vmaf_mean": 95.0, "vmaf_p5": 85.0}
    predicted = {rung.rung: rung.vmaf for rung in REPORT.ladders[0].rungs}
    assert [floor.rung for floor in others] == LOWER
    for floor in others:
        assert floor.vmaf_mean == pytest.approx(predicted[floor.rung] - PLAN.search.tolerance)
        assert floor.vmaf_p5 == 0


def test_each_codec_has_a_best_rung():
    ours = samples.codec_ladder()
    newer = ours.model_copy(
        update={
            "codec": Codec.H265,
            "rungs": tuple(rung.model_copy(update={"rung": f"{rung.rung}-h265"}) for rung in ours.rungs),
        }
    )
    both = REPORT.model_copy(update={"ladders": (ours, newer)})
    floors = floors_of(both, tiers=FLOORS, tolerance=6)
    assert {floor.rung for floor in floors if floor.vmaf_p5} == {"1080p", "1080p-h265"}


def test_a_best_rung_of_a_tier_without_a_floor_is_held_to_its_prediction():
    [best, *_] = floors_of(REPORT, tiers={Tier.SD: Floor(vmaf_p5=85)}, tolerance=6)
    assert (best.vmaf_mean, best.vmaf_p5) == (pytest.approx(REPORT.ladders[0].rungs[0].vmaf - 6), 0)


def test_each_tier_says_what_mean_its_best_rung_has_to_reach():
    tiers = {Tier.HD: Floor(vmaf_mean=88, vmaf_p5=70), Tier.SD: Floor(vmaf_mean=60, vmaf_p5=40)}
    small = [rung.model_copy(update={"tier": Tier.SD}) for rung in REPORT.ladders[0].rungs]
    for report, held in (
        (REPORT, (88, 70)),
        (samples.ladder_report(ladders=(samples.codec_ladder(rungs=small),)), (60, 40)),
    ):
        best, *others = floors_of(report, tiers=tiers, tolerance=6)
        assert (best.vmaf_mean, best.vmaf_p5) == held
        assert others == list(PLAN.floors[1:])


def test_in_degraded_mode_a_floor_is_no_higher_than_what_the_ladder_was_searched_for():
    degraded = REPORT.model_copy(update={"vmaf_target": 93.0})
    assert floors_of(degraded, tiers=FLOORS, tolerance=6)[0].vmaf_mean == 93


def test_a_title_that_no_ladder_brings_to_the_target_passes_by_a_lower_floor_and_only_its_scores_are_asked_for_anew():
    """A dark, noisy one: what is encoded stays, and so does what its ladder was searched for."""
    dark = scores((92.0, 86.0))
    assert judge(PLAN, dark).short
    lowered = chosen(
        planned(floors={Tier.HD: Floor(vmaf_mean=91, vmaf_p5=85)}),
        REPORT,
        floors={Tier.HD: Floor(vmaf_mean=91, vmaf_p5=85)},
    )
    assert not judge(lowered, dark).short
    before, after = JobIds(PLAN), JobIds(lowered)
    assert (lowered.vmaf_target, after.search, after.join(TOP)) == (PLAN.vmaf_target, before.search, before.join(TOP))
    assert after.score(TOP) != before.score(TOP)
    assert [after.score(rung) for rung in LOWER] == [before.score(rung) for rung in LOWER]


def test_nothing_is_held_to_less_than_nothing():
    assert {floor.vmaf_mean for floor in floors_of(REPORT, tiers={}, tolerance=100)} == {0}


@pytest.mark.parametrize(
    ("chunks", "raised"),
    [
        ([GOOD, GOOD, GOOD], []),
        ([GOOD, BLURRED, GOOD], [1]),
        ([FLICKERS, GOOD, BLURRED], [0, 2]),
    ],
)
def test_the_chunks_at_fault_are_raised_and_no_other(chunks, raised):
    judgement = judge(PLAN, scores(*chunks))
    assert [found.chunk for found in judgement.raised] == raised
    assert bool(judgement.short) == bool(raised)


def test_where_no_chunk_alone_is_short_the_worst_is_raised():
    near = score((95.0, 86.0), (95.0, 85.0), mean=95.0, p5=84.9)
    assert [found.chunk for found in judge(PLAN, [near, *scores(GOOD)[1:]]).raised] == [1]


def test_a_lower_rung_that_is_worse_than_was_predicted_is_raised_and_the_best_is_not():
    # Flickering is held against the best rung alone.
    judgement = judge(PLAN, scores(FLICKERS, (60.0, 10.0), rung="720p"))
    assert judgement.raised == (Raise(rung="720p", chunk=1, times=1),)


@given(st.lists(st.lists(st.tuples(values, values), min_size=2, max_size=2), min_size=1, max_size=8))
def test_whatever_is_measured_it_ends_and_a_chunk_is_raised_so_often_at_most(rounds):
    plan = PLAN
    for chunks in rounds * 5:
        judgement = judge(plan, scores(*chunks))
        if not judgement.short or judgement.raised == plan.raised:
            break
        assert all(1 <= found.times <= MOST_RAISES for found in judgement.raised)
        # Each round raises something, and there are two chunks: it ends.
        assert sum(found.times for found in judgement.raised) > sum(found.times for found in plan.raised)
        plan = plan.model_copy(update={"raised": judgement.raised})


def test_a_raised_chunk_has_more_bits_and_another_name_and_nothing_else_changes():
    raised = PLAN.model_copy(update={"raised": (Raise(rung=TOP, chunk=1, times=2),)})
    before, after = PLAN.recipe(TOP, 1), raised.recipe(TOP, 1)
    for rate in ("bitrate_kbps", "maxrate_kbps", "buffer_kbits"):
        assert getattr(after, rate) == round(getattr(before, rate) * RAISE**2)
    ids, others = JobIds(PLAN), JobIds(raised)
    assert after.crf < before.crf
    chunks = {(rung.rung, index) for rung in PLAN.video for index in EVERY_CHUNK}
    assert {place for place in chunks if ids.chunk(*place) != others.chunk(*place)} == {(TOP, 1)}
    assert {rung.rung for rung in PLAN.video if ids.join(rung.rung) != others.join(rung.rung)} == {TOP}
    assert {rung.rung for rung in PLAN.video if ids.score(rung.rung) != others.score(rung.rung)} == {TOP}
    assert (ids.audio(PLAN.audio[0].name), ids.package) == (others.audio(PLAN.audio[0].name), JobIds(PLAN).package)
    assert others.package != ids.package


@pytest.fixture
def version(aws, buckets, bus, deployed, context):
    """A planned version in its workspace; call it with the scores of the best rung to have it judged."""
    deployed(JudgeEnvironment(work_bucket="work", event_bus=bus.name))
    workspace, jobs = Workspace(samples.VERSION), jobs_of(PLAN, uri=URI, sizes=SIZES)
    put(bucket="work", key=workspace.plan, body=PLAN.model_dump_json())
    put(
        bucket="work",
        key=workspace.jobs,
        body=json.dumps([job.model_dump(mode="json") for job in jobs.chunk_jobs]),
    )
    state = {
        "version_id": samples.VERSION,
        "rung_jobs": [pair.model_dump(mode="json") for pair in jobs.rung_jobs],
    }

    def judged(*chunks, rung=TOP):
        if chunks:
            ids = JobIds(plan_now())
            for each in scores(*chunks, rung=rung):
                put(bucket="work", key=workspace.score(ids.score(each.rung)), body=each.model_dump_json())
        answer = judge_quality(dict(state), context)
        if not answer["passed"]:
            state["rung_jobs"] = answer["rung_jobs"]
        return answer

    return judged


def plan_now():
    return EncodingPlan.model_validate_json(_read(Workspace(samples.VERSION).plan))


def _read(key):
    return client("s3").get_object(Bucket="work", Key=key)["Body"].read()


def listed(answer):
    place = answer["chunk_jobs"]
    return [job["name"] for job in json.loads(_read(place["key"]))]


def test_a_good_version_passes_and_its_plan_stays(version):
    assert version(GOOD, GOOD, GOOD) == {"passed": True}
    assert plan_now() == PLAN


def test_what_is_short_is_encoded_again_and_passes_then(version):
    answer = version(GOOD, BLURRED, GOOD)
    assert not answer["passed"]
    assert listed(answer) == [f"{samples.VERSION}-{TOP}-chunk-1"]
    assert [jobs["join"]["name"] for jobs in answer["rung_jobs"]] == [f"{samples.VERSION}-{TOP}-join"]
    assert plan_now().raised == (Raise(rung=TOP, chunk=1, times=1),)
    assert version(GOOD, GOOD, GOOD) == {"passed": True}


def test_a_lower_rung_alone_is_encoded_again(version):
    answer = version(GOOD, (10.0, 0.0), GOOD, rung="480p")
    assert listed(answer) == [f"{samples.VERSION}-480p-chunk-1"]
    assert [jobs["score"]["name"] for jobs in answer["rung_jobs"]] == [f"{samples.VERSION}-480p-score"]
    assert version(GOOD, GOOD, GOOD) == {"passed": True}


def test_called_again_before_anything_is_scored_it_answers_the_same(version):
    first = version(GOOD, BLURRED, GOOD)
    assert version() == first
    assert plan_now().raised == (Raise(rung=TOP, chunk=1, times=1),)


def test_after_two_raises_it_is_rejected_with_the_evidence(version, bus):
    for times in range(1, MOST_RAISES + 1):
        version(BLURRED, GOOD, GOOD)
        assert plan_now().raised == (Raise(rung=TOP, chunk=0, times=times),)
    with pytest.raises(RenditionRejectedError, match=r"1080p has VMAF 93\.00 .* at 00:00:03:05.*let the search look"):
        version(BLURRED, GOOD, GOOD)
    [event] = [envelope["detail"] for envelope in bus.envelopes() if envelope["detail-type"] == "RenditionRejected"]
    assert (event["rung"], event["vmaf_mean"], event["floor_mean"], event["raised"]) == (TOP, 93.0, 95.0, 2)
    assert plan_now().raised == (Raise(rung=TOP, chunk=0, times=MOST_RAISES),)


def test_a_score_that_is_lost_is_an_error_and_no_verdict(version):
    with pytest.raises(NotFoundError):
        version()


def test_a_version_whose_workspace_has_expired_is_not_judged(version):
    client("s3").delete_object(Bucket="work", Key=Workspace(samples.VERSION).plan)
    with pytest.raises(NotFoundError, match="its workspace has expired"):
        version()


def test_the_evidence_names_the_worst_frame():
    event = rejected(PLAN, score(BLURRED))
    assert (event.worst_timecode, event.worst_vmaf, event.version_id) == ("00:00:03:05", 40, samples.VERSION)


def test_the_evidence_names_the_worst_frames_of_other_chunks():
    picture = ObjectRef(bucket="work", key="k")
    other = WorstFrame(frame=99, timecode="00:00:04:03", vmaf=45, pictures=(picture, picture))
    [told] = rejected(PLAN, score(BLURRED).model_copy(update={"others": (other,)})).others
    assert (told.timecode, told.vmaf, told.pictures) == ("00:00:04:03", 45, (picture, picture))
