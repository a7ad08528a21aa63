"""The token key's way to the edge: from the secret into the document that a key value store imports."""

from __future__ import annotations

import json

from lambdas.playback.models import EdgeKey


def import_document(key: EdgeKey) -> str:
    """Return what CloudFront's key value store imports: one entry, the key under its id."""
    return json.dumps({"data": [{"key": key.kid, "value": key.key}]})
