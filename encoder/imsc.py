"""Subtitles as IMSC1: the samples of a packaged TTML track, written anew from the WebVTT that was delivered.

Shaka Packager 3.8.0 segments WebVTT into TTML, but without a profile, with the tags of WebVTT as letters, with
text lost that is not Latin, and with regions that IMSC1 does not allow. Its timeline and its boxes are right, and stay.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from xml.etree import ElementTree as ET

from encoder.boxes import FULL_BOX, box, boxes, rewritten
from encoder.cues import Cue, Run, clock
from encoder.errors import PackagingError
from encoder.protection import SAMPLE_ENTRIES

CODECS = "stpp.ttml.im1t"
"""The text profile of IMSC1 in MP4, as RFC 6381 and W3C's registry of TTML profiles have it."""
_BRAND = b"im1t"
_PROFILE, _PROFILE_1_1 = (f"http://www.w3.org/ns/ttml/profile/imsc{version}/text" for version in ("1", "1.1"))
_TT, _TTS, _TTP = (f"http://www.w3.org/ns/ttml{part}" for part in ("", "#styling", "#parameter"))
_ITTS, _EBUTTS = "http://www.w3.org/ns/ttml/profile/imsc1#styling", "urn:ebu:tt:style"
_PREFIXES = {"": _TT, "tts": _TTS, "ttp": _TTP, "itts": _ITTS, "ebutts": _EBUTTS}
_XML = "http://www.w3.org/XML/1998/namespace"
# Regions that never overlap, whatever is shown at once (IMSC1 forbids it): name, from, height in %, and where in it.
_BANDS = (("top", 5, 30, "before"), ("middle", 35, 30, "center"), ("bottom", 65, 30, "after"))
_LINES = 16
"""Lines of WebVTT that fill the picture's height, about: its letters are 5 % of it."""
_ALIGNED = {"start": "start", "left": "left", "center": "center", "middle": "center", "end": "end", "right": "right"}
_COLORS = frozenset({"white", "lime", "cyan", "red", "yellow", "magenta", "blue", "black"})
_STYLES = {
    "b": (f"{{{_TTS}}}fontWeight", "bold"),
    "i": (f"{{{_TTS}}}fontStyle", "italic"),
    "u": (f"{{{_TTS}}}textDecoration", "underline"),
}
_NO_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# Where the sizes stand in the boxes of a segment of one sample, by flags and version (ISO/IEC 14496-12, 8.8.7, 8.16.3).
_ONE_SIZE = bytes.fromhex("0002003a")
_SAMPLE_SIZE = slice(16, 20)
_REFERENCED_SIZE = {0: slice(24, 28), 1: slice(32, 36)}


