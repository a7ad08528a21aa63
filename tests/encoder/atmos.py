"""Streams that say they are Dolby Atmos. No free encoder makes Atmos: these are ffmpeg's E-AC-3, with the extension.

Their frames have no objects in them, only the announcement (ETSI TS 103 420, 8.3), so that a decoder plays their 5.1.
"""

from __future__ import annotations

from pathlib import Path

from tests.encoder.studio import ffmpeg

PLAIN_AT = 53
"""The bit at which ffmpeg's frames of 5.1 say whether there is an extension: there is no metadata before it."""
_SAID_BITS, _END_BITS, _LONGER_BITS = 23, 18, 32


def make_eac3(path: Path, *options: str, sound: str = "sin(2*PI*440*t)*0.1", duration_s: float = 1.0) -> Path:
    """E-AC-3 of a sound, in 5.1 unless `options` say otherwise."""
    channels = ("-af", "aformat=channel_layouts=5.1") if "-ac" not in options else ()
    source = ("-f", "lavfi", "-i", f"aevalsrc={sound}:s=48000:d={duration_s}")
    ffmpeg(*source, *channels, "-c:a", "eac3", "-b:a", "384k", *options, "-f", "eac3", path)
    return path


def announce(path: Path, *, complexity: int = 16, at: int = PLAIN_AT, frames: slice = slice(None)) -> Path:
    """Let the frames of a stream announce Atmos, and return it; `at` is the bit that says that they do not."""
    stream = path.read_bytes()
    parts = []
    while stream:
        size = frame_bytes(stream)
        parts.append(stream[:size])
        stream = stream[size:]
    for place in range(*frames.indices(len(parts))):
        parts[place] = _announcing(parts[place], complexity=complexity, at=at)
    path.write_bytes(b"".join(parts))
    return path


def frame_bytes(frame: bytes) -> int:
    return 2 * ((int.from_bytes(frame[2:4], "big") & 0x7FF) + 1)


def _announcing(frame: bytes, *, complexity: int, at: int) -> bytes:
    value, bits = int.from_bytes(frame, "big"), 8 * len(frame)
    after = bits - at - 1
    assert not value >> after & 1, "the frame has an extension"
    # There is one, of two bytes: a bit in reserve seven times, the flag, and the index.
    said = 1 << 22 | 1 << 16 | 1 << 8 | complexity
    blocks = (value & (1 << after) - 1) >> _END_BITS
    made = (value >> after + 1 << _SAID_BITS | said) << after - _END_BITS | blocks
    # A longer frame, because nobody knows whether there were bits to spare; its number of words follows its type.
    made <<= bits + _LONGER_BITS - (at + _SAID_BITS + after - _END_BITS)
    made += 2 << bits + _LONGER_BITS - 32
    body = made.to_bytes((bits + _LONGER_BITS) // 8, "big")[:-2]
    return body + _crc(body[2:]).to_bytes(2, "big")


def _crc(data: bytes) -> int:
    """The checksum of a frame (ETSI TS 102 366, 6.1.7)."""
    rest = 0
    for byte in data:
        rest ^= byte << 8
        for _ in range(8):
            rest = (rest << 1 ^ 0x8005) & 0xFFFF if rest & 0x8000 else rest << 1
    return rest
