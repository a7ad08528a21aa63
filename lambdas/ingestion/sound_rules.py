"""The rules of a feature's sound, track by track."""

from __future__ import annotations

from collections.abc import Callable

from lambdas.common.events import Finding
from lambdas.common.media import AudioFacts, MediaFacts
from lambdas.ingestion.findings import EXPORT_AGAIN, finding
from lambdas.ingestion.models import MAX_AUDIO_TRACKS

CODECS = (*(f"pcm_s{bits}{order}" for bits in (16, 24, 32) for order in ("le", "be")), "aac")
LAYOUTS = {1: ("mono",), 2: ("stereo",), 6: ("5.1", "5.1(side)"), 8: ("7.1",)}
"""By the number of channels, in ffmpeg's words."""
OBVIOUS = (1, 2)
"""Numbers of channels whose layout need not be said: MXF seldom does."""
SAMPLE_RATES = (48_000, 96_000)


def too_many_tracks(name: str, facts: MediaFacts) -> Finding | None:
    """As many tracks as an event can carry."""
    if len(facts.audio) <= MAX_AUDIO_TRACKS:
        return None
    return finding(
        "TOO_MANY_TRACKS",
        subject=name,
        message=f"the feature has more than {MAX_AUDIO_TRACKS} audio tracks",
        remedy=f"Leave out all but the tracks that viewers shall hear: {EXPORT_AGAIN}.",
    )


def codec(name: str, facts: MediaFacts) -> Finding | None:
    """PCM of 16, 24 or 32 bits, or AAC; and E-AC-3, if it is Dolby Atmos."""
    wrong = _tracks(
        facts,
        lambda audio: audio.codec not in CODECS and not audio.is_atmos,
        say=lambda audio: f"{audio.codec} without Atmos" if audio.eac3 else audio.codec,
    )
    if not wrong:
        return None
    return finding(
        "AUDIO_CODEC_NOT_ALLOWED",
        subject=name,
        message=f"the codec of {wrong}; allowed are PCM of 16, 24 or 32 bits, AAC, and E-AC-3 with Atmos",
        remedy=f"Choose PCM with 24 bits where you can: {EXPORT_AGAIN}.",
    )


def channel_layout(name: str, facts: MediaFacts) -> Finding | None:
    """Mono, stereo, 5.1 or 7.1, and known: six channels alone do not say which of them is the subwoofer."""
    wrong = _tracks(
        facts,
        lambda audio: not _layout_known(audio),
        say=lambda audio: f"{audio.channels} channels, layout {audio.channel_layout or 'not said'}",
    )
    if not wrong:
        return None
    return finding(
        "CHANNEL_LAYOUT_NOT_ALLOWED",
        subject=name,
        message=f"{wrong}; allowed are mono, stereo, 5.1 and 7.1, and 5.1 and 7.1 have to be tagged",
        remedy=f"Mix or map the sound to one of these layouts and tag the track with it: {EXPORT_AGAIN}.",
    )


def sample_rate(name: str, facts: MediaFacts) -> Finding | None:
    """48 kHz, or twice that."""
    wrong = _tracks(
        facts,
        lambda audio: audio.sample_rate_hz not in SAMPLE_RATES,
        say=lambda audio: f"{audio.sample_rate_hz / 1000:g} kHz",
    )
    if not wrong:
        return None
    return finding(
        "SAMPLE_RATE_NOT_ALLOWED",
        subject=name,
        message=f"the sample rate of {wrong}; allowed are 48 and 96 kHz",
        remedy=f"Export the sound from its master at 48 kHz: {EXPORT_AGAIN}.",
    )


def _layout_known(audio: AudioFacts) -> bool:
    if audio.channel_layout is None:
        return audio.channels in OBVIOUS
    return audio.channel_layout in LAYOUTS.get(audio.channels, ())


def _tracks(facts: MediaFacts, wrong: Callable[[AudioFacts], bool], *, say: Callable[[AudioFacts], str]) -> str:
    """Return the tracks that are `wrong`, and what is to `say` of them; empty, if there are none."""
    return ", ".join(
        f"track {number} is {say(audio)}" for number, audio in enumerate(facts.audio, start=1) if wrong(audio)
    )


RULES = (too_many_tracks, codec, channel_layout, sample_rate)
