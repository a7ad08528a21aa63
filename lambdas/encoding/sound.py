"""Which tracks a film gets of its sound: every language and role that the source brings, by every recipe. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from pydantic import TypeAdapter, ValidationError

from lambdas.common.media import UNDETERMINED, AudioFacts, AudioRole, Language
from lambdas.encoding.models import AudioTrack, SoundCodec, SoundRecipe, SoundRules

ATMOS = "atmos"
"""The group of Atmos in HLS, where a recipe's name stands otherwise."""
_STEREO = 2
_LAYOUTS = {1: "mono", 2: "stereo", 6: "51"}
_LANGUAGE = TypeAdapter[str](Language)


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
    is used if any stream has as many, Atmos included; then every language gets its track, with as many channels as it
    has, because the groups of an HLS playlist have to have the same members (RFC 8216, 4.3.4.1.1).

    A stream of Dolby Atmos gets one track, as it was delivered, behind those by recipes, and no other.
    """
    sounds = sorted(_sounds(found), key=lambda sound: sound.role is not AudioRole.MAIN)
    most = max((_STEREO, *(facts.channels for facts in found)))
    recipes = [recipe for recipe in rules.recipes if max(recipe.kbps) <= most]
    seen: Counter[tuple[str, AudioRole]] = Counter()
    tracks = []
    for sound in sounds:
        seen[sound.language, sound.role] += 1
        number = seen[sound.language, sound.role]
        tracks += [_track(sound, number=number, recipe=recipe, rules=rules) for recipe in recipes]
    return (*tracks, *_atmos(found, rules))


def _sounds(found: Sequence[AudioFacts]) -> Iterator[_Sound]:
    single = [
        _Sound((place,), facts.channels, _language(facts), facts.purpose)
        for place, facts in enumerate(found)
        if not facts.is_atmos
    ]
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


def _atmos(found: Sequence[AudioFacts], rules: SoundRules) -> Iterator[AudioTrack]:
    for place, facts in enumerate(found):
        if facts.eac3 is None or facts.eac3.complexity is None:
            continue
        language, role, kbps = _language(facts), facts.purpose, facts.eac3.bitrate_kbps
        name = (language, *([] if role is AudioRole.MAIN else [role.value]), ATMOS, f"{kbps}k")
        yield AudioTrack(
            name="_".join(name),
            streams=(place,),
            language=language,
            role=role,
            recipe=ATMOS,
            codec=SoundCodec.EAC3,
            channels=facts.channels,
            bitrate_kbps=kbps,
            loudness=rules.loudness,
            atmos=facts.eac3.complexity,
        )


def _language(facts: AudioFacts) -> str:
    # A container may say anything here, and what it says must not stop a film.
    try:
        return _LANGUAGE.validate_python(facts.language)
    except ValidationError:
        return UNDETERMINED
