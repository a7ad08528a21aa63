import re
from datetime import UTC, datetime

import pytest

from lambdas.common.errors import InvalidInputError, PermanentError
from lambdas.ingestion.arrival import arrival_of, version_id_of

KEY = "blender/2026-11-bunny/manifest.json"


def created(key=KEY, *, bucket="raw", time="2026-11-02T09:30:00Z", **object_fields):
    detail = {"bucket": {"name": bucket}, "object": {"key": key, "version-id": "o1", "size": 7} | object_fields}
    return {"time": time, "detail": detail}


def test_the_execution_gets_what_it_needs_to_read_exactly_this_manifest():
    arrival = arrival_of(created(**{"version-id": "o1"}))
    assert (arrival.raw_bucket, arrival.manifest_key, arrival.object_version) == ("raw", KEY, "o1")
    assert re.fullmatch(r"v[0-9a-f]{16}", arrival.version_id)
    assert arrival.delivered_at == datetime(2026, 11, 2, 9, 30, tzinfo=UTC)


def test_a_duplicate_event_gives_the_same_version():
    once = arrival_of(created(**{"version-id": "o1"}, sequencer="1"))
    again = arrival_of(created(**{"version-id": "o1"}, sequencer="2"))
    assert once == again


@pytest.mark.parametrize(
    "other",
    [
        created(**{"version-id": "o2"}),
        created(key="blender/other/manifest.json", **{"version-id": "o1"}),
        created(bucket="other", **{"version-id": "o1"}),
    ],
)
def test_another_object_version_gives_another_version(other):
    assert arrival_of(other).version_id != arrival_of(created(**{"version-id": "o1"})).version_id


def test_a_manifest_without_a_version_is_refused_by_field():
    unversioned = created(etag="e1")
    del unversioned["detail"]["object"]["version-id"]
    with pytest.raises(InvalidInputError, match=r"detail\.object\.version-id: Field required"):
        arrival_of(unversioned)


@pytest.mark.parametrize(
    "key",
    [
        "manifest.json",
        "blender/manifest.json",
        "blender/a/b/manifest.json",
        "blender/../manifest.json",
        "blender/a b/manifest.json",
        "blender/bunny/film.mov",
    ],
)
def test_a_manifest_in_the_wrong_place_is_refused_with_what_to_do(key):
    with pytest.raises(PermanentError, match="one folder of the studio's folder"):
        arrival_of(created(key=key))


def test_a_detail_of_another_shape_is_refused_by_field():
    with pytest.raises(InvalidInputError, match=r"detail\.object: Field required"):
        arrival_of({"time": "2026-11-02T09:30:00Z", "detail": {"bucket": {"name": "raw"}}})


def test_who_knows_the_object_version_knows_the_version_that_is_made_of_it():
    assert arrival_of(created(**{"version-id": "o1"})).version_id == version_id_of("raw", KEY, "o1")
