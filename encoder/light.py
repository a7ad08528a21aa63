"""What a picture of high dynamic range says of its master, in the boxes of an initialisation segment.

Players read it there before the first picture: AV1 is packaged without its metadata OBUs, see `encoder.package`.
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import pack

from encoder.boxes import FIELDS, box, boxes, rewritten, within
from encoder.protection import SAMPLE_ENTRIES
from lambdas.common.media import HdrFacts

_ENTRY = (*SAMPLE_ENTRIES, "encv")
_FIELDS = FIELDS["encv"]
_CHROMATICITY, _LUMINANCE = 50_000, 10_000
"""Units in a chromaticity of 1, and in a cd/m²."""


def light_boxes(hdr: HdrFacts) -> bytes:
    """Return the boxes of the mastering display and of the content's light (ISO/IEC 14496-12), of what is known.

    Colours stand in the order green, blue, red, as in the SEI messages of ISO/IEC 23008-2 that the boxes are made of.
    """
    found, display = b"", hdr.mastering_display
    if display is not None:
        places = (display.green, display.blue, display.red, display.white)
        colors = [round(part * _CHROMATICITY) for place in places for part in (place.x, place.y)]
        lights = [round(light * _LUMINANCE) for light in (display.max_luminance, display.min_luminance)]
        found += box("mdcv", pack(">8H2I", *colors, *lights))
    if hdr.max_cll is not None or hdr.max_fall is not None:
        found += box("clli", pack(">2H", hdr.max_cll or 0, hdr.max_fall or 0))
    return found


def with_light(init: bytes, hdr: HdrFacts) -> bytes:
    """Return an initialisation segment of encrypted picture that says it.

    Raises
    ------
    PackagingError
        If its picture is not encrypted, or of more than one coding.
    """

    def said(entry: bytes) -> bytes:
        # What was packaged before may have them already.
        return entry[:_FIELDS] + b"".join(_of(entry, light=False)) + light_boxes(hdr)

    return rewritten(init, _ENTRY, said)


def light_of(init: bytes) -> bytes:
    """Return the boxes that an initialisation segment of encrypted picture has of it."""
    return b"".join(found for entry in within(init, _ENTRY) for found in _of(entry, light=True))


def _of(entry: bytes, *, light: bool) -> Iterator[bytes]:
    """Return the boxes of a sample entry that speak of light, or all others."""
    return (box(name, body) for name, body in boxes(entry[_FIELDS:]) if (name in {"mdcv", "clli"}) == light)
