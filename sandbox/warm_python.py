"""Python processes that start warm: forked off one that has imported the libraries which all of them need.

Every function and every job of the embedded cloud is a process, and importing boto3, pydantic and Powertools takes a
processor longer than most of them work. The project's own code is imported anew by each: a change to it is seen.
"""

import contextlib
import multiprocessing
import os
import runpy
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from multiprocessing.connection import Connection, wait
from multiprocessing.forkserver import ensure_running
from multiprocessing.util import get_temp_dir
from pathlib import Path
from typing import IO, Final

_PRELOADED: Final = "sandbox.preloaded"
_MODULE: Final = "-m"
_READY: Final = b"ready"
_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload([_PRELOADED])


def warm_up() -> None:
    """Start what processes are forked off, so that the first one need not wait for it; `cool_down` tidies up."""
    # Its socket lies in a folder of its own, and the path of a socket has some hundred characters at most.
    kept, tempfile.tempdir = tempfile.tempdir, "/tmp"  # noqa: S108 - the folder is made safely
    try:
        get_temp_dir()
    finally:
        tempfile.tempdir = kept
    ensure_running()


def cool_down() -> None:
    """Remove the socket's folder: nothing can be started any more."""
    shutil.rmtree(get_temp_dir(), ignore_errors=True)


class WarmPython:
    """A process, as far as `subprocess.Popen` is used here: its output is text, and read line by line.

    Parameters
    ----------
    arguments
        The interpreter's: a script's path, or ``-m`` and a module, and what ``sys.argv`` holds besides.
    cwd
        The process's folder.
    env
        Its environment, of which Python reads its own variables (``PYTHON…``) only when it starts: they come too late.
    joined
        Whether its standard error goes where its standard output does.
    new_session
        Whether it leads a session and a process group of its own.

    Raises
    ------
    OSError
        If the process cannot be started.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        *,
        cwd: Path,
        env: Mapping[str, str],
        joined: bool = False,
        new_session: bool = False,
    ) -> None:
        theirs_in, ours_in = _context.Pipe(duplex=False)
        ours_out, theirs_out = _context.Pipe(duplex=False)
        ours_error, theirs_error = (None, theirs_out) if joined else _context.Pipe(duplex=False)
        self._reading = threading.Lock()
        self._process = _context.Process(
            target=_run,
            args=(list(arguments), str(cwd), dict(env), new_session, theirs_in, theirs_out, theirs_error),
        )
        self._process.start()
        for connection in {theirs_in, theirs_out, theirs_error}:
            connection.close()
        try:
            # Until then it is in the session of what it was forked off, and no signal to its group would find it.
            ours_out.recv_bytes()
        except EOFError:
            raise ChildProcessError(f"{' '.join(arguments)} ended before it began") from None
        self.stdin = _text(ours_in, "w")
        self.stdout = _text(ours_out, "r")
        self.stderr = _text(ours_error, "r") if ours_error else None

    @property
    def pid(self) -> int:
        """Its id."""
        return int(self._process.pid or 0)

    def poll(self) -> int | None:
        """Return its exit code, negative for a signal; none while it runs."""
        # The code can be read once only, and whoever came second would take its end for a failure.
        with self._reading:
            return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end, and return its exit code.

        Raises
        ------
        subprocess.TimeoutExpired
            If it has not ended in `timeout` seconds.
        """
        begun = time.monotonic()
        while (code := self.poll()) is None:
            left = None if timeout is None else max(0.0, timeout - (time.monotonic() - begun))
            if not wait([self._process.sentinel], timeout=left):
                raise subprocess.TimeoutExpired(self._process.name, timeout or 0.0)
        return code

    def terminate(self) -> None:
        """Ask it to end, by SIGTERM."""
        self._process.terminate()

    def kill(self) -> None:
        """End it, by SIGKILL."""
        self._process.kill()


def _text(connection: Connection, mode: str) -> IO[str]:
    with connection:
        return os.fdopen(os.dup(connection.fileno()), mode, buffering=1, errors="replace", encoding="utf-8")


def _run(
    arguments: list[str],
    folder: str,
    environment: dict[str, str],
    new_session: bool,  # noqa: FBT001 - multiprocessing passes it
    *standard: Connection,
) -> None:
    """Become the process: what was forked is to look like a Python that was just started."""
    if new_session:
        os.setsid()
    standard[1].send_bytes(_READY)
    for number, connection in enumerate(standard):
        os.dup2(connection.fileno(), number)
    for connection in set(standard):
        connection.close()
    sys.stdin, sys.stdout, sys.stderr = (_standard(number, mode) for number, mode in enumerate("rww"))
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.dont_write_bytecode = bool(environment.get("PYTHONDONTWRITEBYTECODE"))
    tempfile.tempdir = None
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with contextlib.suppress(BrokenPipeError):
        _start(arguments)


def _standard(number: int, mode: str) -> IO[str]:
    return os.fdopen(number, mode, buffering=1, closefd=False, encoding="utf-8")


def _start(arguments: list[str]) -> None:
    first, *rest = arguments
    if first == _MODULE:
        sys.argv = rest
        sys.path[0] = str(Path.cwd())
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
    else:
        sys.argv = arguments
        sys.path[0] = str(Path(first).parent)
        runpy.run_path(first, run_name="__main__")
