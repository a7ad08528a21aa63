from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from lambdas.common.ladder import Codec, DynamicRange
from lambdas.common.media import HdrFacts, Tier, Transfer
from lambdas.encoding.claims import Attempt, JobRecord, Outcome, Worker
from lambdas.encoding.cost import (
    JobSizes,
    Prediction,
    Stage,
    TitleCost,
    UnknownJobError,
    cost_of,
    predict,
)
from lambdas.encoding.job_ids import JobIds
from lambdas.encoding.ladder import cut_to
from lambdas.encoding.models import Chunk, JobSize
from lambdas.encoding.planning import plan_of
from lambdas.encoding.prices import PriceList, UnknownCapacityError
from lambdas.encoding.speed import MEASURED, Span, UnknownPresetError
from stacks.settings import PRODUCTION, PROFILES, SANDBOX
from tests.lambdas import samples

PRICES = PriceList.load()
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
DIGEST = "5f0c1d2e3a4b5c6d"
CHUNK, OTHER_CHUNK = f"chunk/1080p/00003/{DIGEST}", f"chunk/1080p/00004/{DIGEST}"
WASTED = (Outcome.FAILED, Outcome.INTERRUPTED, Outcome.LOST)

workers = st.builds(
    Worker,
    batch_job=st.just("a"),
    batch_attempt=st.just(1),
    vcpus=st.sampled_from([0.5, 1.0, 16.0]),
    memory_mib=st.sampled_from([1024, 4096, 28_000]),
    capacity=st.sampled_from(sorted(PRICES.capacities)),
)


def attempt(seconds, outcome=Outcome.DONE, *, worker=None, capacity="c7g-spot", token=1):
    worker = worker or Worker(batch_job="a", batch_attempt=1, vcpus=16, memory_mib=28_000, capacity=capacity)
    until = NOW + timedelta(seconds=seconds)
    return Attempt(token=token, worker=worker, started_at=NOW, seen_at=until, outcome=outcome)


def record(*attempts, job=CHUNK):
    return JobRecord(version_id=samples.VERSION, job=job, attempts=attempts)


attempts = st.builds(
    lambda seconds, outcome, worker: attempt(seconds, outcome, worker=worker),
    st.floats(0, 50_000),
    st.sampled_from(Outcome),
    workers,
)
jobs = st.sampled_from(
    [
        CHUNK,
        OTHER_CHUNK,
        f"chunk/360p/00000/{DIGEST}",
        f"score/360p/{DIGEST}",
        f"join/360p/{DIGEST}",
        f"audio/en_stereo_128k/{DIGEST}",
    ]
)
records = st.lists(
    st.builds(lambda found, job: record(*found, job=job), st.lists(attempts, max_size=4), jobs), max_size=8
)


def cost(*records):
    return cost_of(records, PRICES)


def sums(cost):
    return [cost.usd, cost.on_demand_usd, cost.saved_usd, cost.wasted_usd, cost.wasted_seconds, cost.vcpu_seconds]


def planned(*, frames=600, profile=SANDBOX, ladder=None, audio=samples.FACTS.audio, **picture):
    video = samples.VIDEO.model_copy(update={"frames": frames, **picture})
    source = samples.source_accepted(facts=samples.FACTS.model_copy(update={"video": video, "audio": audio}))
    return plan_of(
        source,
        keys=samples.KEYS,
        ladder=profile.encoding.ladder if ladder is None else ladder,
        chunk_segments=profile.encoding.chunk_segments,
        segment_s=profile.encoding.segment_s,
        search=profile.encoding.search,
        sound=profile.encoding.sound,
        work_bucket="work",
        media_bucket="media",
    )


def prediction(plan, *, capacity="fargate-arm", vcpus=1, memory_mib=4096, single=None, **changes):
    size = JobSize(vcpus=vcpus, memory_mib=memory_mib)
    sizes = JobSizes(threaded=size, single=single or size)
    return predict(plan, worker_capacity=capacity, sizes=sizes, **{"prices": PRICES, **changes})


