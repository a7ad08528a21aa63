"""Bad deliveries: each is rejected with a reason and a remedy, and nothing of it is lost or published."""

import json
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from lambdas.common.keys import MANIFEST_NAME
from tests.platform.waiting import eventually

pytestmark = pytest.mark.embedded

FEATURE = "feature.mov"


@dataclass(frozen=True)
class Spoilt:
    """A delivery that must be rejected, and the finding that must say why.

    `files` makes what is sent of the clips; `manifest` spoils a careful manifest of it.
    """

    code: str
    subject: str
    files: Callable = lambda clips: {FEATURE: clips.whole}
    manifest: Callable = lambda manifest: manifest


def _changed(**fields):
    return lambda manifest: manifest | fields


def _file_changed(**fields):
    return lambda manifest: manifest | {"files": [manifest["files"][0] | fields]}


def _without_name(manifest):
    return manifest | {"title": {"title_id": manifest["title"]["title_id"]}}


def _twice(manifest):
    return json.dumps(manifest).replace('"schema_version": 2', '"schema_version": 2, "schema_version": 2').encode()


def _broken_off(manifest):
    return json.dumps(manifest).encode()[:-20]


def _of_a_larger_file(manifest):
    return _file_changed(size_bytes=manifest["files"][0]["size_bytes"] + 4096)(manifest)


def _other_name(manifest):
    return _file_changed(name="elsewhere.mov")(manifest)


SPOILT = {
    "checksum-differs": Spoilt("CHECKSUM_MISMATCH", FEATURE, manifest=_file_changed(sha256="0" * 64)),
    "manifest-broken-off": Spoilt("MANIFEST_INVALID", MANIFEST_NAME, manifest=_broken_off),
    "manifest-not-text": Spoilt("MANIFEST_INVALID", MANIFEST_NAME, manifest=lambda _: b"\xff\xfe\x00{"),
    "manifest-key-twice": Spoilt("MANIFEST_INVALID", MANIFEST_NAME, manifest=_twice),
    "manifest-lacks-a-field": Spoilt("MANIFEST_INVALID", "title.name", manifest=_without_name),
    "manifest-of-another-studio": Spoilt("STUDIO_MISMATCH", "studio", manifest=_changed(studio="northlight")),
    "file-missing": Spoilt("FILE_MISSING", "elsewhere.mov", manifest=_other_name),
    "upload-broken-off": Spoilt("SIZE_MISMATCH", FEATURE, manifest=_of_a_larger_file),
    "file-truncated": Spoilt("DAMAGED", FEATURE, lambda clips: {FEATURE: clips.whole[: len(clips.whole) * 6 // 10]}),
    "file-empty": Spoilt("FILE_EMPTY", FEATURE, lambda _: {FEATURE: b""}),
    "file-not-media": Spoilt("NOT_MEDIA", FEATURE, lambda _: {FEATURE: b"Dear Sirs, the film follows by post.\n" * 99}),
    "file-a-playlist": Spoilt("NOT_MEDIA", FEATURE, lambda _: {FEATURE: b"#EXTM3U\n#EXTINF:4,\nfile:///etc/passwd\n"}),
    "sound-only": Spoilt("NO_VIDEO", FEATURE, lambda clips: {FEATURE: clips.sound_only}),
}


@pytest.fixture(scope="module")
def sent(platform, clips, tmp_path_factory):
    """All of them, sent before the first is looked at: they are inspected side by side."""
    from tests.platform.studio import manifest_of, send  # noqa: PLC0415

    folder = tmp_path_factory.mktemp("spoilt")
    deliveries = {}
    for name, spoilt in SPOILT.items():
        files = spoilt.files(clips)
        manifest = spoilt.manifest(manifest_of(name, files))
        deliveries[name] = send(platform.up, name=name, files=files, manifest=manifest, folder=folder / name)
    return deliveries


@pytest.mark.parametrize("name", SPOILT)
def test_a_bad_delivery_is_rejected_with_its_remedy(platform, clips, sent, name):
    spoilt, delivery = SPOILT[name], sent[name]
    version = platform.version_of(delivery)
    execution = platform.ended("ingestion", version)
    assert execution["status"] == "SUCCEEDED"
    assert platform.way(execution)[-2:] == ["Reject", "Rejected"]
    found = [(finding["code"], finding["subject"]) for finding in json.loads(execution["output"])["findings"]]
    assert found == [(spoilt.code, spoilt.subject)]

    letter = platform.letters.event("DeliveryRejected", version_id=version)
    assert (letter["studio"], letter["delivery_id"]) == delivery
    assert [(finding["code"], finding["subject"]) for finding in letter["findings"]] == found
    assert all(finding["remedy"].endswith(".") and len(finding["remedy"]) > 40 for finding in letter["findings"])

    assert version not in platform.executions("encoding")
    assert platform.catalog(name) == []
    s3, bucket = platform.client("s3"), platform.output("ingestion", "RawBucket")
    for file, content in spoilt.files(clips).items():
        assert s3.get_object(Bucket=bucket, Key=delivery.file(file))["Body"].read() == content
    versions = s3.list_object_versions(Bucket=bucket, Prefix=delivery.prefix)
    assert "DeleteMarkers" not in versions


def test_a_studio_may_correct_its_manifest_and_send_it_again(platform, clips, sent, tmp_path):
    from tests.platform.studio import manifest_of, send  # noqa: PLC0415

    name = "manifest-lacks-a-field"
    first = platform.version_of(sent[name])
    # The files are there already; what the manifest lacked is in it now, but it names one file too many.
    manifest = manifest_of(name, {FEATURE: clips.whole})
    manifest["files"].append(manifest["files"][0] | {"name": "forgotten.vtt", "role": "subtitles", "language": "en"})
    send(platform.up, name=name, files={}, manifest=manifest, folder=tmp_path)
    letter = eventually(
        lambda: [
            letter
            for letter in platform.letters.events("DeliveryRejected", delivery_id=name)
            if letter["version_id"] != first
        ],
        waiting_for="a second verdict",
    )[0]
    assert [(finding["code"], finding["subject"]) for finding in letter["findings"]] == [
        ("FILE_MISSING", "forgotten.vtt")
    ]
