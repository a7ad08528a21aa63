"""The token key's way to the edge: from the secret into the document that a key value store imports.

``python -m lambdas.delivery.edge_keys PATHWAY`` reads the secret from its input and writes that document for a further
pathway, with the key of its own.
"""

from __future__ import annotations

import json
import sys

from lambdas.playback.models import EdgeKey
from lambdas.playback.tokens import pathway_key


def import_document(key: EdgeKey) -> str:
    """Return what CloudFront's key value store imports: one entry, the key under its id."""
    return json.dumps({"data": [{"key": key.kid, "value": key.key}]})


def main() -> None:
    """Write a further pathway's document."""
    if len(sys.argv) != 2:  # noqa: PLR2004 - the program and its argument
        sys.exit("usage: python -m lambdas.delivery.edge_keys PATHWAY < SECRET")
    pathway_id = sys.argv[1]
    own = EdgeKey.model_validate_json(sys.stdin.read())
    sys.stdout.write(import_document(pathway_key(own, pathway_id=pathway_id)) + "\n")


if __name__ == "__main__":
    main()
