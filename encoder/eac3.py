"""E-AC-3 as its frames say it (ETSI TS 102 366, annex E), and whether Dolby Atmos is in it (JOC; ETSI TS 103 420)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from encoder.boxes import within
from encoder.errors import SoundUnreadableError
from lambdas.common.media import SAMPLES_PER_ATMOS_FRAME, Eac3Facts

_SYNC = 0x0B77
_LONGEST_HEADER = 192
"""Bytes in which the bit stream information ends, whatever it says."""
_LEAST_ID, _MOST_ID = 11, 16
"""The values of ``bsid`` that are E-AC-3: a smaller one is AC-3."""
_BLOCK_SAMPLES = 256
_BLOCKS = (1, 2, 3, 6)
_RATES_HZ = (48_000, 44_100, 32_000)
_HALF_RATE = 3
# Types of streams, and modes of channels.
_INDEPENDENT, _DEPENDENT, _CONVERTED = 0, 1, 2
_TWO_MONO, _STEREO, _CENTRED, _BACK = 0, 2, 1, 6
_SURROUND = 4
_CONFIGURATION = ("moov", "trak", "mdia", "minf", "stbl", "stsd", "enca", "dec3")


class Frame(NamedTuple):
    """A synchronisation frame, by its header."""

    size_bytes: int
    samples: int
    rate_hz: int
    substream: tuple[bool, int]
    """Whether it is an independent one, and its number."""
    complexity: int | None
    """``complexity_index_type_a``; none: no Atmos."""


class _Bits:
    """Bits, read from the first."""

    def __init__(self, data: bytes) -> None:
        self._value, self._left = int.from_bytes(data, "big"), 8 * len(data)

    def take(self, count: int) -> int:
        self._left -= count
        if self._left < 0:
            message = "a frame of E-AC-3 ends within its header"
            raise SoundUnreadableError(message)
        return self._value >> self._left & (1 << count) - 1

    def skip_if_said(self, count: int) -> None:
        """Pass over what is there if the bit before it says so."""
        if self.take(1):
            self.take(count)


def frame(data: bytes) -> Frame:
    """Return the frame that begins with `data`, of which 192 bytes are enough.

    Raises
    ------
    SoundUnreadableError
        If no frame of E-AC-3 begins there.
    """
    bits = _Bits(data[:_LONGEST_HEADER])
    if bits.take(16) != _SYNC:
        message = "no frame of E-AC-3 begins where the one before it ends"
        raise SoundUnreadableError(message)
    kind, number, words = bits.take(2), bits.take(3), bits.take(11) + 1
    rate, blocks = bits.take(2), bits.take(2)
    rate_hz = _RATES_HZ[blocks % 3] // 2 if rate == _HALF_RATE else _RATES_HZ[rate]
    blocks = _BLOCKS[-1] if rate == _HALF_RATE else _BLOCKS[blocks]
    channels, subwoofer, version = bits.take(3), bits.take(1), bits.take(5)
    if not _LEAST_ID <= version <= _MOST_ID:
        message = f"a frame is of version {version} of the bit stream, which is not E-AC-3"
        raise SoundUnreadableError(message)
    for _ in range(2 if channels == _TWO_MONO else 1):
        bits.take(5)  # dialnorm
        bits.skip_if_said(8)  # compr
    if kind == _DEPENDENT:
        bits.skip_if_said(16)  # chanmap
    if bits.take(1):
        _mixing(bits, kind=kind, channels=channels, subwoofer=bool(subwoofer), blocks=blocks)
    if bits.take(1):
        _informational(bits, channels=channels, whole_rate=rate != _HALF_RATE)
    if kind == _INDEPENDENT and blocks != _BLOCKS[-1]:
        bits.take(1)  # convsync
    if kind == _CONVERTED and (blocks == _BLOCKS[-1] or bits.take(1)):
        bits.take(6)  # frmsizecod
    return Frame(
        size_bytes=2 * words,
        samples=blocks * _BLOCK_SAMPLES,
        rate_hz=rate_hz,
        substream=(kind != _DEPENDENT, number),
        complexity=_complexity(bits),
    )


def frames(path: Path) -> Iterator[Frame]:
    """Yield the frames of an elementary stream.

    Raises
    ------
    SoundUnreadableError
        If something else is among them, or the last is not whole.
    """
    size, at = path.stat().st_size, 0
    with path.open("rb") as stream:
        while at < size:
            found = frame(stream.read(_LONGEST_HEADER))
            at += found.size_bytes
            stream.seek(at)
            yield found
    if at != size:
        message = "the last frame of E-AC-3 is not whole"
        raise SoundUnreadableError(message)


def facts(path: Path) -> Eac3Facts:
    """Return what the frames of an elementary stream say, every one.

    Raises
    ------
    SoundUnreadableError
        If it is none, or empty.
    """
    count = samples = size = atmos = 0
    seconds = 0.0
    substreams, indices = set(), set()
    for found in frames(path):
        count += 1
        size += found.size_bytes
        substreams.add(found.substream)
        indices.add(found.complexity)
        atmos += found.complexity is not None
        if found.substream == (True, 0):
            samples += found.samples
            seconds += found.samples / found.rate_hz
    if not seconds:
        message = "there is no frame of E-AC-3"
        raise SoundUnreadableError(message)
    return Eac3Facts(
        frames=count,
        atmos_frames=atmos,
        complexity=next(iter(indices)) if len(indices) == 1 else None,
        whole_frames=samples == count * SAMPLES_PER_ATMOS_FRAME,
        substreams=len(substreams),
        bitrate_kbps=round(size * 8 / seconds / 1000),
    )


def complexity_in(init: bytes) -> int | None:
    """Return the complexity index of Atmos in an initialisation segment of encrypted E-AC-3; none: it announces none.

    It is of one substream, as Atmos is: behind two bytes of data rate and three of the substream (TS 102 366, F.6), the
    extension has two (TS 103 420, C.3.2).
    """
    flag, index = next(within(init, _CONFIGURATION), b"")[5:7].ljust(2, b"\0")
    return index if flag & 1 else None


def _mixing(bits: _Bits, *, kind: int, channels: int, subwoofer: bool, blocks: int) -> None:
    """Pass over the metadata of mixing (table E.1.2)."""
    if channels > _STEREO:
        bits.take(2)
        if channels & _CENTRED:
            bits.take(6)
    if channels & _SURROUND:
        bits.take(6)
    if subwoofer:
        bits.skip_if_said(5)
    if kind == _INDEPENDENT:
        _mixing_of_programmes(bits, channels=channels, blocks=blocks)


def _mixing_of_programmes(bits: _Bits, *, channels: int, blocks: int) -> None:
    for _ in range(2 if channels == _TWO_MONO else 1):
        bits.skip_if_said(6)  # pgmscl
    bits.skip_if_said(6)  # extpgmscl
    options = bits.take(2)
    bits.take((0, 5, 12)[options] if options < 3 else 8 * (bits.take(5) + 2))  # noqa: PLR2004 - its length follows
    if channels < _STEREO:
        for _ in range(2 if channels == _TWO_MONO else 1):
            bits.skip_if_said(14)  # panmean, paninfo
    if bits.take(1):
        if blocks == 1:
            bits.take(5)
        else:
            for _ in range(blocks):
                bits.skip_if_said(5)


def _informational(bits: _Bits, *, channels: int, whole_rate: bool) -> None:
    """Pass over the informational metadata (table E.1.2)."""
    bits.take(5)
    if channels == _STEREO:
        bits.take(4)
    if channels >= _BACK:
        bits.take(2)
    for _ in range(2 if channels == _TWO_MONO else 1):
        bits.skip_if_said(8)
    if whole_rate:
        bits.take(1)


def _complexity(bits: _Bits) -> int | None:
    """Read ``addbsi``: seven bits in reserve, ``flag_ec3_extension_type_a``, ``complexity_index_type_a``."""
    if not bits.take(1):
        return None
    size_bytes = bits.take(6) + 1
    flagged = bits.take(8) & 1
    return bits.take(8) if flagged and size_bytes > 1 else None
