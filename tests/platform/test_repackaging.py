"""A published title gets new keys without being encoded: the command, the workflow, the film, and the way back."""

import base64
import subprocess

import imageio_ffmpeg
import pytest

pytestmark = pytest.mark.embedded

TITLE_ID = "small"


@pytest.fixture(scope="module")
def secret(platform):
    """A content key of the title in the clear, by its id, as the packager and the licence service get it."""

    def secret(key_id):
        table = platform.resource("playback", "ContentKeys", kind="AWS::DynamoDB::GlobalTable")
        [item] = [
            item for item in platform.client("dynamodb").scan(TableName=table)["Items"] if item["key_id"]["S"] == key_id
        ]
        tier = item["tier"]["S"].partition("#")[0]
        context = {"marquee:title": TITLE_ID, "marquee:tier": tier, "marquee:kid": key_id}
        wrapped = base64.b64decode(item["wrapped"]["S"])
        return platform.client("kms").decrypt(CiphertextBlob=wrapped, EncryptionContext=context)["Plaintext"]

    return secret


def samples(platform, tmp_path, prefix, key):
    """The hash of each decrypted sample of a track in the media bucket."""
    s3, bucket = platform.client("s3"), platform.output("encoding", "MediaBucket")
    names = [entry["Key"] for entry in s3.list_objects_v2(Bucket=bucket, Prefix=prefix)["Contents"]]
    segments = sorted(names, key=lambda name: (not name.endswith("init.mp4"), len(name), name))
    path = tmp_path / f"{prefix.replace('/', '_')}.mp4"
    path.write_bytes(b"".join(s3.get_object(Bucket=bucket, Key=name)["Body"].read() for name in segments))
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-decryption_key", key.hex(), "-i", str(path)]
    done = subprocess.run(
        [*command, "-map", "0:0", "-c", "copy", "-f", "framemd5", "-"], capture_output=True, text=True, check=True
    )
    return [line for line in done.stdout.splitlines() if not line.startswith("#")]


def kids(key_ids):
    return [base64.urlsafe_b64encode(bytes.fromhex(key_id)).rstrip(b"=").decode() for key_id in key_ids.values()]


def licence(viewer, session, key_ids):
    return viewer.post(session["license_url"], {"kids": kids(key_ids), "type": "temporary"}).status


def test_a_title_gets_new_keys_and_every_sample_stays(platform, small, marquee, viewer, secret, tmp_path):
    before = platform.bus.event("TitlePublished", version_id=platform.played(small["title"]["title_id"]))
    watching = viewer.watch(TITLE_ID)

    asked = marquee("repackage", TITLE_ID, "--new-keys")

    assert asked.exit_code == 0, asked.output
    request = platform.bus.event("RepackageRequested", replaces=before["version_id"], new_keys=True)
    version_id = request["accepted"]["version_id"]
    after = platform.bus.event("TitlePublished", version_id=version_id)
    platform.playable(TITLE_ID, version_id=version_id)
    # Two jobs, and neither of them encodes.
    jobs = platform.claims(version_id)
    assert sorted(jobs) == ["package", "verify"]
    assert {job.state.value for job in jobs.values()} == {"done"}
    steps = platform.way(platform.ended("encoding", version_id))
    assert "Open a key period" in steps
    assert not {"Plan", "Search the ladder", "Encode each chunk", "Finish each rung"} & set(steps)
    # Other keys, the same film.
    assert not set(before["key_ids"].values()) & set(after["key_ids"].values())
    assert set(before["key_ids"]) == set(after["key_ids"])
    assert [(one["rung"], one["vmaf_mean"]) for one in after["renditions"]] == [
        (one["rung"], one["vmaf_mean"]) for one in before["renditions"]
    ]
    for rendition in after["renditions"]:
        old, new = (
            samples(
                platform,
                tmp_path,
                f"{TITLE_ID}/{version['version_id']}/video/{rendition['rung']}/",
                secret(version["key_ids"][rendition["tier"]]),
            )
            for version in (before, after)
        )
        assert old == new != []
    # Whoever watches goes on with the old keys, and whoever begins gets the new ones.
    assert licence(viewer, watching, before["key_ids"]) == 200
    assert licence(viewer, viewer.watch(TITLE_ID), after["key_ids"]) == 200
    # And back: the version before has its own keys still.
    back = marquee("rollback", TITLE_ID, "--to", before["version_id"])
    assert back.exit_code == 0, back.output
    platform.playable(TITLE_ID, version_id=before["version_id"])
    assert licence(viewer, viewer.watch(TITLE_ID), before["key_ids"]) == 200