class TestCost:
    def test_every_attempt_is_paid_for_and_one_without_a_result_was_wasted(self):
        worker = attempt(0).worker
        found = cost(
            record(attempt(600, Outcome.INTERRUPTED), attempt(3600, token=2)), record(attempt(1800), job=CHUNK)
        )
        [line] = found.lines
        assert (line.stage, line.rung, line.jobs, line.attempts) == (Stage.ENCODE, "1080p", 2, 3)
        assert line.vcpu_seconds == found.vcpu_seconds == 16 * 6000
        assert line.usd == pytest.approx(PRICES.price(worker, 6000)) == pytest.approx(found.usd)
        assert (line.wasted_seconds, line.wasted_usd) == (600, pytest.approx(PRICES.price(worker, 600)))
        assert found.on_demand_usd == pytest.approx(PRICES.price_on_demand(worker, 6000))
        assert found.saved_usd == pytest.approx(6000 / 3600 * 16 * 0.03625 / 2)

    @pytest.mark.parametrize("outcome", WASTED)
    def test_an_attempt_that_ended_otherwise_than_done_was_wasted(self, outcome):
        found = cost(record(attempt(60, outcome)))
        assert (found.wasted_seconds, found.wasted_usd) == (60, found.usd)

    @pytest.mark.parametrize("outcome", sorted(set(Outcome) - set(WASTED)))
    def test_one_that_is_being_made_costs_and_is_not_wasted(self, outcome):
        found = cost(record(attempt(60, outcome)))
        assert found.usd > 0
        assert (found.wasted_seconds, found.wasted_usd) == (0, 0)

    def test_on_demand_capacity_saves_nothing(self):
        found = cost(record(attempt(60, capacity="c7g")))
        assert found.on_demand_usd == found.usd > 0 == found.saved_usd

    def test_a_job_that_nobody_began_is_counted_and_costs_nothing(self):
        found = cost(record())
        assert [(line.jobs, line.attempts) for line in found.lines] == [(1, 0)]
        assert sums(found) == [0] * 6

    def test_no_jobs_cost_nothing(self):
        assert cost() == TitleCost(as_of=PRICES.as_of, lines=())
        assert sums(cost()) == [0] * 6

    def test_every_job_of_a_plan_has_its_stage_and_rungs_stand_from_high_to_low(self):
        plan = planned(frames=200, profile=PRODUCTION)
        ids, rungs = JobIds(plan), [recipe.rung for recipe in plan.video]
        names = [
            ids.search,
            *(ids.chunk(rung, chunk.index) for rung in rungs for chunk in plan.chunks),
            *(name for rung in rungs for name in (ids.join(rung), ids.score(rung))),
            *(ids.audio(plan.audio[0].name), ids.package, ids.verify),
        ]
        found = cost(*(record(attempt(1), job=name) for name in sorted(names)))
        ladder = [
            *("1080p", "1080p-medium", "av1-1080p", "h265-1080p"),
            *("720p", "av1-720p", "h265-720p", "480p", "av1-480p", "h265-480p"),
            *("360p", "av1-360p", "h265-360p", "240p", "av1-240p", "h265-240p"),
        ]
        assert [(line.stage, line.rung) for line in found.lines] == [
            (Stage.SEARCH, None),
            *((Stage.ENCODE, rung) for rung in ladder),
            (Stage.AUDIO, None),
            *((Stage.JOIN, rung) for rung in ladder),
            *((Stage.SCORE, rung) for rung in ladder),
            (Stage.PACKAGE, None),
            (Stage.VERIFY, None),
        ]
        assert sum(line.jobs for line in found.lines) == len(names)

    @pytest.mark.parametrize("job", ["", "chunk", f"chunk/1080p/{DIGEST}", "inspect/d1", f"encode/{DIGEST}", "audio/a"])
    def test_a_job_of_an_unknown_stage_is_an_error_and_not_left_out(self, job):
        with pytest.raises(UnknownJobError, match="which stage"):
            cost(record(attempt(1), job=job))

    def test_what_ran_on_something_without_a_price_is_an_error_and_not_left_out(self):
        with pytest.raises(UnknownCapacityError, match="x9g"):
            cost(record(attempt(1, capacity="x9g")))

    def test_it_says_of_when_its_prices_are_and_can_be_written_and_read(self):
        found = cost(record(attempt(60)))
        assert found.as_of == PRICES.as_of
        assert TitleCost.model_validate_json(found.model_dump_json()) == found

    @given(records, records)
    def test_it_is_additive_over_jobs(self, some, others):
        apart = [one + other for one, other in zip(sums(cost(*some)), sums(cost(*others)), strict=True)]
        assert sums(cost(*some, *others)) == pytest.approx(apart)

    @given(records, st.randoms())
    def test_it_does_not_depend_on_the_order_of_jobs(self, some, random):
        shuffled = random.sample(some, len(some))
        assert cost(*shuffled) == cost(*some)

    @given(records)
    def test_waste_is_a_part_of_the_cost_and_spot_never_dearer_than_on_demand(self, some):
        found = cost(*some)
        for line in found.lines:
            assert 0 <= line.wasted_usd <= line.usd <= line.on_demand_usd
            assert line.wasted_seconds >= 0
        assert found.saved_usd >= 0


