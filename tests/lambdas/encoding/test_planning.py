import re
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.common.media import AudioFacts, Tier
from lambdas.encoding.jobs import jobs_of
from lambdas.encoding.planning import KeyMissingError, NoPictureError, chunks_of, plan_of, started
from tests.lambdas import samples

URI = "s3://work/work/v0123456789abcdef/plan.json"


def source(*, audio=samples.FACTS.audio, **picture):
    video = samples.VIDEO.model_copy(update=picture)
    return samples.source_accepted(facts=samples.FACTS.model_copy(update={"video": video, "audio": audio}))


def planned(accepted=None, **changes):
    settings = {
        "keys": samples.KEYS,
        "ladder": samples.LADDER,
        "chunk_segments": 3,
        "segment_s": 4.0,
        "work_bucket": "work",
        "media_bucket": "media",
    }
    return plan_of(accepted or source(), **settings | changes)


@given(st.integers(1, 100_000), st.integers(1, 240), st.integers(1, 30))
def test_chunks_cover_every_frame_once_and_break_only_between_segments(frames, segment_frames, chunk_segments):
    chunks = chunks_of(frames=frames, segment_frames=segment_frames, chunk_segments=chunk_segments)
    at = 0
    for index, chunk in enumerate(chunks):
        assert (chunk.index, chunk.first_frame) == (index, at)
        assert chunk.first_frame % segment_frames == 0
        assert 0 < chunk.frames <= segment_frames * chunk_segments
        at += chunk.frames
    assert at == frames
    assert all(chunk.frames == segment_frames * chunk_segments for chunk in chunks[:-1])


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


class TestAudio:
    def test_a_source_without_sound_has_no_audio_and_no_audio_job(self):
        plan = planned(source(audio=()))
        assert plan.audio is None
        assert Tier.AUDIO not in {key.tier for key in plan.keys}
        names = [job.command[0] for job in jobs_of(plan, uri=URI).chunk_jobs]
        assert "encode-audio" not in names

    @pytest.mark.parametrize(("channels", "expected"), [(1, (1, 64)), (2, (2, 128)), (6, (2, 128))])
    def test_more_than_stereo_is_mixed_down(self, channels, expected):
        track = AudioFacts(codec="pcm_s24le", channels=channels, sample_rate_hz=48_000)
        audio = planned(source(audio=(track,))).audio
        assert (audio.channels, audio.bitrate_kbps) == expected

    @pytest.mark.parametrize(
        ("declared", "expected"),
        [("eng", "eng"), ("pt-BR", "pt-BR"), (None, "und"), ("", "und"), ("English!", "und"), ("e" * 99, "und")],
    )
    def test_a_language_that_is_none_does_not_stop_a_film(self, declared, expected):
        track = AudioFacts(codec="aac", channels=2, sample_rate_hz=48_000, language=declared)
        assert planned(source(audio=(track,))).audio.language == expected


class TestKeys:
    def test_only_the_tiers_in_use_get_into_the_plan(self):
        plan = planned(source(width=854, height=480))
        assert {key.tier for key in plan.keys} == {Tier.AUDIO, Tier.SD}

    def test_a_missing_key_is_named(self):
        with pytest.raises(KeyMissingError, match="AUDIO, HD"):
            planned(keys=[key for key in samples.KEYS if key.tier is Tier.SD])


@pytest.mark.parametrize("facts", [{"video": None}, {"video": samples.VIDEO.model_copy(update={"frames": 0})}])
def test_a_source_without_a_picture_is_refused(facts):
    accepted = samples.source_accepted(facts=samples.FACTS.model_copy(update=facts))
    with pytest.raises(NoPictureError, match=samples.FEATURE):
        planned(accepted)


class TestJobs:
    @given(st.integers(1, 5_000), st.integers(1, 5), st.sampled_from([(640, 360), (1280, 720), (4096, 2160)]))
    def test_names_are_unique_and_fit_batch(self, frames, chunk_segments, size):
        plan = planned(source(frames=frames, width=size[0], height=size[1]), chunk_segments=chunk_segments)
        jobs = jobs_of(plan, uri=URI)
        rungs = [job for rung in jobs.rung_jobs for job in (rung.join, rung.score)]
        every = [*jobs.chunk_jobs, *rungs, jobs.package, jobs.verify]
        names = [job.name for job in every]
        assert len(set(names)) == len(names) == jobs.count
        assert all(re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}", name) for name in names)
        assert len({job.command for job in every}) == len(every)

    @given(st.integers(1, 5_000))
    def test_every_chunk_of_every_rung_has_its_job_in_order(self, frames):
        plan = planned(source(frames=frames))
        commands = [job.command for job in jobs_of(plan, uri=URI).chunk_jobs]
        assert commands == [
            *(
                ("encode-chunk", "--plan", URI, "--rung", recipe.rung, "--chunk", str(chunk.index))
                for recipe in plan.video
                for chunk in plan.chunks
            ),
            ("encode-audio", "--plan", URI),
        ]

    def test_a_rung_is_joined_then_scored_and_the_version_packaged(self):
        jobs = jobs_of(planned(source(width=1280, height=720)), uri=URI)
        assert [(rung.join.command, rung.score.command) for rung in jobs.rung_jobs] == [
            (("join", "--plan", URI, "--rung", rung), ("score", "--plan", URI, "--rung", rung))
            for rung in ("720p", "480p", "360p")
        ]
        assert jobs.package.command == ("package", "--plan", URI)


def test_the_announcement_names_the_rungs_and_counts_the_jobs():
    plan = planned()
    event = started(plan, source=source(), jobs=jobs_of(plan, uri=URI).count)
    assert event.rungs == ("1080p", "720p", "480p", "360p")
    # 600 frames are 6.25 segments of 96, thus 3 chunks; and one audio job, four joins, four scores, a package, a check.
    assert event.jobs == 4 * 3 + 1 + 4 + 4 + 1 + 1
