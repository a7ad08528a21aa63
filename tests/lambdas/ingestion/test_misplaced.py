"""A manifest in the wrong place: its studio is told, and nothing is started."""

import pytest

from lambdas.ingestion import handlers
from lambdas.ingestion.arrival import MisplacedManifestError
from tests.lambdas.cloud import executions
from tests.lambdas.ingestion.conftest import created


@pytest.mark.parametrize(
    ("key", "delivery", "path"),
    [
        ("blender/manifest.json", "misplaced", "manifest.json"),
        ("blender/bunny-1/deeper/manifest.json", "bunny-1", "bunny-1/deeper/manifest.json"),
        ("blender//manifest.json", "misplaced", "/manifest.json"),
        ("blender/Łódź/manifest.json", "misplaced", "Łódź/manifest.json"),
        ("blender/two words/bunny/manifest.json", "bunny", "two words/bunny/manifest.json"),
        ("blender/.hidden/manifest.json", "misplaced", ".hidden/manifest.json"),
    ],
)
def test_the_studio_learns_where_it_belongs(pipeline, bus, context, key, delivery, path):
    answer = handlers.start(created(key, "1"), context)
    [envelope] = bus.envelopes()
    assert envelope["detail-type"] == "DeliveryRejected"
    told = envelope["detail"]
    assert (told["studio"], told["delivery_id"], told["version_id"]) == ("blender", delivery, answer["version_id"])
    [finding] = told["findings"]
    assert (finding["code"], finding["subject"]) == ("MANIFEST_MISPLACED", path)
    assert executions(pipeline) == []


def test_the_same_one_is_told_of_under_the_same_version(pipeline, bus, context):
    for version in ("1", "1", "2"):
        handlers.start(created("blender/manifest.json", version), context)
    first, again, later = (envelope["detail"] for envelope in bus.envelopes())
    assert first == again
    assert later["version_id"] != first["version_id"]


@pytest.mark.parametrize("key", ["manifest.json", "NOBODY/a/b/manifest.json", "../blender/x/manifest.json"])
def test_where_it_is_nobodys_it_is_an_error_of_ours(pipeline, bus, context, key):
    with pytest.raises(MisplacedManifestError, match="one folder of the studio's folder"):
        handlers.start(created(key, "1"), context)
    assert bus.envelopes() == []
