"""Short films whose every frame and sample is known: made in memory, and handed to ffmpeg as raw data."""

from __future__ import annotations

import math
import random
import subprocess
import wave
from array import array
from collections.abc import Sequence
from pathlib import Path
from statistics import NormalDist

import imageio_ffmpeg

WIDTH, HEIGHT = 320, 180
LUMA = WIDTH * HEIGHT
CHROMA = LUMA // 2
RATE = "24000/1001"
FPS = 24000 / 1001
SAMPLES = 48_000
BLACK = bytes([16]) * LUMA + bytes([128]) * CHROMA
WHITE = bytes([235]) * LUMA + bytes([128]) * CHROMA

Frames = Sequence[bytes]


def ffmpeg(*arguments: str | Path, stdin: bytes = b"") -> bytes:
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", *map(str, arguments)]
    return subprocess.run(command, input=stdin, check=True, capture_output=True, timeout=60).stdout


def moving_frames(count: int) -> list[bytes]:
    """Frames of yuv420p in which the whole picture travels; no two are the same."""
    source = f"testsrc2=size={WIDTH}x{HEIGHT}:rate=25,scroll=h=0.02,format=yuv420p,limiter=min=17:max=234"
    raw = ffmpeg("-f", "lavfi", "-i", source, "-frames:v", str(count), "-f", "rawvideo", "-")
    size = LUMA + CHROMA
    return [raw[start : start + size] for start in range(0, len(raw), size)]


def woven(first: bytes, second: bytes) -> bytes:
    """Even lines of one moment and odd lines of another."""
    lines = bytearray(first[:LUMA])
    for line in range(1, HEIGHT, 2):
        lines[line * WIDTH : (line + 1) * WIDTH] = second[line * WIDTH : (line + 1) * WIDTH]
    return bytes(lines) + first[LUMA:]


def barred(frame: bytes, *, top: int = 0, left: int = 0) -> bytes:
    """`frame` under black bars, as high at the top as at the bottom, as wide left as right."""
    lines = bytearray(frame[:LUMA])
    for line in range(HEIGHT):
        start = line * WIDTH
        if line < top or line >= HEIGHT - top:
            lines[start : start + WIDTH] = bytes([16]) * WIDTH
        lines[start : start + left] = bytes([16]) * left
        lines[start + WIDTH - left : start + WIDTH] = bytes([16]) * left
    chroma = frame[LUMA:] if not (top or left) else bytes([128]) * CHROMA
    return bytes(lines) + chroma


def outside(frame: bytes, *, share: float) -> bytes:
    """`frame` with the first `share` of its lines whiter than white."""
    lines = round(HEIGHT * share)
    return bytes([250]) * (lines * WIDTH) + frame[lines * WIDTH :]


def grey(count: int) -> list[bytes]:
    """The same even grey over and over."""
    return [bytes([126]) * LUMA + bytes([128]) * CHROMA] * count


def grainy(count: int, *, sigma: float) -> list[bytes]:
    """Grey with Gaussian noise that is another in each frame."""
    noise, chance = NormalDist(126, sigma), random.Random(1)  # noqa: S311 - a test's picture
    values = bytes(max(17, min(234, round(noise.inv_cdf((number + 0.5) / 256)))) for number in range(256))
    return [chance.randbytes(LUMA).translate(values) + bytes([128]) * CHROMA for _ in range(count)]


def darkened(frame: bytes) -> bytes:
    """`frame` at less than a sixth of its brightness: all of it is under luma 51."""
    return frame[:LUMA].translate(bytes(16 + max(0, value - 16) * 34 // 219 for value in range(256))) + frame[LUMA:]


def page(count: int) -> list[bytes]:
    """A screen full of text, which stands still; a word of it changes every fifth frame."""
    chance = random.Random(1)  # noqa: S311 - a test's picture

    def text(width: int) -> bytes:
        return b"".join(bytes([chance.choice((235, 40))]) * 2 for _ in range(width // 2))

    lines = [text(WIDTH) if line % 12 < 6 else bytes([235]) * WIDTH for line in range(HEIGHT)]
    frames = []
    for number in range(count):
        if number % 5 == 3:
            lines[60:66] = [text(40) + line[40:] for line in lines[60:66]]
        frames.append(b"".join(lines) + bytes([128]) * CHROMA)
    return frames


def tone(seconds: float, *, level_db: float = -27.0, hz: int = 997) -> array[int]:
    """Stereo samples of a sine with an RMS level of `level_db` in each channel."""
    peak = 32767 * math.sqrt(2) * 10 ** (level_db / 20)
    second = array("h")
    for number in range(SAMPLES):
        value = round(peak * math.sin(2 * math.pi * hz * number / SAMPLES))
        second.extend((value, value))
    # Whole hertz: one second is like the other.
    return (second * math.ceil(seconds))[: 2 * round(seconds * SAMPLES)]


def quiet(samples: array[int], *, first_s: float, last_s: float) -> array[int]:
    """`samples` with zeros from `first_s` to `last_s`."""
    first, last = (2 * round(seconds * SAMPLES) for seconds in (first_s, last_s))
    return samples[:first] + array("h", bytes(2 * (last - first))) + samples[last:]


def write(
    path: Path,
    frames: Frames,
    *,
    sound: array[int] | None = None,
    rate: str = RATE,
    before: Sequence[str] = (),
    after: Sequence[str] = ("-c:v", "libx264", "-preset", "ultrafast", "-qp", "4"),
) -> Path:
    """Write a film; `before` stands before the sound's input, `after` before the output."""
    picture = ("-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", f"{WIDTH}x{HEIGHT}", "-r", rate, "-i", "-")
    inputs: list[str | Path] = []
    if sound is not None:
        wav = path.with_suffix(".wav")
        with wave.open(str(wav), "wb") as file:
            file.setnchannels(2)
            file.setsampwidth(2)
            file.setframerate(SAMPLES)
            file.writeframes(sound.tobytes())
        inputs = [*before, "-i", wav, "-map", "0:v", "-map", "1:a", "-c:a", "pcm_s16le"]
    ffmpeg(*picture, *inputs, *after, path, stdin=b"".join(frames))
    return path