def write_samples(folder: Path, cues: Sequence[Cue], *, language: str) -> int:
    """Write the initialisation and the segments of a packaged TTML track anew, and return its peak in bit/s.

    Each segment is a document of the cues that are shown meanwhile, with their own times, counted from the film's
    beginning: a cue across a border is in both, and players show it through.

    Raises
    ------
    PackagingError
        If the packager does not write one sample a segment.
    """
    init = folder / "init.mp4"
    init.write_bytes(_initialised(init.read_bytes()))
    peak = 0
    for path in folder.glob("seg_*.m4s"):
        segment = path.read_bytes()
        begins_ms, ends_ms = _span(segment)
        shown = [cue for cue in cues if cue.shown(begins_ms, ends_ms)]
        written = _with_sample(segment, document(shown, language=language))
        path.write_bytes(written)
        peak = max(peak, -(-8000 * len(written) // (ends_ms - begins_ms)))
    return peak


def document(cues: Iterable[Cue], *, language: str) -> bytes:
    """Return an IMSC1 document of the text profile that shows `cues`.

    Of where a cue stands, the third of the picture's height and the alignment are kept, and of its looks bold, italics,
    underlining and WebVTT's eight colours.
    """
    for prefix, namespace in _PREFIXES.items():
        ET.register_namespace(prefix, namespace)
    # Both versions are told: there is nothing in it that either has not.
    said = {
        f"{{{_XML}}}lang": language,
        f"{{{_XML}}}space": "preserve",
        f"{{{_TTP}}}timeBase": "media",
        f"{{{_TTP}}}profile": _PROFILE,
        f"{{{_TTP}}}contentProfiles": _PROFILE_1_1,
    }
    tt = ET.Element(f"{{{_TT}}}tt", said)
    layout = _child(_child(tt, "head"), "layout")
    for name, top, height, align in _BANDS:
        _child(layout, "region", {f"{{{_XML}}}id": name} | _tts(
            origin=f"5% {top}%", extent=f"90% {height}%", displayAlign=align, overflow="visible",
        ))  # fmt: skip
    looks = _tts(fontFamily="proportionalSansSerif", fontSize="80%", lineHeight="125%", color="white")
    body = _child(tt, "body", looks | {f"{{{_EBUTTS}}}linePadding": "0.5c", f"{{{_ITTS}}}fillLineGap": "true"})
    shown = _child(body, "div")
    for cue in cues:
        times = {"begin": clock(cue.begins_ms), "end": clock(cue.ends_ms), "region": _band(cue)}
        paragraph = _child(shown, "p", times | _tts(textAlign=_align(cue)))
        for run in cue.runs():
            if run.text == "\n":
                _child(paragraph, "br")
            else:
                _child(paragraph, "span", _looks(run)).text = _NO_XML.sub("\ufffd", run.text)
    written: bytes = ET.tostring(tt, encoding="utf-8", xml_declaration=True)
    return written


def _child(parent: ET.Element, name: str, attributes: dict[str, str] | None = None) -> ET.Element:
    return ET.SubElement(parent, f"{{{_TT}}}{name}", attributes or {})


def _tts(**styles: str) -> dict[str, str]:
    return {f"{{{_TTS}}}{name}": value for name, value in styles.items()}


def _looks(run: Run) -> dict[str, str]:
    colors = sorted(run.styles & _COLORS)
    behind = sorted(name for name in _COLORS if f"bg_{name}" in run.styles)
    return dict(look for style, look in _STYLES.items() if style in run.styles) | _tts(
        **({"color": colors[0]} if colors else {}), backgroundColor=behind[0] if behind else "#000000cc"
    )


def _band(cue: Cue) -> str:
    """Return the third of the picture in which the middle of a cue stands (WebVTT, 6.1: ``line``)."""
    said = cue.settings.get("line", "").partition(",")[0]
    try:
        place = float(said.removesuffix("%"))
    except ValueError:
        return "bottom"
    if not said.endswith("%"):
        place = 100 / _LINES * (place if place >= 0 else place + _LINES + 1 - cue.lines)
    middle = place + 100 / _LINES * cue.lines / 2
    return next((name for name, top, height, _ in _BANDS if middle < top + height), "bottom")


def _align(cue: Cue) -> str:
    return _ALIGNED.get(cue.settings.get("align", ""), "center")


def _initialised(init: bytes) -> bytes:
    # What a TTML sample entry's own field does not say stands in a box behind it (ISO/IEC 14496-12, 12.6.3).
    mime = box("mime", bytes(FULL_BOX) + b"application/ttml+xml;codecs=im1t\0")
    said = rewritten(init, (*SAMPLE_ENTRIES, "stpp"), lambda entry: entry + mime)
    return rewritten(said, ("ftyp",), lambda brands: brands + _BRAND)


def _span(segment: bytes) -> tuple[int, int]:
    """Return when a segment begins and ends, in milliseconds, as its index says (ISO/IEC 14496-12, 8.16.3)."""
    index = dict(boxes(segment)).get("sidx", b"")
    size = 8 if index[:1] == b"\x01" else 4
    rate, begins = (int.from_bytes(index[at : at + length], "big") for at, length in ((8, 4), (12, size)))
    lasts = int.from_bytes(index[16 + 2 * size + 4 :][:4], "big")
    if not rate or not lasts:
        raise PackagingError("a segment of text does not say how long it lasts")
    return begins * 1000 // rate, -(-(begins + lasts) * 1000 // rate)


def _with_sample(segment: bytes, sample: bytes) -> bytes:
    """Return a segment of one sample with another sample."""

    def sized(header: bytes) -> bytes:
        if header[:FULL_BOX] != _ONE_SIZE:
            raise PackagingError("a segment of text is not of one sample whose size its fragment says")
        return header[: _SAMPLE_SIZE.start] + len(sample).to_bytes(4, "big") + header[_SAMPLE_SIZE.stop :]

    changed = rewritten(rewritten(segment, ("moof", "traf", "tfhd"), sized), ("mdat",), lambda _: sample)
    referenced = sum(len(box(name, body)) for name, body in boxes(changed) if name in {"moof", "mdat"})

    def indexed(index: bytes) -> bytes:
        place = _REFERENCED_SIZE[index[0]]
        return index[: place.start] + referenced.to_bytes(4, "big") + index[place.stop :]

    return rewritten(changed, ("sidx",), indexed)
