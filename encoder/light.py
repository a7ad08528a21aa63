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
_OF_SEI = {137: "mdcv", 144: "clli"}
_PREFIX_SEI, _KIND, _UNIT_HEADER = 39, 0x3F, 2
_ARRAYS = 22
"""Where an `hvcC` says how many arrays of NAL units it has."""
_ESCAPED = b"\0\0\3", b"\0\0"


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


def light_in_sei(init: bytes) -> bytes:
    """Return the same boxes of what an initialisation segment of encrypted H.265 says of it in SEI messages.

    They stand in the decoder's configuration (ISO/IEC 14496-15, 8.3.3.1), which is not encrypted, and hold what the
    boxes do (ISO/IEC 23008-2, D.2.28 and D.2.35). See `known_light` of what is left out.
    """
    found = {
        _OF_SEI[kind]: body
        for configuration in within(init, (*_ENTRY, "hvcC"))
        for unit in _units(configuration, kind=_PREFIX_SEI)
        for kind, body in _messages(unit)
        if kind in _OF_SEI and any(body)
    }
    return b"".join(box(name, found[name]) for name in _OF_SEI.values() if name in found)


def known_light(hdr: HdrFacts) -> bytes:
    """Return `light_boxes` without one that is all zeros: nothing is known then, and x265 may say so or be silent."""
    return b"".join(box(name, body) for name, body in boxes(light_boxes(hdr)) if any(body))


def _units(configuration: bytes, *, kind: int) -> Iterator[bytes]:
    """Yield what the NAL units of a kind hold that an `hvcC` has, without their headers."""
    at = _ARRAYS + 1
    for _ in range(_number(configuration, _ARRAYS, 1)):
        its, count = _number(configuration, at, 1) & _KIND, _number(configuration, at + 1, 2)
        at += 3
        for _ in range(count):
            size = _number(configuration, at, 2)
            if its == kind:
                yield configuration[at + 2 + _UNIT_HEADER : at + 2 + size].replace(*_ESCAPED)
            at += 2 + size


def _messages(unit: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the types and payloads of SEI messages (ISO/IEC 23008-2, 7.3.5)."""
    at = 0
    # The last byte ends the unit.
    while at < len(unit) - 1:
        numbers = []
        for _ in range(2):
            start = at
            while unit[at : at + 1] == b"\xff":
                at += 1
            numbers.append(0xFF * (at - start) + _number(unit, at, 1))
            at += 1
        kind, size = numbers
        yield kind, unit[at : at + size]
        at += size


def _number(data: bytes, at: int, size: int) -> int:
    """Return a number that stands somewhere; beyond the end of what is damaged it is 0."""
    return int.from_bytes(data[at : at + size], "big")


def _of(entry: bytes, *, light: bool) -> Iterator[bytes]:
    """Return the boxes of a sample entry that speak of light, or all others."""
    return (box(name, body) for name, body in boxes(entry[_FIELDS:]) if (name in {"mdcv", "clli"}) == light)