class TestPrediction:
    def test_it_has_the_stages_and_jobs_that_the_plan_has(self):
        plan = planned(frames=600)
        found = prediction(plan)
        encoded = [line for line in found.lines if line.stage is Stage.ENCODE]
        assert [line.rung for line in encoded] == [recipe.rung for recipe in plan.video]
        assert {line.jobs for line in encoded} == {len(plan.chunks)}
        assert {line.stage for line in found.lines} == set(Stage)
        assert list(found.vcpu_seconds_by_rung) == [recipe.rung for recipe in plan.video]
        assert sum(found.vcpu_seconds_by_rung.values()) < found.vcpu_seconds
        assert (found.as_of, found.capacity) == (PRICES.as_of, "fargate-arm")
        assert Prediction.model_validate_json(found.model_dump_json()) == found

    def test_a_film_without_sound_has_no_sound_to_pay_for(self):
        silent = prediction(planned(audio=()))
        assert Stage.AUDIO not in {line.stage for line in silent.lines}
        assert silent.usd_expected < prediction(planned()).usd_expected

    def test_a_rung_by_hand(self):
        [ladder] = [[recipe] for recipe in SANDBOX.encoding.ladder if recipe.rung == "720p"]
        found = prediction(planned(frames=100, ladder=ladder, audio=()))
        source, rung = 1.920 * 1.080 * 100, 1.280 * 0.720 * 100
        encode = 2.0 + MEASURED.read_s.expected * source + MEASURED.encode_s[Codec.H264]["veryfast"].expected * rung
        score = 2.0 + MEASURED.score_s.expected * source
        join = 2.0 + MEASURED.join_s.expected * 3000 * (100 / 24) / 8000
        assert found.vcpu_seconds_by_rung == {"720p": pytest.approx(encode + score + join)}

    def test_a_search_by_hand(self):
        """Four probes of one size, and the fixed rung once: the excerpts are cut once, and all of them are compared."""
        [ladder] = [[recipe] for recipe in SANDBOX.encoding.ladder if recipe.rung == "720p"]
        plan = planned(frames=100, ladder=ladder)
        frames = sum(excerpt.frames for excerpt in plan.excerpts)
        source, rung = 1.920 * 1.080 * frames, 1.280 * 0.720 * frames
        trial = MEASURED.read_s.expected * source + MEASURED.encode_s[Codec.H264]["veryfast"].expected * rung
        trial += MEASURED.score_s.expected * source / 2
        found = prediction(plan).of(Stage.SEARCH)
        assert (found.jobs, found.rung) == (1, None)
        assert found.vcpu_seconds == pytest.approx(2.0 + MEASURED.read_s.expected * source + 5 * trial)
        twice = prediction(planned(frames=100, ladder=[*ladder, ladder[0].model_copy(update={"rung": "720p-low"})]))
        assert twice.of(Stage.SEARCH).vcpu_seconds == pytest.approx(found.vcpu_seconds + trial), "no other size"

    @pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES.keys())
    def test_every_preset_of_the_profiles_ladders_was_measured(self, profile):
        for recipe in profile.encoding.ladder:
            assert recipe.preset in MEASURED.encode_s[recipe.codec]

    @pytest.mark.parametrize(
        ("profile", "encode", "score", "everything"),
        [(SANDBOX, 50.7, 74.7, 133.2), (PRODUCTION, 136.6, 112.7, 260.7)],
        ids=["sandbox", "production"],
    )
    def test_it_is_within_a_factor_of_two_of_what_every_task_took_when_it_was_measured(
        self, profile, encode, score, everything
    ):
        of_h264 = [recipe for recipe in profile.encoding.ladder if recipe.codec is Codec.H264]
        plan = planned(frames=120, profile=profile, ladder=of_h264)
        chunks = (Chunk(index=0, first_frame=0, frames=96), Chunk(index=1, first_frame=96, frames=24))
        # The search is made of what was measured, and was not measured itself.
        found = prediction(plan.model_copy(update={"chunks": chunks, "search": None}))
        for stage, took in ((Stage.ENCODE, encode), (Stage.SCORE, score)):
            expected = sum(line.vcpu_seconds for line in found.lines if line.stage is stage)
            assert took / 2 < expected < took * 2
        assert everything / 2 < found.vcpu_seconds < everything * 2

    def test_a_preset_that_nobody_measured_is_an_error_that_names_the_remedy(self):
        [ladder] = [[samples.recipe("1080p", 1920, 1080, Tier.HD).model_copy(update={"preset": "placebo"})]]
        with pytest.raises(UnknownPresetError, match=r"'placebo' of h264, only .*: measure it"):
            prediction(planned(ladder=ladder))

    def test_capacity_without_a_price_is_an_error(self):
        with pytest.raises(UnknownCapacityError, match="x9g"):
            prediction(planned(), capacity="x9g")

    def test_a_slower_preset_costs_more(self):
        order = ("ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow")
        assert list(MEASURED.encode_s[Codec.H264]) == list(order)
        for presets in MEASURED.encode_s.values():
            assert all(faster.expected < slower.expected for faster, slower in pairwise(presets.values()))

    @pytest.mark.parametrize("codec", [Codec.H265, Codec.AV1])
    def test_a_rung_costs_what_its_own_codec_takes(self, codec):
        recipe = next(recipe for recipe in PRODUCTION.encoding.ladder if recipe.codec is codec and recipe.height == 480)
        found = prediction(planned(frames=100, ladder=[recipe], audio=())).of(Stage.ENCODE, recipe.rung)
        source, rung = 1.920 * 1.080 * 100, 0.854 * 0.480 * 100
        encode = MEASURED.read_s.expected * source + MEASURED.encode_s[codec][recipe.preset].expected * rung
        assert found.vcpu_seconds == pytest.approx(2.0 + encode)

    def test_more_vcpus_are_used_worse(self):
        plan = planned(frames=24 * 600, profile=PRODUCTION)
        used = [prediction(plan, capacity="c7g", vcpus=vcpus).vcpu_seconds for vcpus in (1, 4, 16)]
        assert used[0] < used[1] < used[2] < 16 * used[0]

    def test_what_one_thread_does_is_paid_for_by_the_size_of_its_own_job(self):
        plan = planned(frames=24 * 7200, profile=PRODUCTION)
        large = prediction(plan, capacity="c7g-spot", vcpus=16, memory_mib=28_000)
        small = prediction(
            plan, capacity="c7g-spot", vcpus=16, memory_mib=28_000, single=JobSize(vcpus=2, memory_mib=3500)
        )
        for before, now in zip(large.lines, small.lines, strict=True):
            if before.stage in {Stage.SEARCH, Stage.ENCODE, Stage.SCORE}:
                assert now == before
            else:
                # It takes no longer, and holds an eighth of a host.
                assert now.vcpu_seconds == pytest.approx(before.vcpu_seconds / 8)
                assert now.usd_expected == pytest.approx(before.usd_expected / 8)

    def test_what_one_of_a_stages_jobs_costs_is_its_share(self):
        found = prediction(planned(frames=600))
        chunks = found.of(Stage.ENCODE, "720p")
        assert chunks.job_usd * chunks.jobs == pytest.approx(chunks.usd_expected)
        assert found.of(Stage.PACKAGE).job_usd == found.of(Stage.PACKAGE).usd_expected

    def test_a_span_knows_its_ends_apart(self):
        with pytest.raises(ValidationError, match=r"2\.0 is more than 1\.0"):
            Span(low=2, expected=1)
        assert Span(low=1, expected=2) * 3 + Span(low=0, expected=1) == Span(low=3, expected=7)

    @given(st.integers(1, 200_000), st.integers(1, 200_000), st.sampled_from(sorted(PROFILES)))
    def test_it_grows_with_the_frames(self, one, other, profile):
        shorter, longer = (
            prediction(planned(frames=frames, profile=PROFILES[profile])) for frames in sorted((one, other))
        )
        assert shorter.usd_expected <= longer.usd_expected
        assert shorter.usd_low <= longer.usd_low
        assert (shorter.vcpu_seconds < longer.vcpu_seconds) == (one != other)

    @given(st.integers(1, 20_000), st.sampled_from(sorted(PROFILES)), st.sampled_from(sorted(PRICES.capacities)))
    def test_it_grows_with_the_rungs(self, frames, profile, capacity):
        rungs = [rung for rung in PROFILES[profile].encoding.ladder if rung.dynamic_range is DynamicRange.SDR]
        ladder = cut_to(rungs, width=1920, height=1080)
        found = [
            prediction(planned(frames=frames, profile=PROFILES[profile], ladder=ladder[-rungs:]), capacity=capacity)
            for rungs in range(1, len(ladder) + 1, 3)
        ]
        assert all(fewer.usd_expected < more.usd_expected for fewer, more in pairwise(found))
        assert all(fewer.vcpu_seconds < more.vcpu_seconds for fewer, more in pairwise(found))

    def test_what_is_made_of_hdr_for_sdr_takes_longer_and_an_hdr10_rung_where_it_is_compared(self):
        ladder = [*samples.LADDER, samples.HDR10_RUNG]
        sdr, pq, hlg = (
            prediction(planned(ladder=ladder, **picture))
            for picture in ({}, samples.PQ, samples.PQ | {"hdr": HdrFacts(transfer=Transfer.HLG)})
        )
        for stage in (Stage.ENCODE, Stage.SCORE):
            taken = [found.of(stage, "720p").vcpu_seconds for found in (sdr, pq, hlg)]
            assert taken[0] < taken[1] < taken[2]
        frames_mpx = 600 * 1920 * 1080 / 1e6
        as_sdr = frames_mpx * MEASURED.score_s.expected + MEASURED.job_start_s.expected
        # It is compared as SDR shows it: both sides are tone-mapped.
        both = 2 * frames_mpx * MEASURED.tone_map_s[Transfer.PQ].expected
        assert pq.of(Stage.SCORE, samples.HDR10_RUNG.rung).vcpu_seconds == pytest.approx(as_sdr + both)

    @given(
        st.integers(1, 200_000),
        st.sampled_from(sorted(PRICES.capacities)),
        st.sampled_from([1, 2, 4, 16]),
    )
    def test_an_easy_film_is_no_dearer_and_spot_is_no_dearer(self, frames, capacity, vcpus):
        plan = planned(frames=frames)
        found = prediction(plan, capacity=capacity, vcpus=vcpus)
        assert 0 < found.usd_low <= found.usd_expected
        on_demand = prediction(plan, capacity=PRICES.on_demand_of(capacity), vcpus=vcpus)
        assert found.usd_expected <= on_demand.usd_expected
