"""What is in a segment: decrypted, decoded, and counted."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

from encoder.boxes import boxes, within
from encoder.errors import ToolFailedError
from encoder.keys import OpenKey
from encoder.manifests import Kind
from encoder.tools import Tool, run

_TICK = re.compile(r"^#tb 0: (?P<numerator>\d+)/(?P<denominator>\d+)$", re.MULTILINE)
# stream, decoding time, presentation time, duration, …
_SAMPLE = re.compile(r"^0,\s*-?\d+,\s*-?\d+,\s*(?P<ticks>\d+),", re.MULTILINE)
_TEXT_FILE = b"WEBVTT"
# What a run of samples says of itself.
_DATA_OFFSET, _FIRST_FLAGS, _SAMPLE_DURATION, _SAMPLE_SIZE = 0x1, 0x4, 0x100, 0x200
# What a fragment says of all its samples, if they are alike: the size, and how many bytes what stands before it takes.
_ALIKE_SIZE = 0x10
_BEFORE_ALIKE_SIZE = {0x1: 8, 0x2: 4, 0x8: 4}


class Decoded(NamedTuple):
    """What came out of a segment."""

    samples: int
    """Frames of a picture, blocks of sound, cues or pauses of text."""
    ticks: int
    tick_s: float

    @property
    def duration_s(self) -> float:
        """How long it lasts."""
        return self.ticks * self.tick_s


def decode(path: Path, *, kind: Kind, key: OpenKey | None) -> Decoded:
    """Decode a segment that stands behind its initialisation; one of text is taken apart, as it has no decoder.

    Parameters
    ----------
    key
        The content key of what is encrypted.

    Raises
    ------
    ToolFailedError
        If anything of it cannot be read, decrypted or decoded.
    """
    if kind is Kind.TEXT and path.read_bytes().startswith(_TEXT_FILE):
        return Decoded(samples=path.read_bytes().count(b"-->"), ticks=0, tick_s=0.0)
    listing = _decrypted(path, key=key) if key else _framecrc("-i", path, "-map", "0", "-c", "copy")
    tick = _TICK.search(listing)
    samples = [int(sample["ticks"]) for sample in _SAMPLE.finditer(listing)]
    if tick is None or not samples:
        raise ToolFailedError(tool=Tool.FFMPEG, exit_code=0, stderr=("nothing came out of it",))
    return Decoded(samples=len(samples), ticks=sum(samples), tick_s=int(tick["numerator"]) / int(tick["denominator"]))


def begins(init: bytes, segment: bytes) -> Fraction | None:
    """Return when the first sample of a segment is decoded, in seconds (``tfdt``); none, if it does not say so."""
    scale = _first_number(init, ("moov", "trak", "mdia", "mdhd"), {0: (12, 4), 1: (20, 4)})
    time = _first_number(segment, ("moof", "traf", "tfdt"), {0: (4, 4), 1: (4, 8)})
    return None if scale is None or time is None else Fraction(time, scale)


def left_out(init: bytes) -> Fraction:
    """Return how much of a track's beginning its edit list leaves out, in seconds: what its decoder is late by.

    ffmpeg leaves as much out of whatever segment stands behind the initialisation.
    """
    scale = _first_number(init, ("moov", "trak", "mdia", "mdhd"), {0: (12, 4), 1: (20, 4)})
    time = _first_number(init, ("moov", "trak", "edts", "elst"), {0: (12, 4), 1: (16, 8)})
    return Fraction(0) if scale is None or time is None else Fraction(time, scale)


def _first_number(data: bytes, path: Sequence[str], place: Mapping[int, tuple[int, int]]) -> int | None:
    """Return the number of a full box that stands at an offset and has a length, which its version decides."""
    found = next(within(data, path), None)
    if not found or found[0] not in place:
        return None
    offset, length = place[found[0]]
    return int.from_bytes(found[offset : offset + length])


def first_sample_ends(segment: bytes, start: int) -> int | None:
    """Return where the first sample of the movie fragment at `start` ends (ISO/IEC 14496-12, 8.8); none: none is there.

    Its bytes count from the fragment's first, as in CMAF.
    """
    fragment = next(iter(boxes(segment[start:])), None)
    if fragment is None or fragment[0] != "moof":
        return None
    run = next(within(fragment[1], ("traf", "trun")), b"")
    flags = int.from_bytes(run[1:4], "big")
    size = _size_of_all(fragment[1])
    if flags & _SAMPLE_SIZE:
        entry = 12 + 4 * bool(flags & _FIRST_FLAGS) + 4 * bool(flags & _SAMPLE_DURATION)
        size = int.from_bytes(run[entry : entry + 4], "big")
    if not flags & _DATA_OFFSET or size is None:
        return None
    return start + int.from_bytes(run[8:12], "big") + size


def _size_of_all(fragment: bytes) -> int | None:
    """Return how large each sample of a fragment is, if it says that once, as it does of a single one (8.8.7)."""
    header = next(within(fragment, ("traf", "tfhd")), b"")
    flags = int.from_bytes(header[1:4], "big")
    if not flags & _ALIKE_SIZE:
        return None
    at = 8 + sum(size for flag, size in _BEFORE_ALIKE_SIZE.items() if flags & flag)
    return int.from_bytes(header[at : at + 4], "big")


def _decrypted(path: Path, *, key: OpenKey) -> str:
    # The key reaches ffmpeg by its standard input: a command line can be read by every process of the machine.
    script = ("ffconcat version 1.0", f"file 'file:{path}'", f"option decryption_key {key.secret_hex}")
    return _framecrc(
        *("-f", "concat", "-safe", "0", "-protocol_whitelist", "file,pipe", "-i", "pipe:0"),
        *("-map", "0:0", "-fps_mode", "passthrough"),
        stdin="\n".join(script),
        secrets=(key.secret_hex,),
    )


def _framecrc(*arguments: str | Path, stdin: str = "", secrets: tuple[str, ...] = ()) -> str:
    strictly = ("-hide_banner", "-nostdin", "-nostats", "-v", "error", "-xerror", "-err_detect", "explode")
    return run(Tool.FFMPEG, [*strictly, *arguments, "-f", "framecrc", "-"], stdin=stdin, secrets=secrets)
