import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.common.keys import DeliveryLocation
from lambdas.ingestion.findings import MOST
from lambdas.ingestion.manifest import MAX_BYTES, UnreadableManifestError, read
from tests.lambdas import samples

LOCATION = DeliveryLocation(studio=samples.STUDIO, delivery_id=samples.DELIVERY)
FEATURE = samples.manifest()["files"][0]
SUBTITLES = samples.manifest()["files"][1]
WORLD = samples.manifest()["rights"][0]
PLACE = {"series_id": "the-meadow", "name": "The Meadow", "season": 1, "episode": 2}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


def findings_of(raw):
    raw = raw if isinstance(raw, bytes) else json.dumps(raw).encode()
    with pytest.raises(UnreadableManifestError) as caught:
        read(raw, location=LOCATION)
    assert all(found.message and found.remedy.endswith(".") for found in caught.value.findings)
    return caught.value.findings


def readable(raw):
    """Whether `raw` is read; any other error than the reader's own is one."""
    try:
        read(raw, location=LOCATION)
    except UnreadableManifestError:
        return False
    return True


def subjects_of(raw):
    return {(found.code, found.subject) for found in findings_of(raw)}


def with_files(*files):
    return samples.manifest(files=list(files))


def of_series(place):
    return samples.manifest(title=samples.manifest()["title"] | {"series": place})


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
        (samples.manifest(priority="urgent"), "priority"),
        (samples.manifest(priority="campaign"), "priority"),
        (samples.manifest(surprise=1), "surprise"),
        (samples.manifest(title={"title_id": "Big Bunny", "name": "x"}), "title.title_id"),
        (samples.manifest(title={"title_id": "bunny"}), "title.name"),
        (samples.manifest(title={"title_id": "bunny", "name": " "}), "title.name"),
        (samples.manifest(title={"title_id": "bunny", "name": "Big\nBuck\nBunny"}), "title.name"),
        (samples.manifest(title={"title_id": "bunny", "name": "Big Buck\0Bunny"}), "title.name"),
        (of_series("the-meadow"), "title.series"),
        *(
            (of_series(PLACE | {field: value}), f"title.series.{field}")
            for field, value in (
                ("series_id", "The Meadow"),
                ("name", " "),
                ("name", "The\nMeadow"),
                ("season", -1),
                ("season", "1"),
                ("season", True),
                ("episode", 0),
                ("episode", 10_000),
                ("episode", None),
                ("part", 1),
            )
        ),
        (samples.manifest(rights=[]), "rights"),
        (samples.manifest(rights=[WORLD] * 21), "rights"),
        (samples.manifest(rights=[WORLD | {"territories": []}]), "rights.0.territories"),
        (samples.manifest(rights=[WORLD | {"territories": ["de"]}]), "rights.0.territories.0"),
        (samples.manifest(rights=[WORLD, WORLD | {"starts_at": "2026-01-01T00:00:00"}]), "rights.1.starts_at"),
        (samples.manifest(rights=[WORLD | {"starts_at": 1_767_225_600}]), "rights.0.starts_at"),
        (samples.manifest(rights=[WORLD | {"ends_at": WORLD["starts_at"]}]), "rights.0.ends_at"),
        (samples.manifest(rights=[WORLD | {"price": 1}]), "rights.0.price"),
        (samples.manifest(files=[]), "files"),
        (samples.manifest(files=[FEATURE] * 101), "files"),
        (samples.manifest(files="film.mov"), "files"),
        (with_files(FEATURE | {"sha256": "abc"}), "files.0.sha256"),
        (with_files(FEATURE | {"sha256": samples.FEATURE_SHA.upper()}), "files.0.sha256"),
        (with_files(FEATURE | {"size_bytes": -1}), "files.0.size_bytes"),
        (with_files(FEATURE | {"size_bytes": True}), "files.0.size_bytes"),
        (with_files(FEATURE | {"size_bytes": "1000"}), "files.0.size_bytes"),
        (with_files(FEATURE | {"size_bytes": 1.5}), "files.0.size_bytes"),
        (with_files(FEATURE | {"size_bytes": 5 * 1024**4 + 1}), "files.0.size_bytes"),
        (with_files(FEATURE | {"size_bytes": 10**400}), "files.0.size_bytes"),
        (with_files(FEATURE | {"name": "../film.mov"}), "files.0.name"),
        *(
            (with_files(FEATURE | {"name": name}), "files.0.name")
            for name in (
                "/film.mov",
                "a/../../b.mov",
                "..\\film.mov",
                "%2e%2e%2ffilm.mov",
                "film.mov\n",
                "фильм.mov",
                "..",
            )
        ),
        (with_files(FEATURE | {"name": "manifest.json"}), "files.0.name"),
        (with_files(FEATURE | {"role": "trailer"}), "files.0.role"),
        (with_files(FEATURE, SUBTITLES | {"language": "English"}), "files.1.language"),
        (with_files(FEATURE, SUBTITLES | {"language": "en" + "-abcdefgh" * 9}), "files.1.language"),
        (with_files(FEATURE, SUBTITLES | {"language": None}), "files.1.language"),
        (with_files(FEATURE, {key: SUBTITLES[key] for key in SUBTITLES if key != "language"}), "files.1.language"),
        (with_files(FEATURE, FEATURE | {"name": "b.mov"}), "files"),
        (with_files(SUBTITLES), "files"),
        (with_files(FEATURE, SUBTITLES, SUBTITLES), "files"),
        (with_files(FEATURE, SUBTITLES, SUBTITLES | {"name": "b.vtt", "kind": "subtitles"}), "files"),
        (with_files(FEATURE, SUBTITLES | {"kind": "karaoke"}), "files.1.kind"),
    ],
)
def test_a_wrong_field_is_named(manifest, subject):
    assert subjects_of(manifest) == {("MANIFEST_INVALID", subject)}


