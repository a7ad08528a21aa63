"""What the filters said of the sound, and what it comes to."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path

from encoder.loudness import read
from encoder.quality import metadata
from encoder.quality.decode import ENVELOPE_HZ, Decoded, SoundFiles
from encoder.quality.picture import Frame
from encoder.quality.source import Source
from encoder.quality.sync import sync_test
from lambdas.common.media import UNDETERMINED
from lambdas.ingestion.analysis import Sound, Spans


def measure_sound(frames: Sequence[Frame], *, decoded: Decoded, source: Source) -> tuple[Sound, ...]:
    """Return what was measured of every stream of sound."""
    clock, picture_start_s = source.clock, source.picture_start_s
    picture_s = clock.seconds(len(frames))
    measured = []
    for index, (stream, start_s, files) in enumerate(
        zip(source.sound, source.sound_starts_s, decoded.sound, strict=True)
    ):
        envelope = _envelope(files.envelope)
        end_s = len(envelope) / ENVELOPE_HZ
        loudness = read(files.loudness)
        language = stream.tags.get("language")
        measured.append(
            Sound(
                stream=index,
                language=None if language == UNDETERMINED else language,
                channels=stream.channels,
                start_skew_ms=round(1000 * (start_s - picture_start_s), 3),
                duration_skew_ms=round(1000 * (end_s - start_s - picture_s), 3),
                integrated_lkfs=loudness.integrated_lkfs,
                loudness_range_lu=loudness.range_lu,
                true_peak_dbtp=loudness.true_peak_dbtp,
                silence=_silence(files, source=source, end_s=end_s, frames=len(frames), digital=False),
                digital_silence=_silence(files, source=source, end_s=end_s, frames=len(frames), digital=True),
                sync=sync_test(
                    [frame.luma for frame in frames],
                    envelope,
                    envelope_hz=ENVELOPE_HZ,
                    picture_start_s=picture_start_s,
                    clock=clock,
                ),
            )
        )
    return tuple(measured)


def _envelope(path: Path) -> array[float]:
    power = array("f")
    with path.open("rb") as file:
        power.frombytes(file.read())
    if sys.byteorder == "big":
        power.byteswap()
    return power


def _silence(files: SoundFiles, *, source: Source, end_s: float, frames: int, digital: bool) -> Spans:
    clock, shift_s = source.clock, source.picture_start_s

    def within(first_s: float, last_s: float) -> range:
        first, stop = (clock.frame(seconds - shift_s) for seconds in (first_s, last_s))
        return range(max(0, first), min(frames, stop))

    path = files.digital_silence if digital else files.silence
    found = (within(*times) for times in _silences(path, end_s=end_s))
    return clock.spans(run for run in found if len(run))


def _silences(path: Path, *, end_s: float) -> Iterator[tuple[float, float]]:
    start_s: float | None = None
    for said in metadata.frames(path) if path.is_file() else ():
        if "silence_end" in said and start_s is not None:
            yield start_s, float(said["silence_end"])
            start_s = None
        if "silence_start" in said:
            start_s = float(said["silence_start"])
    if start_s is not None:
        yield start_s, end_s
