"""What is heard and read unless the viewer chooses something else: a session's languages, put into its manifest.

Nothing is taken out. In DASH, the tracks in the language that suits best come first, which is what Shaka Player goes
by, with the role ``main``, and with a higher ``selectionPriority``, which is what dash.js goes by (ISO/IEC 23009-1).
HLS says ``DEFAULT=YES`` of them (RFC 8216, 4.3.4.1). Comments on the film, its description for the blind, captions for
the deaf and forced subtitles are for those who choose them, and stay as they are.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from lambdas.common.media import AudioRole
from lambdas.playback.manifests import Format
from lambdas.playback.models import Languages
from lambdas.playback.selection import ADAPTATION_SET, HLS_ATTRIBUTE, start_of

_ROLE = re.compile(r'([ \t]*<Role schemeIdUri="urn:mpeg:dash:role:2011" value=")([^"]*)("/>[ \t]*\n?)')
_LABEL = re.compile(r"<Label\b[^>]*>([^<]*)</Label>")
_MAIN, _ALTERNATE, _SUBTITLE = "main", "alternate", "subtitle"
_HLS_DEFAULT = re.compile(r",DEFAULT=(?:YES|NO)\b|$")
_APART = {role.value for role in AudioRole if role is not AudioRole.MAIN}


def closest(wanted: Iterable[str], *, offered: Collection[str]) -> str | None:
    """Return the language that suits best of those that are offered; none, if none does.

    The first of `wanted` for which there is one decides: the same, a wider one (the lookup of RFC 4647, 3.4), or else
    any of the same language elsewhere, as ``pt-PT`` for who wants ``pt-BR``.
    """
    tags = {tag.lower(): tag for tag in reversed(tuple(offered)) if tag}
    kin = {tag.partition("-")[0]: found for tag, found in tags.items()}
    for each in wanted:
        asked = each.lower()
        while asked:
            if asked in tags:
                return tags[asked]
            asked = asked.rpartition("-")[0]
        if found := kin.get(each.lower().partition("-")[0]):
            return found
    return None


def preferred(text: str, *, kind: Format, languages: Languages) -> str:
    """Return a manifest in which the languages that a viewer prefers come first."""
    if kind == "hls":
        return _hls(text, languages=languages)
    text = _dash(text, content="audio", roles=(_MAIN, _ALTERNATE), wanted=languages.audio)
    return _dash(text, content="text", roles=(_SUBTITLE,), wanted=languages.text)


class _Set(NamedTuple):
    """An adaptation set that may be chosen."""

    whole: str
    language: str
    role: str
    label: str


def _dash(text: str, *, content: str, roles: Collection[str], wanted: Sequence[str]) -> str:
    def read(found: re.Match[str]) -> _Set | None:
        whole = found[0]
        start, role, label = start_of(whole), _ROLE.search(whole), _LABEL.search(whole)
        if start.get("contentType") != content or not role or role[2] not in roles:
            return None
        return _Set(whole, start.get("lang", ""), role[2], label[1] if label else "")

    sets = [one for found in ADAPTATION_SET.finditer(text) if (one := read(found))]
    language = closest(wanted, offered=[one.language for one in sets])
    if language is None:
        return text
    # Of two tracks in one language, such as two mixes, the studio's first.
    label = min((one for one in sets if one.language == language), key=lambda one: one.role != _MAIN).label
    chosen = [one for one in sets if (one.language, one.label) == (language, label)]
    ordered = iter([*(_first(one.whole) for one in chosen), *(_later(one.whole) for one in sets if one not in chosen)])
    return ADAPTATION_SET.sub(lambda found: next(ordered) if read(found) else found[0], text)


def _first(whole: str) -> str:
    def main(role: re.Match[str]) -> str:
        said = f"{role[1]}{_MAIN}{role[3]}"
        # Subtitles stay what they are, and are the main ones besides.
        return said + role[0] if role[2] == _SUBTITLE else said

    return _ROLE.sub(main, whole, count=1).replace("<AdaptationSet", '<AdaptationSet selectionPriority="2"', 1)


def _later(whole: str) -> str:
    return _ROLE.sub(lambda role: role[0].replace(f'"{_MAIN}"', f'"{_ALTERNATE}"'), whole, count=1)


def _hls(text: str, *, languages: Languages) -> str:
    lines = text.split("\n")
    for media, wanted in (("AUDIO", languages.audio), ("SUBTITLES", languages.text)):
        said = {index: one for index, line in enumerate(lines) if (one := _media(line, media=media))}
        may = {index: one for index, one in said.items() if _may_be_default(one)}
        language = closest(wanted, offered=[one.get("LANGUAGE", "") for one in may.values()])
        if language is None:
            continue
        # A group has one default (RFC 8216, 4.3.4.1.1); one that lacks the language keeps its own.
        first = {one["GROUP-ID"]: index for index, one in reversed(may.items()) if one.get("LANGUAGE") == language}
        for index, one in said.items():
            if (chosen := first.get(one["GROUP-ID"])) is not None:
                value = f",DEFAULT={'YES' if index == chosen else 'NO'}"
                lines[index] = _HLS_DEFAULT.sub(value, lines[index], count=1)
    return "\n".join(lines)


def _media(line: str, *, media: str) -> dict[str, str] | None:
    if not line.startswith("#EXT-X-MEDIA:"):
        return None
    said = {name: value.strip('"') for name, value in HLS_ATTRIBUTE.findall(line.partition(":")[2])}
    return said if said.get("TYPE") == media else None


def _may_be_default(said: dict[str, str]) -> bool:
    apart = _APART & set(said.get("NAME", "").split())
    return said.get("FORCED") != "YES" and "CHARACTERISTICS" not in said and not apart