def test_a_title_may_be_an_episode_of_a_series():
    episode = read(json.dumps(of_series(PLACE)).encode(), location=LOCATION)
    assert episode.title.series.model_dump() == PLACE
    special = read(json.dumps(of_series(PLACE | {"season": 0})).encode(), location=LOCATION)
    assert special.title.series.season == 0
    for manifest in (samples.manifest(), of_series(None)):
        assert read(json.dumps(manifest).encode(), location=LOCATION).title.series is None


@pytest.mark.parametrize("field", PLACE)
def test_a_place_in_a_series_is_whole(field):
    place = {name: value for name, value in PLACE.items() if name != field}
    assert subjects_of(of_series(place)) == {("MANIFEST_INVALID", f"title.series.{field}")}


def test_a_language_may_have_a_file_of_every_kind():
    kinds = ("forced", "sdh", "subtitles")
    files = [SUBTITLES | {"name": f"{kind}.vtt", "kind": kind} for kind in kinds]
    found = read(json.dumps(with_files(FEATURE, *files)).encode(), location=LOCATION)
    assert tuple(file.kind for file in found.files[1:]) == kinds
    silent = read(json.dumps(with_files(FEATURE, SUBTITLES)).encode(), location=LOCATION)
    assert silent.files[1].kind == "subtitles"


def test_every_wrong_field_is_reported_at_once():
    wrong = samples.manifest(schema_version=1, files=[FEATURE | {"sha256": "x", "size_bytes": "y"}])
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


@pytest.mark.parametrize("version", [0, 1, 3, "2", True, None])
def test_another_version_is_told_what_has_changed(version):
    [found] = findings_of(samples.manifest(schema_version=version))
    assert (found.code, found.subject) == ("MANIFEST_VERSION", "schema_version")
    assert "'rights'" in found.remedy


def test_a_manifest_of_version_1_is_told_what_it_lacks():
    old = {key: value for key, value in samples.manifest(schema_version=1).items() if key != "rights"}
    assert subjects_of(old) == {("MANIFEST_VERSION", "schema_version"), ("MANIFEST_INVALID", "rights")}


@pytest.mark.parametrize(
    ("manifest", "advice"),
    [
        (with_files(FEATURE | {"sha256": "abc"}), "Correct files.0.sha256 (of the whole file: 64 hexadecimal digits"),
        (samples.manifest(title={"title_id": "bunny"}), "Add title.name (as viewers read it"),
        (samples.manifest(rights=[WORLD | {"territories": ["de"]}]), "for example `DE`, or `WORLD`"),
        (samples.manifest(surprise=1), "Leave it out"),
        (of_series(PLACE | {"episode": 0}), "Correct title.series.episode (within the season: 1 to 9999)"),
    ],
)
def test_a_remedy_says_what_the_field_should_be(manifest, advice):
    [found] = findings_of(manifest)
    assert advice in found.remedy


def test_titles_may_be_of_any_script():
    for name in ("Дюна", "千と千尋の神隠し", "الرسالة", "Amélie 🐇", "क्षत्रिय"):
        assert readable(json.dumps(samples.manifest(title={"title_id": "t", "name": name})).encode())


def test_a_bomb_of_a_mebibyte_and_more_is_not_unpacked():
    assert subjects_of(b" " * (MAX_BYTES + 1)) == {("MANIFEST_TOO_LARGE", "manifest.json")}


@given(st.binary(max_size=300))
def test_no_bytes_break_the_reader(raw):
    assert findings_of(raw)


@given(JSON)
def test_no_json_breaks_the_reader(value):
    assert findings_of(json.dumps(value).encode())


@given(st.data())
def test_no_value_in_the_place_of_another_breaks_the_reader(data):
    """What is read is as good as the manifest that it was made of: it can be written, and read as the same."""
    manifest = samples.manifest()
    node = manifest
    while True:
        key = data.draw(st.sampled_from(sorted(node) if isinstance(node, dict) else range(len(node))))
        if not isinstance(node[key], dict | list) or not node[key] or data.draw(st.booleans()):
            break
        node = node[key]
    node[key] = data.draw(JSON)
    raw = json.dumps(manifest).encode()
    if readable(raw):
        once = read(raw, location=LOCATION)
        assert read(once.model_dump_json().encode(), location=LOCATION) == once
        assert all(LOCATION.file(file.name).startswith(LOCATION.prefix) for file in once.files)
