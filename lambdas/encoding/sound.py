"""Which tracks a film gets of its sound: every language and role that the source brings, by every recipe. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from pydantic import TypeAdapter, ValidationError

from lambdas.common.media import UNDETERMINED, AudioFacts, AudioRole, Language
from lambdas.encoding.models import AudioTrack, SoundCodec, SoundRecipe, SoundRules

_STEREO = 2
_LAYOUTS = {1: "mono", 2: "stereo", 6: "51"}
_LANGUAGE = TypeAdapter[str](Language)
_TITLES = (
    (re.compile(r"\bcommentary\b", re.IGNORECASE), AudioRole.COMMENTARY),
    (re.compile(r"\b(described|descriptive|audio description)\b", re.IGNORECASE), AudioRole.DESCRIPTION),
)


class _Sound(NamedTuple):
    """What belongs together in a source: one stream, or two mono ones that are the sides of a stereo pair."""

    streams: tuple[int, ...]
    channels: int
    language: str
    role: AudioRole


def tracks_of(found: Sequence[AudioFacts], rules: SoundRules) -> tuple[AudioTrack, ...]:
    """Return the tracks of a source's streams of sound: the main ones first, otherwise in the source's order.

    Two mono streams of one language and role, one after the other and no third beside them, are a stereo pair. Of how
    many channels a stream is counts, and not what its layout is called: six are 5.1. A recipe of more than two channels
    is used if any stream has as many; then every language gets its track, with as many channels as it has, because the
    groups of an HLS playlist have to have the same members (RFC 8216, 4.3.4.1.1).
    """
    sounds = sorted(_sounds(found), key=lambda sound: sound.role is not AudioRole.MAIN)
    most = max((_STEREO, *(sound.channels for sound in sounds)))
    recipes = [recipe for recipe in rules.recipes if max(recipe.kbps) <= most]
    seen: Counter[tuple[str, AudioRole]] = Counter()
    tracks = []
    for sound in sounds:
        seen[sound.language, sound.role] += 1
        number = seen[sound.language, sound.role]
        tracks += [_track(sound, number=number, recipe=recipe, rules=rules) for recipe in recipes]
    return tuple(tracks)


def _sounds(found: Sequence[AudioFacts]) -> Iterator[_Sound]:
    single = [_Sound((place,), facts.channels, _language(facts), _role(facts)) for place, facts in enumerate(found)]
    for (channels, language, role), run in groupby(single, key=lambda sound: sound[1:]):
        alike = list(run)
        if channels == 1 and len(alike) == _STEREO:
            left, right = alike
            yield _Sound((*left.streams, *right.streams), _STEREO, language, role)
        else:
            yield from alike


def _track(sound: _Sound, *, number: int, recipe: SoundRecipe, rules: SoundRules) -> AudioTrack:
    channels = max(channels for channels in recipe.kbps if channels <= max(1, sound.channels))
    kbps = recipe.kbps[channels]
    name = (
        sound.language,
        *([] if sound.role is AudioRole.MAIN else [sound.role.value]),
        *([] if number == 1 else [str(number)]),
        *([] if recipe.codec is SoundCodec.AAC else [recipe.codec.value]),
        _LAYOUTS.get(channels, f"{channels}ch"),
        f"{kbps}k",
    )
    return AudioTrack(
        name="_".join(name),
        streams=sound.streams,
        language=sound.language,
        role=sound.role,
        number=number,
        recipe=recipe.name,
        codec=recipe.codec,
        channels=channels,
        bitrate_kbps=kbps,
        loudness=rules.loudness,
    )


def _language(facts: AudioFacts) -> str:
    # A container may say anything here, and what it says must not stop a film.
    try:
        return _LANGUAGE.validate_python(facts.language)
    except ValidationError:
        return UNDETERMINED


def _role(facts: AudioFacts) -> AudioRole:
    said = (role for words, role in _TITLES if words.search(facts.title or ""))
    return facts.role or next(said, AudioRole.MAIN)
