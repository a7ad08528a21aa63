import re
from datetime import UTC, datetime
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.common.content_keys import ContentKey
from lambdas.common.ladder import DynamicRange
from lambdas.common.media import AudioFacts, HdrFacts, Tier, Transfer
from lambdas.encoding.cost import JobSizes, Stage, predict
from lambdas.encoding.farm_mode import Shortcuts
from lambdas.encoding.jobs import NEVER, jobs_of
from lambdas.encoding.models import Floor, JobSize, SearchRules
from lambdas.encoding.planning import KeyMissingError, NoPictureError, chunks_of, plan_of, started
from lambdas.encoding.prices import PriceList
from lambdas.encoding.shots import Shot
from tests.lambdas import samples

URI = "s3://work/work/v0123456789abcdef/plan.json"
LARGE, SMALL = JobSize(vcpus=16, memory_mib=28_000), JobSize(vcpus=2, memory_mib=3500)
SIZES = JobSizes(threaded=LARGE, single=SMALL)
SEARCH = SearchRules(excerpts=6, excerpt_s=0.5, most_rungs=4, floor_kbps=400)


def source(*, audio=samples.FACTS.audio, **picture):
    video = samples.VIDEO.model_copy(update=picture)
    return samples.source_accepted(facts=samples.FACTS.model_copy(update={"video": video, "audio": audio}))


def planned(accepted=None, **changes):
    settings = {
        "keys": samples.KEYS,
        "ladder": samples.LADDER,
        "chunk_segments": 3,
        "segment_s": 4.0,
        "search": SEARCH,
        "sound": samples.SOUND,
        "work_bucket": "work",
        "media_bucket": "media",
    }
    return plan_of(accepted or source(), **settings | changes)


@pytest.mark.parametrize(
    ("container_s", "picture_s", "start_s"),
    [(0.0, 0.033333, 0.033333), (1.4, 1.454667, 0.054667), (-0.007, 0.0, 0.007), (0.0, 0.0, 0.0), (0.0, -0.02, 0.0)],
)
def test_the_plan_says_when_the_picture_begins_after_the_container(container_s, picture_s, start_s):
    accepted = source(start_s=picture_s)
    facts = accepted.facts.model_copy(update={"start_s": container_s})
    found = planned(accepted.model_copy(update={"facts": facts}))
    assert found.picture_start_s == pytest.approx(start_s, abs=1e-6)


def test_a_picture_that_does_not_say_when_it_begins_begins_at_once():
    assert planned(source(start_s=None)).picture_start_s == 0


cut_lists = st.sets(st.integers(0, 20_000), max_size=40)


