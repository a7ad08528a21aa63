"""A job's container, run as a local process group."""

import json
import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

from sandbox.extension.batch.memory import OUT_OF_MEMORY, watch_memory
from sandbox.extension.batch.retry import Outcome
from sandbox.extension.process_groups import signal_group
from sandbox.extension.workspace import Workspace
from sandbox.warm_python import WarmPython

ENTRYPOINT_VARIABLE: Final = "MARQUEE_BATCH_ENTRYPOINT"
"""A command, as JSON, that stands for the job definition's image; by default that is the encoder of this checkout."""

EXITED: Final = "Essential container in task exited"
TIMED_OUT: Final = "Job attempt duration exceeded timeout"
# A process killed from outside stands for a machine taken away, so that the retry rules written for a spot
# reclaim meet here the very reason they would meet on AWS.
HOST_LOST: Final = "Host EC2 (instance i-0000000000000000) terminated."
TASK_LOST: Final = "Your Spot Task was interrupted."
"""The same, on Fargate."""

_GRACE_SECONDS: Final = 3.0
_PROJECT_ROOT: Final = Path(__file__).parents[3]


class ContainerProcess:
    """One attempt of a job: a process, its children, its scratch folder and its output.

    Parameters
    ----------
    command
        The container's command, without the entrypoint.
    environment
        Added to the server's own environment.
    name
        Unique among running attempts; names the scratch folder.
    workspace
        Where the scratch folder and the record of the process group go.
    on_line
        Called with every line of output, from a thread of its own.
    lost
        What Batch says when the machine is taken away.
    memory_mib
        What the container may use; none is without bound.
    """

    def __init__(
        self,
        *,
        command: list[str],
        environment: dict[str, str],
        name: str,
        workspace: Workspace,
        on_line: Callable[[str], None],
        lost: str,
        memory_mib: float | None = None,
    ) -> None:
        self._lost = lost
        self._memory_mib = memory_mib
        self._command = command
        self._environment = environment
        self._workspace = workspace
        # The id of an array's child has a colon, which paths and tools' arguments do not take well.
        self._scratch = workspace.temporary / "batch" / name.replace(":", "-")
        self._on_line = on_line
        self._stop_reason: str | None = None
        self._timers: list[threading.Timer] = []
        self._process: subprocess.Popen[str] | WarmPython | None = None
        self._starting = threading.Lock()
        self._ended = threading.Event()
        self._is_out_of_memory = False

    def run(self, *, timeout_seconds: float | None) -> Outcome:
        """Run to the end, or until it is stopped or its time is over."""
        self._scratch.mkdir(parents=True, exist_ok=True)
        try:
            process = self._start()
        except OSError as error:
            shutil.rmtree(self._scratch, ignore_errors=True)
            return Outcome(
                exit_code=None,
                reason=f"CannotStartContainerError: {error}",
                status_reason=self._stop_reason or "Task failed to start",
            )
        record = self._workspace.process_groups / str(process.pid)
        record.write_text("\0".join(self._command))
        reader = threading.Thread(target=self._read, args=(process,), daemon=True)
        reader.start()
        if timeout_seconds is not None:
            self._later(timeout_seconds, lambda: self.stop(TIMED_OUT))
        if self._memory_mib is not None:
            threading.Thread(target=self._watch_memory, args=(process.pid, self._memory_mib), daemon=True).start()
        code = process.wait()
        self._ended.set()
        for timer in self._timers:
            timer.cancel()
        # Children that outlive the main process would hold its output open, and the machine's processors.
        signal_group(process.pid, signal.SIGKILL)
        reader.join(timeout=_GRACE_SECONDS)
        record.unlink(missing_ok=True)
        shutil.rmtree(self._scratch, ignore_errors=True)
        return self._outcome(code)

    def reclaim(self, *, notice_seconds: float) -> None:
        """Take the machine away: the container is told at once, and what is left of it is killed after the notice."""
        self.stop(self._lost, grace_seconds=notice_seconds)

    def stop(self, reason: str, *, grace_seconds: float = _GRACE_SECONDS) -> None:
        """Ask the container's main process to end, as ECS does; all of the group is killed after a grace period."""
        with self._starting:
            if self._stop_reason is not None:
                return
            self._stop_reason = reason
            process = self._process
        if process is not None and process.poll() is None:
            process.terminate()
            self._later(grace_seconds, lambda: signal_group(process.pid, signal.SIGKILL))

    def _start(self) -> "subprocess.Popen[str] | WarmPython":
        with self._starting:
            if self._stop_reason is not None:
                raise InterruptedError(self._stop_reason)
            self._process = self._started()
            return self._process

    def _started(self) -> "subprocess.Popen[str] | WarmPython":
        environment = {
            **os.environ,
            "PYTHONUNBUFFERED": "1",
            # The server writes none; without it every job would compile the encoder again.
            "PYTHONDONTWRITEBYTECODE": "",
            **self._environment,
            "TMPDIR": str(self._scratch),
        }
        entrypoint = os.environ.get(ENTRYPOINT_VARIABLE)
        if entrypoint is None:
            arguments = ["-m", "encoder", *self._command]
            process = WarmPython(arguments, cwd=_PROJECT_ROOT, env=environment, joined=True, new_session=True)
            process.stdin.close()
            return process
        return subprocess.Popen(
            [*json.loads(entrypoint), *self._command],
            cwd=_PROJECT_ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )

    def _read(self, process: "subprocess.Popen[str] | WarmPython") -> None:
        if process.stdout is None:
            return
        with process.stdout:
            for line in process.stdout:
                self._on_line(line.rstrip("\n"))

    def _watch_memory(self, group: int, limit_mib: float) -> None:
        def kill() -> None:
            self._is_out_of_memory = True
            signal_group(group, signal.SIGKILL)

        watch_memory(group, limit_mib=limit_mib, ended=self._ended, on_excess=kill)

    def _later(self, seconds: float, action: Callable[[], None]) -> None:
        timer = threading.Timer(seconds, action)
        timer.daemon = True
        self._timers.append(timer)
        timer.start()

    def _outcome(self, code: int) -> Outcome:
        # Containers report death by signal n as 128 + n.
        exit_code = 128 - code if code < 0 else code
        if self._stop_reason is not None:
            return Outcome(exit_code=exit_code, reason="", status_reason=self._stop_reason)
        if code == -signal.SIGKILL and self._is_out_of_memory:
            return Outcome(exit_code=exit_code, reason=OUT_OF_MEMORY, status_reason=EXITED)
        if code == -signal.SIGKILL:
            return Outcome(exit_code=exit_code, reason="", status_reason=self._lost)
        return Outcome(exit_code=exit_code, reason="", status_reason=EXITED)
