"""Packaged manifests, read as a player reads them: which tracks there are, and which objects they are made of."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from fractions import Fraction
from types import MappingProxyType
from typing import Any, NamedTuple

import m3u8
from defusedxml import DefusedXmlException, ElementTree

from encoder.errors import ManifestUnreadableError
from encoder.protection import CLEAR_KEY
from lambdas.common.keys import MisplacedReferenceError, PublishedVersion, referenced

_MPD = "{urn:mpeg:dash:schema:mpd:2011}"
_KID = "{urn:mpeg:cenc:2013}default_KID"
_PSSH = "{urn:mpeg:cenc:2013}pssh"
_PURPOSE, _FOR_THE_BLIND, _FOR_THE_DEAF = "urn:tva:metadata:cs:AudioPurposeCS:2007", "1", "2"
_EXTENSION = "tag:dolby.com,2018:dash:EC3_ExtensionType:2018"
_COMPLEXITY = "tag:dolby.com,2018:dash:EC3_ExtensionComplexityIndex:2018"
_DESCRIBES, _TRANSCRIBES = "public.accessibility.describes-video", "public.accessibility.transcribes-spoken-dialog"
_FORCED_ROLE = "forced-subtitle"
_SOUND_CODECS = ("mp4a.", "ac-3", "ec-3")
_TEXT_CODECS = ("stpp",)
_TRICK_MODE = "http://dashif.org/guidelines/trickmode"
_FAIRPLAY = "com.apple.streamingkeydelivery"
_FAIRPLAY_KEY = re.compile(r"skd://(?P<key_id>[0-9a-f]{32})")


class Kind(StrEnum):
    """What a track carries."""

    VIDEO = "video"
    AUDIO = "audio"
    TEXT = "text"


class Segment(NamedTuple):
    """A segment: its key, and how long it is shown."""

    key: str
    duration_s: float
    first_byte: int = 0
    bytes: int | None = None
    """None: to the object's end."""


class Sound(NamedTuple):
    """What a manifest says of a track of sound."""

    language: str | None
    codecs: str | None
    """As RFC 6381 has it; in HLS, of the variants with its group."""
    channels: str | None
    """How many; in HLS, of Atmos ``16/JOC``."""
    called: str | None
    """Its role in DASH, its name in HLS."""
    describes: bool
    """Whether it is for those who do not see the picture."""
    complexity: str | None = None
    """The complexity index of Dolby Atmos in DASH; in HLS it is among the channels."""


class Text(NamedTuple):
    """What a manifest says of a track of text."""

    language: str | None
    codecs: str | None
    """As RFC 6381 has it; in HLS, of the variants with its group: none of WebVTT."""
    called: str | None
    """Its role in DASH, its name in HLS."""
    forced: bool
    """Whether it is shown although subtitles are off."""
    transcribes: bool
    """Whether it is for those who do not hear the sound."""


class Rates(NamedTuple):
    """How many bits a second a manifest says that a track takes, in HLS with the sound that is played with it."""

    most: int
    mean: int | None = None
    """None: it does not say so, as in DASH."""
    sounds: tuple[str, ...] = ()
    """The keys of the media playlists of which one is heard."""


class Picture(NamedTuple):
    """What a manifest says of a track of picture, or in DASH of any."""

    codecs: str
    """As RFC 6381 has it; in HLS, of all that is played with it."""
    rates: tuple[Rates, ...]
    """In DASH one; in HLS those of every variant that names it."""


class Listed(NamedTuple):
    """A media playlist, as the multivariant playlist names it."""

    kind: Kind
    sound: Sound | None = None
    text: Text | None = None
    trick: bool = False
    picture: Picture | None = None


