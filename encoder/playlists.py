"""HLS playlists, held against the rules of RFC 8216 that reading them does not show."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

import m3u8

from encoder.manifests import Listed

_YES, _NO = "YES", "NO"
_SAID_OF_PICTURES = ("bandwidth", "average_bandwidth", "codecs", "resolution")
# What a playlist of ours has, and from which version on it may have it (section 7).
_VERSION_OF_MAPS, _VERSION_OF_MAPS_OF_KEY_FRAMES, _VERSION_OF_FRACTIONS = 6, 5, 3


def multivariant_complaints(text: str) -> Iterator[str]:
    """Yield what a multivariant playlist has that none may have (sections 4.3.4.1, 4.3.4.1.1, 4.3.4.2)."""
    parsed = m3u8.loads(text)
    groups: dict[tuple[str, str], list[Any]] = defaultdict(list)
    for media in parsed.media:
        groups[media.type, media.group_id].append(media)
        yield from _of_media(media)
    yield from _of_groups(groups)
    for variant in parsed.playlists:
        yield from _of_variant(variant, groups)
    for uri, said in chain(
        ((variant.uri, variant.stream_info) for variant in parsed.playlists),
        ((key_frames.uri, key_frames.iframe_stream_info) for key_frames in parsed.iframe_playlists),
    ):
        lacking = (name for name in _SAID_OF_PICTURES if not getattr(said, name, None))
        yield from (f"{uri} has no {name.upper().replace('_', '-')}" for name in lacking)


def media_complaints(text: str, *, listed: Listed) -> Iterator[str]:
    """Yield what a media playlist has that none may have (sections 4.3.2, 4.3.3 and 7)."""
    parsed = m3u8.loads(text)
    longest = max((segment.duration for segment in parsed.segments), default=0.0)
    if parsed.target_duration is None:
        yield "it has no EXT-X-TARGETDURATION"
    elif round(longest) > parsed.target_duration:
        yield f"a segment lasts {longest} s, and EXT-X-TARGETDURATION says {parsed.target_duration}"
    if listed.trick != bool(parsed.is_i_frames_only):
        yield "EXT-X-I-FRAMES-ONLY and the multivariant playlist are not of one mind"
    maps = _VERSION_OF_MAPS_OF_KEY_FRAMES if listed.trick else _VERSION_OF_MAPS
    needed = maps if parsed.segment_map else _VERSION_OF_FRACTIONS
    if int(parsed.version or 1) < needed:
        yield f"its EXT-X-VERSION is {parsed.version}, and what it has needs {needed}"
    if parsed.is_variant:
        yield "it is a multivariant playlist as well"


def _of_groups(groups: Mapping[tuple[str, str], Sequence[Any]]) -> Iterator[str]:
    for (kind, name), members in groups.items():
        called = [member.name for member in members]
        yield from (f"two of group {name!r} are called {said!r}" for said in {*called} if called.count(said) > 1)
        if sum(member.default == _YES for member in members) > 1:
            yield f"group {name!r} has two defaults"
        others = (other for (its, other), found in groups.items() if its == kind and _keys(found) != _keys(members))
        yield from (f"groups {name!r} and {other!r} have not the same members" for other in others)


def _of_variant(variant: Any, groups: Mapping[tuple[str, str], Sequence[Any]]) -> Iterator[str]:  # noqa: ANN401
    for kind, name in (("AUDIO", variant.stream_info.audio), ("SUBTITLES", variant.stream_info.subtitles)):
        if name is not None and (kind, name) not in groups:
            yield f"{variant.uri} is offered with group {name!r}, which there is not"
        if name is None and any(found == kind for found, _ in groups):
            yield f"{variant.uri} is offered without {kind}"


def _of_media(media: Any) -> Iterator[str]:  # noqa: ANN401 - the library has no types
    for name in ("type", "group_id", "name", "uri"):
        if not getattr(media, name):
            yield f"an EXT-X-MEDIA has no {name.upper().replace('_', '-')}"
    if media.default == _YES and media.autoselect == _NO:
        yield f"{media.name!r} is the default and not selected by itself"
    if media.forced == _YES and media.type != "SUBTITLES":
        yield f"{media.name!r} is forced, and no subtitles"
    if media.type == "AUDIO" and not media.channels:
        yield f"{media.name!r} has no CHANNELS"


def _keys(members: Sequence[Any]) -> set[tuple[Any, ...]]:
    """What members of groups have to have in common, but for where they are."""
    return {
        (member.name, member.language, member.default, member.autoselect, member.forced, member.characteristics)
        for member in members
    }
