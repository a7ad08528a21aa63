"""The rules of Dolby Atmos, delivered as E-AC-3 with JOC: its frames reach viewers as they are, so nothing is mended.

An Atmos track stands beside ordinary sound of its language; what that has to keep, it has to keep as well
(`lambdas.ingestion.sound_rules`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

from lambdas.common.events import Finding
from lambdas.common.media import SAMPLES_PER_ATMOS_FRAME, AudioFacts, MediaFacts
from lambdas.ingestion.findings import EXPORT_AGAIN, finding

SAMPLE_RATE_HZ = 48_000
CHANNELS = 6
MOST_COMPLEX = 16
"""The largest complexity index (ETSI TS 103 420, 8.3)."""
FRAME_S = SAMPLES_PER_ATMOS_FRAME / SAMPLE_RATE_HZ
"""What it may be longer or shorter than the picture: it can be cut no finer."""
START_S = FRAME_S / 2
"""How far from the picture it may begin."""


def unfit(name: str, facts: MediaFacts) -> Finding | None:
    """One substream in 5.1 at 48 kHz, Atmos in every frame, and as complex as decoders take it."""
    wrong = _tracks(facts, _faults)
    if not wrong:
        return None
    return finding(
        "ATMOS_INVALID",
        subject=name,
        message=f"Dolby Atmos: {wrong}",
        remedy="Encode the Atmos master anew, for streaming: E-AC-3 with JOC, one substream in 5.1, at 48 kHz; "
        f"{EXPORT_AGAIN}.",
    )


def not_with_picture(name: str, facts: MediaFacts) -> Finding | None:
    """It begins with the picture, and ends within one of its frames of it."""
    picture = facts.video
    if picture is None or picture.duration_s is None:
        return None
    picture_s, begins_s = picture.duration_s, picture.start_s or 0.0

    def apart(audio: AudioFacts) -> Iterator[str]:
        late_s = (audio.start_s or 0.0) - begins_s
        if abs(late_s) > START_S:
            yield f"begins {late_s:+.3f} s from the picture"
        if audio.eac3 and abs(audio.eac3.duration_s - picture_s) > FRAME_S:
            yield f"lasts {audio.eac3.duration_s:.3f} s, and the picture {picture_s:.3f} s"

    wrong = _tracks(facts, apart)
    if not wrong:
        return None
    return finding(
        "ATMOS_NOT_ALIGNED",
        subject=name,
        message=f"Dolby Atmos: {wrong}; it may begin {1000 * START_S:.0f} ms from the picture, and differ in length by "
        f"a frame of it, {1000 * FRAME_S:.0f} ms",
        remedy="Cut the Atmos master to the picture before it is encoded, because no frame is cut or added here; "
        f"{EXPORT_AGAIN}.",
    )


def alone(name: str, facts: MediaFacts) -> Finding | None:
    """One of a language and role, beside ordinary sound of the same: the members of HLS's groups are the same."""
    atmos = Counter((audio.language, audio.purpose) for audio in facts.audio if audio.is_atmos)
    without = atmos - Counter({(audio.language, audio.purpose) for audio in facts.audio if not audio.is_atmos})
    if not without:
        return None
    told = ", ".join(sorted(f"{language or 'no language'}, {role}" for language, role in without))
    return finding(
        "ATMOS_ALONE",
        subject=name,
        message=f"Dolby Atmos ({told}) has no ordinary track of its language and role beside it, or is there twice",
        remedy="Add a mix in 5.1 or stereo as PCM, tagged with the same language, for devices without Atmos: "
        f"{EXPORT_AGAIN}.",
    )


def _faults(audio: AudioFacts) -> Iterator[str]:
    said = audio.eac3
    if said is None:
        return
    if said.atmos_frames != said.frames:
        yield f"{said.frames - said.atmos_frames} of {said.frames} frames are without it"
    elif said.complexity is None or not 1 <= said.complexity <= MOST_COMPLEX:
        yield f"the complexity index is {said.complexity or 'not the same, or 0'}; it goes from 1 to {MOST_COMPLEX}"
    if said.substreams != 1 or audio.channels != CHANNELS:
        yield f"{audio.channels} channels in {said.substreams} substreams"
    if not said.whole_frames:
        yield f"not every frame has {SAMPLES_PER_ATMOS_FRAME} samples"
    if audio.sample_rate_hz != SAMPLE_RATE_HZ:
        yield f"{audio.sample_rate_hz / 1000:g} kHz"


def _tracks(facts: MediaFacts, wrong: Callable[[AudioFacts], Iterator[str]]) -> str:
    """Return what is `wrong` with the tracks of Atmos; empty, if nothing is."""
    return ", ".join(
        f"track {number}: {' and '.join(told)}"
        for number, audio in enumerate(facts.audio, start=1)
        if audio.is_atmos and (told := list(wrong(audio)))
    )


RULES = (unfit, not_with_picture, alone)