class Track(NamedTuple):
    """One track, as one manifest describes it; keys are those of the media bucket."""

    kind: Kind
    init: str | None
    segments: tuple[Segment, ...]
    key_id: str | None = None
    """Hexadecimal; in HLS, FairPlay's."""
    key_formats: frozenset[str] = frozenset()
    """By which the manifest names the key: ``schemeIdUri`` in DASH, ``KEYFORMAT`` in HLS."""
    playlist: str | None = None
    sound: Sound | None = None
    text: Text | None = None
    picture: Picture | None = None
    trick: bool = False
    """Whether it has key frames alone, by which a player winds."""

    @property
    def folder(self) -> str:
        """The folder of its segments, with the version's prefix."""
        return self.segments[0].key.rpartition("/")[0]

    @property
    def objects(self) -> Iterator[str]:
        """The keys of everything that it is made of."""
        if self.playlist is not None:
            yield self.playlist
        if self.init is not None:
            yield self.init
        yield from (segment.key for segment in self.segments)


def dash_tracks(text: bytes, *, published: PublishedVersion) -> tuple[Track, ...]:
    """Return the tracks of a version's DASH manifest.

    Raises
    ------
    ManifestUnreadableError
        If it is no MPD, or addresses its segments otherwise than by template and timeline.
    """
    try:
        root = ElementTree.fromstring(text)
    except (ElementTree.ParseError, DefusedXmlException, ValueError) as error:
        raise ManifestUnreadableError(f"no XML: {error}") from error
    if root.tag != f"{_MPD}MPD":
        raise ManifestUnreadableError(f"no MPD: its root is {root.tag!r}")
    representations = (
        (choice, representation)
        for choice in root.iterfind(f"{_MPD}Period/{_MPD}AdaptationSet")
        for representation in choice.iterfind(f"{_MPD}Representation")
    )
    try:
        tracks = tuple(_dash_track(choice, made, published=published) for choice, made in representations)
    except (KeyError, ValueError) as error:
        raise ManifestUnreadableError(f"no MPD that can be played: {error}") from error
    if not tracks:
        raise ManifestUnreadableError("an MPD without a representation")
    return tracks


def hls_playlists(text: bytes, *, published: PublishedVersion) -> dict[str, Listed]:
    """Return the media playlists of a version's multivariant playlist, by their keys.

    Raises
    ------
    ManifestUnreadableError
        If it is no multivariant playlist.
    """
    parsed = _playlist(text)
    kinds = {"AUDIO": Kind.AUDIO, "SUBTITLES": Kind.TEXT}
    groups: dict[str | None, list[str]] = defaultdict(list)
    try:
        for media in parsed.media:
            if media.type == "AUDIO":
                groups[media.group_id].append(referenced(published.hls, media.uri, within=published.prefix))
        named = {
            media.uri: Listed(
                kinds[media.type], _hls_sound(media, parsed.playlists), _hls_text(media, parsed.playlists)
            )
            for media in parsed.media
        }
        named |= {
            variant.uri: Listed(Kind.VIDEO, picture=_hls_picture(variant.uri, parsed.playlists, groups=groups))
            for variant in parsed.playlists
        }
        named |= {
            key_frames.uri: Listed(
                Kind.VIDEO, trick=True, picture=_hls_picture(key_frames.uri, parsed.iframe_playlists, of="iframe_")
            )
            for key_frames in parsed.iframe_playlists
        }
        found = {referenced(published.hls, uri, within=published.prefix): listed for uri, listed in named.items()}
    except (KeyError, MisplacedReferenceError) as error:
        raise ManifestUnreadableError(f"no multivariant playlist that can be played: {error}") from error
    if not parsed.is_variant or not found:
        raise ManifestUnreadableError("no multivariant playlist: it names no other")
    return found


