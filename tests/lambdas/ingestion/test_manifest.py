import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.common.keys import DeliveryLocation
from lambdas.ingestion.findings import MOST
from lambdas.ingestion.manifest import UnreadableManifestError, read
from tests.lambdas import samples

LOCATION = DeliveryLocation(studio=samples.STUDIO, delivery_id=samples.DELIVERY)
FEATURE = samples.manifest()["files"][0]
SUBTITLES = samples.manifest()["files"][1]


def findings_of(raw):
    raw = raw if isinstance(raw, bytes) else json.dumps(raw).encode()
    with pytest.raises(UnreadableManifestError) as caught:
        read(raw, location=LOCATION)
    assert all(found.message and found.remedy for found in caught.value.findings)
    return caught.value.findings


def subjects_of(raw):
    return {(found.code, found.subject) for found in findings_of(raw)}


def with_files(*files):
    return samples.manifest(files=list(files))


def test_a_good_manifest_is_read():
    manifest = read(json.dumps(samples.manifest()).encode(), location=LOCATION)
    assert manifest.feature.name == samples.FEATURE
    assert manifest.title.title_id == samples.TITLE


@pytest.mark.parametrize(
    ("raw", "complaint"),
    [
        (b"", "not JSON"),
        (b"{", "line 1"),
        (b'{"studio": "\xff"}', "UTF-8"),
        (b'{"studio": "a", "studio": "b"}', "'studio' stands twice"),
        (b'{"schema_version": NaN}', "NaN"),
        (b"[" * 500_000, "nested too deeply"),
    ],
)
def test_what_is_not_one_plain_json_object_is_malformed(raw, complaint):
    [found] = findings_of(raw)
    assert (found.code, found.subject) == ("MANIFEST_INVALID", "manifest.json")
    assert complaint in found.message


@pytest.mark.parametrize("raw", [b"[]", b"null", b'"manifest"', b"1", b"[" * 500 + b"]" * 500])
def test_json_of_another_shape_is_invalid_as_a_whole(raw):
    assert subjects_of(raw) == {("MANIFEST_INVALID", "manifest.json")}


@pytest.mark.parametrize(
    ("manifest", "subject"),
    [
        (samples.manifest(schema_version=2), "schema_version"),
        (samples.manifest(schema_version="1"), "schema_version"),
        (samples.manifest(priority="urgent"), "priority"),
        (samples.manifest(surprise=1), "surprise"),
        (samples.manifest(title={"title_id": "Big Bunny", "name": "x"}), "title.title_id"),
        (samples.manifest(title={"title_id": "bunny"}), "title.name"),
        (samples.manifest(files=[]), "manifest.json"),
        (samples.manifest(files=[FEATURE] * 101), "files"),
        (samples.manifest(files="film.mov"), "files"),
        (with_files(FEATURE | {"sha256": "abc"}), "files.0.sha256"),
        (with_files(FEATURE | {"sha256": samples.FEATURE_SHA.upper()}), "files.0.sha256"),
        (with_files(FEATURE | {"size_bytes": -1}), "files.0.size_bytes"),
        (with_files(FEATURE | {"size_bytes": True}), "files.0.size_bytes"),
        (with_files(FEATURE | {"size_bytes": "1000"}), "files.0.size_bytes"),
        (with_files(FEATURE | {"size_bytes": 1.5}), "files.0.size_bytes"),
        (with_files(FEATURE | {"name": "../film.mov"}), "files.0.name"),
        (with_files(FEATURE | {"name": "/film.mov"}), "files.0.name"),
        (with_files(FEATURE | {"name": "manifest.json"}), "files.0.name"),
        (with_files(FEATURE | {"role": "trailer"}), "files.0.role"),
        (with_files(FEATURE, SUBTITLES | {"language": "English"}), "files.1.language"),
        (with_files(FEATURE, SUBTITLES | {"language": "en" + "-abcdefgh" * 9}), "files.1.language"),
        (with_files(FEATURE, SUBTITLES | {"language": None}), "files.1"),
        (with_files(FEATURE, FEATURE | {"name": "b.mov"}), "manifest.json"),
        (with_files(SUBTITLES), "manifest.json"),
        (with_files(FEATURE, SUBTITLES, SUBTITLES), "manifest.json"),
    ],
)
def test_a_wrong_field_is_named(manifest, subject):
    assert subjects_of(manifest) == {("MANIFEST_INVALID", subject)}


def test_every_wrong_field_is_reported_at_once():
    wrong = samples.manifest(schema_version=2, files=[FEATURE | {"sha256": "x", "size_bytes": "y"}])
    assert {subject for _, subject in subjects_of(wrong)} == {
        "schema_version",
        "files.0.sha256",
        "files.0.size_bytes",
    }


def test_a_studio_cannot_deliver_for_another():
    assert subjects_of(samples.manifest(studio="pixar")) == {("STUDIO_MISMATCH", "studio")}


def test_findings_stay_within_what_an_event_can_carry():
    wrong = samples.manifest(**{f"{'long' * 500}{n}": n for n in range(200)})
    findings = findings_of(wrong)
    assert findings[-1].code == "MORE_FINDINGS"
    assert len(findings) == MOST + 1
    assert len(json.dumps([found.model_dump() for found in findings])) < 128 * 1024


@given(st.binary(max_size=300))
def test_no_bytes_break_the_reader(raw):
    assert findings_of(raw)
