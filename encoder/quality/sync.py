"""Flash and beep: how late the sound is, where a film has a pattern that shows it.

A pattern is a white flash and a tone burst, over and over, that belong to one moment. A flash's moment is the beginning
of its first frame; a burst's, when its power has risen half way. What looks like a pattern and is none (lightning and
music) is told by the sum of conditions: the flash is short and falls back to where it rose from, the burst comes out of
quiet, holds its level and stops at once, and three pairs or more agree to within some milliseconds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from statistics import median
from typing import NamedTuple

from encoder.quality.clock import Clock
from lambdas.ingestion.analysis import SyncTest

MIN_PAIRS = 3
_RISE = 0.2
_FALLEN = 0.25
_FLASH_S = 0.3
_REACH_S = 0.5
_AGREE_MS = 20.0
_PAIRED = 0.6
# Of power: 20 dB under the burst is quiet, 13 dB is over; 6 dB under its peak is still its level.
_QUIET, _OVER, _LEVEL, _HALF = 0.01, 0.05, 0.25, 0.5
_EDGE_S, _QUIET_S, _BURST_S = 0.005, 0.05, 0.5
_AUDIBLE = 1e-6


class Pair(NamedTuple):
    """A flash with its burst."""

    flash: range
    offset_ms: float
    """Positive: the burst is late."""


def sync_test(
    luma: Sequence[float], envelope: Sequence[float], *, envelope_hz: int, picture_start_s: float, clock: Clock
) -> SyncTest | None:
    """Return how late the sound is, or none if there is no pattern.

    Parameters
    ----------
    luma
        Of each frame, the average: 0 black, 1 white.
    envelope
        The sound's power, `envelope_hz` values a second, from the clock's zero.
    picture_start_s
        When the first frame is shown, on the same clock.
    """
    flashes = list(find_flashes(luma, clock=clock))
    if len(flashes) < MIN_PAIRS:
        return None
    starts = [picture_start_s + clock.seconds(flash.start) for flash in flashes]
    # Further away, a burst may belong to the flash before or after.
    reach_s = min(_REACH_S, min(later - earlier for earlier, later in pairwise(starts)) / 2)
    pairs = [
        Pair(flash=flash, offset_ms=1000 * (onset_s - start_s))
        for flash, start_s in zip(flashes, starts, strict=True)
        if (onset_s := _onset(envelope, around_s=start_s, reach_s=reach_s, hz=envelope_hz)) is not None
    ]
    if len(pairs) < max(MIN_PAIRS, _PAIRED * len(flashes)):
        return None
    middle = median(pair.offset_ms for pair in pairs)
    agreeing = [pair for pair in pairs if abs(pair.offset_ms - middle) <= _AGREE_MS]
    if len(agreeing) < max(MIN_PAIRS, _PAIRED * len(pairs)):
        return None
    offset = median(pair.offset_ms for pair in agreeing)
    return SyncTest(
        pairs=len(agreeing),
        offset_ms=round(offset, 2),
        spread_ms=round(max(abs(pair.offset_ms - offset) for pair in agreeing), 2),
        spans=clock.spans(pair.flash for pair in agreeing),
    )


def find_flashes(luma: Sequence[float], *, clock: Clock) -> Iterator[range]:
    """Yield the frames of each flash: the picture jumps to much brighter, and soon falls back as far."""
    longest = max(1, int(_FLASH_S * clock.rate))
    number = 1
    while number < len(luma):
        before = luma[number - 1]
        rise = luma[number] - before
        if rise < _RISE:
            number += 1
            continue
        end = next(
            (
                later
                for later in range(number + 1, min(number + longest + 1, len(luma)))
                if luma[later] - before <= _FALLEN * rise
            ),
            None,
        )
        if end is not None:
            yield range(number, end)
        number = end or number + 1


def _onset(envelope: Sequence[float], *, around_s: float, reach_s: float, hz: int) -> float | None:
    """Return when the tone burst near `around_s` begins, or none if there is no such burst."""
    first, last = max(0, round((around_s - reach_s) * hz)), min(len(envelope), round((around_s + reach_s) * hz))
    if first >= last:
        return None
    peak_at = max(range(first, last), key=envelope.__getitem__)
    peak = envelope[peak_at]
    if peak < _AUDIBLE:
        return None
    begin = _edge(envelope, peak_at, step=-1, level=_HALF * peak, hz=hz)
    end = _edge(envelope, peak_at, step=1, level=_HALF * peak, hz=hz)
    if begin is None or end is None or end - begin > _BURST_S * hz:
        return None
    edge, quiet = round(_EDGE_S * hz), round(_QUIET_S * hz)
    ahead = envelope[max(0, begin - edge - quiet) : max(0, begin - edge)]
    held = envelope[begin + edge : end - edge + 1]
    behind = envelope[end + 2 * edge : end + 2 * edge + quiet]
    if not ahead or max(ahead) > _QUIET * peak or any(power < _LEVEL * peak for power in held):
        return None
    if behind and max(behind) > _OVER * peak:
        return None
    # Half way between two values of the envelope, to a fraction of a millisecond.
    low, high = envelope[begin - 1], envelope[begin]
    return (begin - 1 + (_HALF * peak - low) / (high - low)) / hz if high > low else begin / hz


def _edge(envelope: Sequence[float], start: int, *, step: int, level: float, hz: int) -> int | None:
    """Return the outermost value over `level`, seen from `start`; behind it, it stays below for some milliseconds."""
    needed, below, at = round(_EDGE_S * hz), 0, start
    edge = start
    while 0 < at < len(envelope) - 1 and abs(at - start) <= _BURST_S * hz:
        at += step
        below = below + 1 if envelope[at] < level else 0
        edge = at if below == 0 else edge
        if below == needed:
            return edge
    return None