def hls_track(text: bytes, *, key: str, listed: Listed, published: PublishedVersion) -> Track:
    """Return the track of the media playlist `key`.

    Raises
    ------
    ManifestUnreadableError
        If it is no media playlist, has no end, or has media in the clear that must not be.
    """
    parsed = _playlist(text)
    if not parsed.is_endlist or not parsed.segments:
        raise ManifestUnreadableError("a playlist of a film has segments and an end")
    if listed.kind is not Kind.TEXT and not all(
        _encrypted(segment) and segment.init_section for segment in parsed.segments
    ):
        raise ManifestUnreadableError("a segment is not encrypted, or has no initialisation")
    first = parsed.segments[0].init_section
    try:
        return Track(
            kind=listed.kind,
            init=referenced(key, first.uri, within=published.prefix) if first else None,
            segments=tuple(
                Segment(
                    referenced(key, segment.uri, within=published.prefix), segment.duration, *_range(segment.byterange)
                )
                for segment in parsed.segments
            ),
            key_id=_fairplay_key(parsed.keys),
            key_formats=frozenset(found.keyformat for found in parsed.keys if found),
            playlist=key,
            sound=listed.sound,
            text=listed.text,
            picture=listed.picture,
            trick=listed.trick,
        )
    except ValueError as error:
        raise ManifestUnreadableError(str(error)) from error


def _encrypted(segment: Any) -> bool:  # noqa: ANN401 - the library has no types
    # A key without a method, or with the method NONE, ends the encryption instead of naming one.
    return segment.key is not None and segment.key.method not in {None, "NONE"}


def _dash_track(choice: Any, made: Any, *, published: PublishedVersion) -> Track:  # noqa: ANN401 - XML elements
    template = made.find(f"{_MPD}SegmentTemplate")
    timeline = None if template is None else template.find(f"{_MPD}SegmentTimeline")
    if template is None or timeline is None:
        message = "a representation has no segment timeline"
        raise ValueError(message)
    timescale = int(template.attrib["timescale"])
    durations: list[int] = []
    at = 0
    for run in timeline.iterfind(f"{_MPD}S"):
        if int(run.get("t", at)) != at:
            message = "a timeline begins late, or has a gap"
            raise ValueError(message)
        ticks, count = int(run.attrib["d"]), _repeats(run.get("r", "0")) + 1
        durations += [ticks] * count
        at += ticks * count
    if not durations:
        message = "a representation has no segment"
        raise ValueError(message)
    start = int(template.get("startNumber", "1"))

    def key(reference: str) -> str:
        return referenced(published.dash, reference, within=published.prefix)

    protections = choice.findall(f"{_MPD}ContentProtection")
    protection = next((found.get(_KID) for found in protections if found.get(_KID)), "")
    return Track(
        kind=Kind(choice.attrib["contentType"]),
        init=key(template.attrib["initialization"]),
        segments=tuple(
            Segment(key(template.attrib["media"].replace("$Number$", str(number))), float(Fraction(ticks, timescale)))
            for number, ticks in enumerate(durations, start=start)
        ),
        key_id=protection.replace("-", "").lower() or None,
        key_formats=frozenset(
            found.get("schemeIdUri", "")
            for found in protections
            if found.find(_PSSH) is not None or found.get("schemeIdUri") == CLEAR_KEY
        ),
        sound=_dash_sound(choice, made),
        text=_dash_text(choice, made),
        picture=Picture(made.attrib["codecs"], (Rates(int(made.attrib["bandwidth"])),)),
        trick=any(found.get("schemeIdUri") == _TRICK_MODE for found in choice.iterfind(f"{_MPD}EssentialProperty")),
    )


def _dash_sound(choice: Any, made: Any) -> Sound | None:  # noqa: ANN401 - XML elements
    if choice.get("contentType") != Kind.AUDIO:
        return None
    channels = made.find(f"{_MPD}AudioChannelConfiguration")
    return Sound(
        language=choice.get("lang"),
        codecs=made.get("codecs"),
        channels=None if channels is None else channels.get("value"),
        called=_roles(choice),
        describes=_serves(choice, _FOR_THE_BLIND),
        complexity=_complexity(made),
    )


def _complexity(made: Any) -> str | None:  # noqa: ANN401 - an XML element
    told = {found.get("schemeIdUri"): found.get("value") for found in made.iterfind(f"{_MPD}SupplementalProperty")}
    return told.get(_COMPLEXITY) if told.get(_EXTENSION) == "JOC" else None


