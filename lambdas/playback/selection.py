"""What of a manifest is left for a class of devices: the same text for everybody who has the same session terms.

The packager writes one element a line, and no adaptation set within another, so that nothing has to be parsed that is
not looked at: sets, representations and variants are cut out of the text, and all else stays as it is, byte by byte.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from typing import Literal, NamedTuple

from lambdas.common.errors import MarqueeError
from lambdas.common.ladder import Codec
from lambdas.common.media import Rendition, Tier
from lambdas.playback.models import Session

_CODECS = {"avc1": Codec.H264, "avc3": Codec.H264, "hvc1": Codec.H265, "hev1": Codec.H265, "av01": Codec.AV1}
ADAPTATION_SET = re.compile(r"[ \t]*<AdaptationSet\b[^>]*>.*?</AdaptationSet>[ \t]*\n?", re.DOTALL)
_REPRESENTATION = re.compile(r"[ \t]*<Representation\b([^>]*?)(?:/>|>.*?</Representation>)[ \t]*\n?", re.DOTALL)
_ATTRIBUTE = re.compile(r"""([\w:.-]+)\s*=\s*(?:"([^"]*)"|'([^']*)')""")
# ITU-T H.273: 16 is PQ, 18 HLG.
_HDR_TRANSFER = re.compile(r'mpegB:cicp:TransferCharacteristics"\s+value="(?:16|18)"')
# Other sets, by their ids: those that a player may switch to, and those that a set is wound by.
_REFERENCE = re.compile(
    r'[ \t]*<(Supplemental|Essential)Property schemeIdUri="(?:urn:mpeg:dash:adaptation-set-switching:2016'
    r'|http://dashif\.org/guidelines/trickmode)" value="([^"]*)"/>[ \t]*\n?'
)
_VARIANT = "#EXT-X-STREAM-INF:"
_KEY_FRAMES = "#EXT-X-I-FRAME-STREAM-INF:"
HLS_ATTRIBUTE = re.compile(r'([A-Z0-9-]+)=("[^"]*"|[^,]*)')


class NothingLeftError(MarqueeError):
    """A manifest has no picture that the session may play, although the title was said to have one."""


class Selection(NamedTuple):
    """A class of devices; none stands for everything."""

    most_pixels: int | None
    codecs: tuple[Codec, ...] | None
    hdr: bool | None

    @classmethod
    def of(cls, session: Session) -> Selection:
        """Return the class of a session's device."""
        codecs = None if session.codecs is None else tuple(sorted(set(session.codecs)))
        return cls(most_pixels=session.most_pixels, codecs=codecs, hdr=session.hdr)

    def admits(self, *, codecs: str, pixels: int | None, hdr: bool) -> bool:
        """Whether a picture is for this class; `codecs` is a list as in RFC 6381, of which sound does not count."""
        if self.most_pixels is not None and pixels is not None and pixels > self.most_pixels:
            return False
        if hdr and self.hdr is False:
            return False
        families = {
            _CODECS[name] for name in (each.strip().partition(".")[0] for each in codecs.split(",")) if name in _CODECS
        }
        return self.codecs is None or families <= set(self.codecs)


def most_pixels(renditions: Collection[Rendition], *, tiers: Collection[Tier]) -> int | None:
    """Return the size of the largest picture of `tiers`, by which manifests are cut: larger ones have other keys."""
    return max((one.width * one.height for one in renditions if one.tier in tiers), default=None)


def left(text: str, *, kind: Literal["dash", "hls"], selection: Selection) -> str:
    """Return what is left of a stored manifest for a class of devices.

    Raises
    ------
    NothingLeftError
        If no picture is left.
    """
    return _dash(text, selection=selection) if kind == "dash" else _hls(text, selection=selection)


def _dash(text: str, *, selection: Selection) -> str:
    kept: set[str] = set()

    def cut(found: re.Match[str]) -> str:
        whole = found[0]
        start = start_of(whole)
        if start.get("contentType") == "video":
            hdr = bool(_HDR_TRANSFER.search(whole))
            representations = list(_REPRESENTATION.finditer(whole))
            out = [one for one in representations if not _admitted(one, start, selection=selection, hdr=hdr)]
            if len(out) == len(representations):
                return ""
            whole = _without(whole, out)
        kept.add(start.get("id", ""))
        return whole

    text = ADAPTATION_SET.sub(cut, text)
    # A set that only winds others goes with the last of them.
    text = ADAPTATION_SET.sub(lambda found: _references(found[0], kept=kept), text)
    if not any(start_of(found[0]).get("contentType") == "video" for found in ADAPTATION_SET.finditer(text)):
        raise NothingLeftError("the stored DASH manifest has no picture that the session may play")
    return text


def start_of(whole: str) -> dict[str, str]:
    """Return the attributes of an element's start tag."""
    return _attributes(whole[: whole.index(">")])


def _admitted(representation: re.Match[str], start: dict[str, str], *, selection: Selection, hdr: bool) -> bool:
    said = start | _attributes(representation[1])
    width, height = said.get("width"), said.get("height")
    pixels = int(width) * int(height) if width and height else None
    return selection.admits(codecs=said.get("codecs", ""), pixels=pixels, hdr=hdr)


def _references(whole: str, *, kept: Collection[str]) -> str:
    """Return an adaptation set that refers to sets that are left only; nothing, if it only winds one that is not."""
    orphaned = False

    def narrowed(found: re.Match[str]) -> str:
        nonlocal orphaned
        ids = [each for each in re.split(r"[,\s]+", found[2]) if each in kept]
        if not ids:
            orphaned |= found[1] == "Essential"
            return ""
        return found[0].replace(f'value="{found[2]}"', f'value="{",".join(ids)}"')

    whole = _REFERENCE.sub(narrowed, whole)
    return "" if orphaned else whole


def _without(text: str, cuts: Iterable[re.Match[str]]) -> str:
    for cut in reversed(list(cuts)):
        text = text[: cut.start()] + text[cut.end() :]
    return text


def _attributes(text: str) -> dict[str, str]:
    return {name: double or single for name, double, single in _ATTRIBUTE.findall(text)}


def _hls(text: str, *, selection: Selection) -> str:
    kept = list(_lines(text.splitlines(), selection=selection))
    if not any(line.startswith(_VARIANT) for line in kept):
        raise NothingLeftError("the stored HLS playlist has no variant that the session may play")
    return "".join(f"{line}\n" for line in kept)


def _lines(lines: Iterable[str], *, selection: Selection) -> Iterator[str]:
    dropped = False
    for line in lines:
        if dropped and line.strip() and not line.startswith("#"):
            # The URI of the variant that was left out.
            dropped = False
        elif line.startswith((_VARIANT, _KEY_FRAMES)) and not _variant_admitted(line, selection=selection):
            # Of key frames, the URI stands in the tag itself.
            dropped = line.startswith(_VARIANT)
        else:
            yield line


def _variant_admitted(line: str, *, selection: Selection) -> bool:
    said = {name: value.strip('"') for name, value in HLS_ATTRIBUTE.findall(line.partition(":")[2])}
    width, _, height = said.get("RESOLUTION", "").partition("x")
    pixels = int(width) * int(height) if height else None
    return selection.admits(
        codecs=said.get("CODECS", ""), pixels=pixels, hdr=said.get("VIDEO-RANGE", "SDR") in {"PQ", "HLG"}
    )
