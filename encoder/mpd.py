"""A DASH manifest, held against the schema of what Marquee writes (``mpd.rng``)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from lxml import etree

_MPD = "{urn:mpeg:dash:schema:mpd:2011}"
_XML_ID = ("AdaptationSet", "Representation")


def mpd_complaints(text: bytes) -> Iterator[str]:
    """Yield what a DASH manifest has that no manifest may have, with its element and its line.

    The schema is a part of ISO/IEC 23009-1, which no package brings and which may not be copied: it says the types, the
    order and the values of what stands in our manifests. Of what it finds, the first is told: the rest follows from it.
    What is no XML is left to whoever reads it.
    """
    # No entity is resolved, nothing is loaded.
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    try:
        root = etree.fromstring(text, parser)
    except etree.XMLSyntaxError:
        return
    schema = _schema()
    if not schema.validate(root):
        # Innermost first; what is only counted on the way out has no line.
        first = next((found for found in schema.error_log if found.line), schema.error_log[0])
        yield f"line {first.line}: {first.message}"
    for name in _XML_ID:
        ids = Counter(element.get("id") for element in root.iter(f"{_MPD}{name}"))
        yield from (f"{count} elements {name} have the id {said!r}" for said, count in ids.items() if count > 1)


@cache
def _schema() -> etree.RelaxNG:
    return etree.RelaxNG(file=str(Path(__file__).with_name("mpd.rng")))