@given(st.integers(1, 20_000), st.integers(8, 240), st.integers(1, 30), cut_lists, st.integers(0, 6))
def test_chunks_cover_every_frame_once_in_whole_segments_and_no_cut_makes_one_too_short_or_too_long(
    frames, segment_frames, chunk_segments, cuts, unseen_frames
):
    chunks = chunks_of(
        frames=frames,
        segment_frames=segment_frames,
        chunk_segments=chunk_segments,
        cuts=cuts,
        unseen_frames=unseen_frames,
    )
    at = 0
    for index, chunk in enumerate(chunks):
        assert (chunk.index, chunk.first_frame) == (index, at)
        assert chunk.first_frame % segment_frames == 0
        assert 0 < chunk.frames <= segment_frames * (chunk_segments + chunk_segments // 2)
        at += chunk.frames
    assert at == frames
    assert all(2 * chunk.frames >= segment_frames * chunk_segments for chunk in chunks[:-1])
    # As many as without cuts: neither the number of jobs nor how many run at once depends on them.
    assert len(chunks) == -(-frames // (segment_frames * chunk_segments))


@given(st.integers(1, 20_000), st.integers(8, 240), st.integers(1, 30), cut_lists)
def test_a_border_moves_only_to_a_cut(frames, segment_frames, chunk_segments, cuts):
    chunks = chunks_of(frames=frames, segment_frames=segment_frames, chunk_segments=chunk_segments, cuts=cuts)
    for chunk in chunks[1:]:
        nominal = chunk.index * segment_frames * chunk_segments
        assert chunk.first_frame == nominal or chunk.first_frame in cuts
        # A cut where the border belongs is never left for another.
        assert nominal not in cuts or chunk.first_frame == nominal


def borders(cuts, *, frames=40 * 100, unseen_frames=2):
    chunks = chunks_of(frames=frames, segment_frames=100, chunk_segments=10, cuts=cuts, unseen_frames=unseen_frames)
    return [chunk.first_frame // 100 for chunk in chunks]


class TestShots:
    def test_without_cuts_every_chunk_is_as_long_as_it_should_be(self):
        assert borders([]) == borders([0, 33, 1050]) == [0, 10, 20, 30]

    @pytest.mark.parametrize(("cut", "border"), [(700, 7), (1300, 13), (1500, 15), (500, 5), (1600, 10), (400, 10)])
    def test_a_border_moves_by_up_to_half_a_chunk(self, cut, border):
        assert borders([cut])[1] == border

    @pytest.mark.parametrize(("cut", "border"), [(1200, 12), (1199, 12), (1198, 12), (1197, 10), (1201, 10)])
    def test_a_border_is_on_the_cut_or_so_soon_after_it_that_nobody_sees_it(self, cut, border):
        assert borders([cut])[1] == border

    def test_of_several_cuts_the_nearest_is_taken_and_of_two_as_near_the_earlier(self):
        assert borders([700, 900, 1200])[1] == 9
        assert borders([800, 1200])[1] == 8

    def test_the_borders_behind_one_that_moved_stay_where_they_belong(self):
        assert borders([700, 3300]) == [0, 7, 20, 33]

    def test_a_chunk_that_moved_borders_would_make_too_short_is_not_made(self):
        # The second border could be at 16 for itself.
        assert borders([1400, 1600]) == [0, 14, 20, 30]

    def test_a_plan_says_how_long_nobody_sees_it_in_seconds(self):
        film = source(frames=2400, frame_rate="24/1")
        plans = [planned(film, shots=[Shot(first_frame=2 * 96 - before)]) for before in (2, 3)]
        at, late = (plan.chunks[1].first_frame for plan in plans)
        assert (at, late) == (2 * 96, 3 * 96)


@pytest.mark.parametrize(
    ("frame_rate", "segment_frames", "segment_s"),
    [
        ("24/1", 96, 4.0),
        ("25/1", 100, 4.0),
        ("50/2", 100, 4.0),
        ("24000/1001", 96, 4.004),
        ("30000/1001", 120, 4.004),
        ("60000/1001", 240, 4.004),
    ],
)
def test_a_segment_is_a_whole_number_of_frames(frame_rate, segment_frames, segment_s):
    plan = planned(source(frame_rate=frame_rate))
    assert (plan.segment_frames, plan.segment_s) == (segment_frames, pytest.approx(segment_s))
    assert Fraction(plan.frame_rate) == Fraction(frame_rate)


def test_the_same_source_gives_the_same_plan():
    assert planned().model_dump_json() == planned().model_dump_json()


def test_until_the_search_is_done_the_ladder_is_the_fixed_one_cut_to_the_source():
    plan = planned(source(width=1280, height=720))
    assert [recipe.rung for recipe in plan.fixed] == ["720p", "480p", "360p"]
    assert (plan.video, plan.ladder, plan.floors) == (plan.fixed, None, ())
    assert plan.search == SEARCH


def test_a_ladder_is_searched_for_the_highest_floor_of_its_tiers_and_for_no_less_than_usual():
    floors = {Tier.HD: 97, Tier.UHD: 99, Tier.SD: 80}
    floors = {tier: Floor(vmaf_mean=mean, vmaf_p5=85) for tier, mean in floors.items()}
    assert planned(floors=floors).vmaf_target == 97
    assert planned(source(width=640, height=360), floors=floors).vmaf_target == 95
    assert planned().vmaf_target == 95


@pytest.mark.parametrize(
    "picture", [{}, samples.PQ | {"hdr": HdrFacts(transfer=Transfer.HLG), "color_transfer": "arib-std-b67"}]
)
def test_a_source_that_is_not_pq_has_no_hdr10_rung(picture):
    ladder = [*samples.LADDER, samples.HDR10_RUNG]
    assert planned(source(**picture), ladder=ladder).video == samples.LADDER


def test_in_degraded_mode_nothing_has():
    shortcuts = Shortcuts(skipped_rungs=(), preset="superfast", vmaf_target=93)
    plan = planned(source(**samples.PQ), ladder=[*samples.LADDER, samples.HDR10_RUNG], shortcuts=shortcuts)
    assert {rung.dynamic_range for rung in plan.video} == {DynamicRange.SDR}


def test_a_stretched_picture_is_planned_as_it_is_shown():
    plan = planned(source(width=1440, height=1080, sample_aspect_ratio="4/3"))
    assert (plan.width, plan.height) == (1920, 1080)
    assert plan.video == samples.LADDER


class TestAudio:
    def test_a_source_without_sound_has_no_audio_and_no_audio_job(self):
        plan = planned(source(audio=()))
        assert plan.audio == ()
        assert Tier.AUDIO not in {key.tier for key in plan.keys}
        names = [job.command[0] for job in jobs_of(plan, uri=URI, sizes=SIZES).chunk_jobs]
        assert "encode-audio" not in names

    @pytest.mark.parametrize(("channels", "expected"), [(1, (1, 64)), (2, (2, 128)), (6, (2, 128))])
    def test_more_than_stereo_is_mixed_down(self, channels, expected):
        track = AudioFacts(codec="pcm_s24le", channels=channels, sample_rate_hz=48_000)
        [audio] = planned(source(audio=(track,))).audio
        assert (audio.channels, audio.bitrate_kbps) == expected

    @pytest.mark.parametrize(
        ("declared", "expected"),
        [("eng", "eng"), ("pt-BR", "pt-BR"), (None, "und"), ("", "und"), ("English!", "und"), ("e" * 99, "und")],
    )
    def test_a_language_that_is_none_does_not_stop_a_film(self, declared, expected):
        track = AudioFacts(codec="aac", channels=2, sample_rate_hz=48_000, language=declared)
        assert planned(source(audio=(track,))).audio[0].language == expected


class TestKeys:
    def test_only_the_tiers_in_use_get_into_the_plan(self):
        plan = planned(source(width=854, height=480))
        assert {key.tier for key in plan.keys} == {Tier.AUDIO, Tier.SD}

    def test_a_missing_key_is_named(self):
        with pytest.raises(KeyMissingError, match="AUDIO, HD"):
            planned(keys=[key for key in samples.KEYS if key.tier is Tier.SD])

    def test_only_a_picture_beyond_high_definition_gets_the_key_of_its_tier(self):
        ladder = (samples.recipe("2160p", 3840, 2160, Tier.UHD), *samples.LADDER)
        uhd = ContentKey(tier=Tier.UHD, key_id="d" * 32, wrapped="wrapped-UHD")
        keys = (*samples.KEYS, uhd)
        large = planned(source(width=3840, height=2160), ladder=ladder, keys=keys)
        assert (large.video[0].tier, {key.tier for key in large.keys}) == (Tier.UHD, set(Tier))
        assert uhd not in planned(ladder=ladder, keys=keys).keys


@pytest.mark.parametrize("facts", [{"video": None}, {"video": samples.VIDEO.model_copy(update={"frames": 0})}])
def test_a_source_without_a_picture_is_refused(facts):
    accepted = samples.source_accepted(facts=samples.FACTS.model_copy(update=facts))
    with pytest.raises(NoPictureError, match=samples.FEATURE):
        planned(accepted)


def every_job(jobs):
    return [
        jobs.search,
        *jobs.chunk_jobs,
        *(job for rung in jobs.rung_jobs for job in (rung.join, rung.score)),
        jobs.package,
        jobs.verify,
    ]


class TestJobs:
    @given(st.integers(1, 5_000), st.integers(1, 5), st.sampled_from([(640, 360), (1280, 720), (4096, 2160)]))
    def test_names_are_unique_and_fit_batch(self, frames, chunk_segments, size):
        plan = planned(source(frames=frames, width=size[0], height=size[1]), chunk_segments=chunk_segments)
        jobs = jobs_of(plan, uri=URI, sizes=SIZES)
        every = every_job(jobs)
        names = [job.name for job in every]
        assert len(set(names)) == len(names) == jobs.count
        assert all(re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}", name) for name in names)
        assert len({job.command for job in every}) == len(every)

    @given(st.integers(1, 5_000))
    def test_every_chunk_of_every_rung_has_its_job_in_order(self, frames):
        plan = planned(source(frames=frames))
        commands = [job.command for job in jobs_of(plan, uri=URI, sizes=SIZES).chunk_jobs]
        assert commands == [
            *(
                ("encode-chunk", "--plan", URI, "--rung", recipe.rung, "--chunk", str(chunk.index))
                for recipe in plan.video
                for chunk in plan.chunks
            ),
            ("encode-audio", "--plan", URI, "--track", "eng_stereo_128k"),
        ]

    def test_only_what_uses_many_threads_is_large(self):
        jobs = every_job(jobs_of(planned(), uri=URI, sizes=SIZES))
        size_of = {job.command[0]: (job.vcpus, job.memory_mib) for job in jobs}
        large = {task for task, size in size_of.items() if size == (LARGE.vcpus, LARGE.memory_mib)}
        small = {task for task, size in size_of.items() if size == (SMALL.vcpus, SMALL.memory_mib)}
        assert large == {"search", "encode-chunk", "score"}
        assert small == {"encode-audio", "join", "package", "verify"}

    def test_a_job_knows_what_it_should_cost_and_how_long_it_may_wait(self):
        plan, moment = planned(), datetime(2026, 11, 22, 12, tzinfo=UTC)
        prediction = predict(plan, worker_capacity="c7g-spot", sizes=SIZES, prices=PriceList.load())
        jobs = every_job(jobs_of(plan, uri=URI, sizes=SIZES, prediction=prediction, spot_until={Stage.SCORE: moment}))
        assert sum(job.usd for job in jobs) == pytest.approx(prediction.usd_expected)
        assert {job.command[0] for job in jobs if job.spot_until == moment} == {"score"}
        assert {job.spot_until for job in jobs} == {moment, NEVER}
        assert {job.usd for job in every_job(jobs_of(plan, uri=URI, sizes=SIZES))} == {None}

    def test_a_rung_is_joined_then_scored_and_the_version_packaged(self):
        jobs = jobs_of(planned(source(width=1280, height=720)), uri=URI, sizes=SIZES)
        assert [(rung.join.command, rung.score.command) for rung in jobs.rung_jobs] == [
            (("join", "--plan", URI, "--rung", rung), ("score", "--plan", URI, "--rung", rung))
            for rung in ("720p", "480p", "360p")
        ]
        assert jobs.package.command == ("package", "--plan", URI)


def test_the_announcement_names_the_rungs_and_counts_the_jobs():
    plan = planned()
    event = started(plan, jobs=jobs_of(plan, uri=URI, sizes=SIZES).count)
    assert event.rungs == ("1080p", "720p", "480p", "360p")
    # A search; 600 frames are 6.25 segments of 96, thus 3 chunks; one audio job, four joins, four scores, a package, a
    # check.
    assert event.jobs == 1 + 4 * 3 + 1 + 4 + 4 + 1 + 1
