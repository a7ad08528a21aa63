"""Write ``docs/generated/delivery-manifest.schema.json``: what a manifest is, for studios' own tools.

Run as ``python -m lambdas.ingestion.schema``; ``make docs`` does.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from lambdas.ingestion.models import DeliveryManifest

SCHEMA = Path(__file__).resolve().parents[2] / "docs" / "generated" / "delivery-manifest.schema.json"


@cache
def _schema() -> dict[str, Any]:
    return DeliveryManifest.model_json_schema()


def text() -> str:
    """Return the manifest's JSON Schema (draft 2020-12)."""
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return json.dumps(head | _schema() | {"title": "Delivery manifest, version 2"}, indent=2, ensure_ascii=False) + "\n"


def described(path: tuple[int | str, ...]) -> str | None:
    """Return what the schema says of the field at `path`, for example ``("files", 0, "sha256")``; none, if it has none.

    An element of a list is described as the list is, if it has no words of its own.
    """
    said = [node["description"] for node in _nodes(path) if "description" in node]
    return said[-1] if said else None


def _nodes(path: tuple[int | str, ...]) -> Iterator[dict[str, Any]]:
    node = _schema()
    for part in path:
        # What may be left out is one of two: the object, or null.
        node = next((choice for choice in node.get("anyOf", ()) if "$ref" in choice), node)
        node = _schema()["$defs"][node["$ref"].rpartition("/")[2]] if "$ref" in node else node
        if isinstance(part, int) and "items" in node:
            node = node["items"]
        elif part in node.get("properties", {}):
            node = node["properties"][part]
        else:
            return
        yield node


def main() -> None:
    """Write the schema."""
    SCHEMA.parent.mkdir(parents=True, exist_ok=True)
    SCHEMA.write_text(text(), encoding="utf-8")


if __name__ == "__main__":
    main()
