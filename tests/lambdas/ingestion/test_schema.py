import json

import pytest

from lambdas.ingestion.models import SCHEMA_VERSION, DeliveryManifest
from lambdas.ingestion.schema import SCHEMA, described, text


def objects(schema):
    return {"the manifest": schema, **{name: part for name, part in schema["$defs"].items() if "properties" in part}}


def test_the_published_schema_is_that_of_the_code():
    assert SCHEMA.read_text(encoding="utf-8") == text(), "run: python -m lambdas.ingestion.schema"


def test_every_field_is_described_and_no_other_is_allowed():
    for name, part in objects(json.loads(text())).items():
        assert part["additionalProperties"] is False, name
        for field, node in part["properties"].items():
            assert node.get("description"), f"{name}: {field}"


def test_the_schema_is_of_the_version_that_is_taken():
    schema = json.loads(text())
    assert schema["properties"]["schema_version"]["const"] == SCHEMA_VERSION
    assert set(schema["required"]) == {
        name for name, field in DeliveryManifest.model_fields.items() if field.is_required()
    }


@pytest.mark.parametrize(
    ("path", "says"),
    [
        (("files",), "exactly one of role"),
        (("files", 3, "sha256"), "64 hexadecimal digits"),
        (("files", 0, "language"), "BCP 47"),
        (("rights", 0, "territories", 2), "ISO 3166-1"),
        (("title", "name"), "as viewers read it"),
        (("title", "series"), "of which series"),
        (("title", "series", "season"), "1 to 9999"),
    ],
)
def test_a_field_is_described_by_its_path(path, says):
    assert says in described(path)


@pytest.mark.parametrize("path", [(), ("surprise",), ("surprise", 0), ("title", "surprise", "name")])
def test_what_is_no_field_has_no_description_of_its_own(path):
    assert described(path) in (None, described(path[:1]))
