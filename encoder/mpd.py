"""A DASH manifest: put into the order of the standard, and held against the schema of what Marquee writes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from lxml import etree

_MPD = "{urn:mpeg:dash:schema:mpd:2011}"
_NUMBERED = ("AdaptationSet", "Representation")
# What an adaptation set holds, in the order of its type (ISO/IEC 23009-1, 5.3.3.3 and 5.3.7.3).
_ORDER = (
    *("ContentProtection", "EssentialProperty", "SupplementalProperty", "Label"),
    *("Accessibility", "Role", "Representation"),
)


def in_order(text: bytes) -> bytes:
    """Return a manifest of the packager with what its adaptation sets hold in the order of the standard.

    Shaka Packager 3.8.0 writes the transfer function before the protection, and labels behind roles; a strict parser
    takes neither.
    """
    ranks = {f"{_MPD}{name}": rank for rank, name in enumerate(_ORDER)}
    manifest = _parsed(text)
    for choice in manifest.iter(f"{_MPD}AdaptationSet"):
        choice[:] = sorted(choice, key=lambda held: ranks.get(held.tag, len(ranks)))
    etree.indent(manifest)
    written: bytes = etree.tostring(manifest.getroottree(), encoding="utf-8", xml_declaration=True)
    return written


def mpd_complaints(text: bytes) -> Iterator[str]:
    """Yield what a DASH manifest has that no manifest may have, with its element and its line.

    The schema (``mpd.rng``) is our own, of a part of ISO/IEC 23009-1, whose schema no package brings and nobody may
    copy: it says the types, the order and the values of what stands in our manifests. Of what it finds, the first is
    told: the rest follows from it. What is no XML is left to whoever reads it.
    """
    try:
        root = _parsed(text)
    except etree.XMLSyntaxError:
        return
    schema = _schema()
    if not schema.validate(root):
        # Innermost first; what is only counted on the way out has no line.
        first = next((found for found in schema.error_log if found.line), schema.error_log[0])
        yield f"line {first.line}: {first.message}"
    for name in _NUMBERED:
        ids = Counter(element.get("id") for element in root.iter(f"{_MPD}{name}"))
        yield from (f"{count} elements {name} have the id {said!r}" for said, count in ids.items() if count > 1)


def _parsed(text: bytes) -> etree._Element:
    # No entity is resolved, nothing is loaded.
    return etree.fromstring(text, etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False))


@cache
def _schema() -> etree.RelaxNG:
    return etree.RelaxNG(file=str(Path(__file__).with_name("mpd.rng")))