def _dash_text(choice: Any, made: Any) -> Text | None:  # noqa: ANN401 - XML elements
    if choice.get("contentType") != Kind.TEXT:
        return None
    return Text(
        language=choice.get("lang"),
        codecs=made.get("codecs"),
        called=_roles(choice),
        forced=_roles(choice) == _FORCED_ROLE,
        transcribes=_serves(choice, _FOR_THE_DEAF),
    )


def _roles(choice: Any) -> str | None:  # noqa: ANN401 - an XML element
    return ",".join(role.get("value", "") for role in choice.iterfind(f"{_MPD}Role")) or None


def _serves(choice: Any, purpose: str) -> bool:  # noqa: ANN401 - an XML element
    told = ((found.get("schemeIdUri"), found.get("value")) for found in choice.iterfind(f"{_MPD}Accessibility"))
    return (_PURPOSE, purpose) in told


def _hls_sound(media: Any, variants: Any) -> Sound | None:  # noqa: ANN401 - the library has no types
    if media.type != "AUDIO":
        return None
    return Sound(
        language=media.language,
        codecs=_codecs((variant for variant in variants if variant.stream_info.audio == media.group_id), _SOUND_CODECS),
        channels=media.channels,
        called=media.name,
        describes=_DESCRIBES in (media.characteristics or "").split(","),
    )


def _hls_text(media: Any, variants: Any) -> Text | None:  # noqa: ANN401 - the library has no types
    if media.type != "SUBTITLES":
        return None
    offered = (variant for variant in variants if variant.stream_info.subtitles == media.group_id)
    return Text(
        language=media.language,
        codecs=_codecs(offered, _TEXT_CODECS),
        called=media.name,
        forced=media.forced == "YES",
        transcribes=_TRANSCRIBES in (media.characteristics or "").split(","),
    )


def _hls_picture(
    uri: str,
    variants: Any,  # noqa: ANN401 - the library has no types
    *,
    groups: Mapping[str | None, Sequence[str]] = MappingProxyType({}),
    of: str = "",
) -> Picture:
    told = [getattr(variant, f"{of}stream_info") for variant in variants if variant.uri == uri]
    return Picture(
        ",".join(said.codecs or "" for said in told),
        tuple(
            Rates(said.bandwidth, said.average_bandwidth, tuple(groups.get(getattr(said, "audio", None), ())))
            for said in told
        ),
    )


def _codecs(variants: Any, known: tuple[str, ...]) -> str | None:  # noqa: ANN401 - the library has no types
    told = {codec for variant in variants for codec in (variant.stream_info.codecs or "").split(",")}
    return ",".join(sorted(codec for codec in told if codec.startswith(known))) or None


def _fairplay_key(keys: Any) -> str | None:  # noqa: ANN401 - the library has no types
    found = (_FAIRPLAY_KEY.fullmatch(key.uri or "") for key in keys if key and key.keyformat == _FAIRPLAY)
    return next((named["key_id"] for named in found if named), None)


def _range(said: str | None) -> tuple[int, int | None]:
    """Return the first byte and the number of bytes of a byte range of HLS."""
    if said is None:
        return 0, None
    length, _, first = said.partition("@")
    return int(first or 0), int(length)


def _repeats(value: str) -> int:
    repeats = int(value)
    if repeats < 0:
        message = "a run of segments is open-ended"
        raise ValueError(message)
    return repeats


def _playlist(text: bytes) -> Any:  # noqa: ANN401 - the library has no types
    try:
        decoded = text.decode("utf-8")
        if not decoded.startswith("#EXTM3U"):
            message = "it does not begin with #EXTM3U"
            raise ManifestUnreadableError(message)
        return m3u8.loads(decoded)
    except (ValueError, m3u8.ParseError) as error:
        raise ManifestUnreadableError(f"no playlist: {error}") from error
