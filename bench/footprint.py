"""What the embedded cloud takes of the machine while it works."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

_EVERY_S = 1.0
_MIB = 1 << 20


class Footprint:
    """The peaks of the embedded cloud's memory, sampled every second; of the processes of jobs nothing.

    Memory is what cannot be given back for another use: resident, without the pages of files. What processes share
    counts for each by its part.

    Parameters
    ----------
    work_dir
        The embedded cloud's folder.

    Attributes
    ----------
    server_mib
        The most that the server held.
    functions_mib
        The most that the functions which it keeps warm held together.
    threads
        The most that the server ran.
    server_cpu_s
        The processor's time that the server used.
    """

    def __init__(self, work_dir: Path) -> None:
        # The server leads a process group, its functions are in it, and each job has one of its own.
        self._server = psutil.Process(json.loads((work_dir / "cloud.json").read_text())["pid"])
        self._over = threading.Event()
        self._sampling = threading.Thread(target=self._sample, daemon=True)
        self._before_mib = self.server_mib = self._server_mib()
        self.functions_mib = 0.0
        self.threads = 0
        self.server_cpu_s = -sum(self._server.cpu_times()[:2])

    def __enter__(self) -> Self:
        self._sampling.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._sampling.join()
        self.server_cpu_s += sum(self._server.cpu_times()[:2])

    def _sample(self) -> None:
        while True:
            self.server_mib = max(self.server_mib, self._server_mib())
            self.threads = max(self.threads, self._server.num_threads())
            self.functions_mib = max(self.functions_mib, sum(map(self._mib, self._server.children(recursive=True))))
            if self._over.wait(_EVERY_S):
                return

    @property
    def grown_mib(self) -> float:
        """How much the server holds more, at its peak, than when this began."""
        return self.server_mib - self._before_mib

    def _server_mib(self) -> float:
        memory = self._server.memory_info()
        return float(memory.rss - memory.shared) / _MIB

    def _mib(self, process: psutil.Process) -> float:
        """Return what a function's process holds; of another one, and of one that is gone, nothing."""
        try:
            return process.memory_full_info().pss / _MIB if os.getpgid(process.pid) == self._server.pid else 0.0
        except (psutil.NoSuchProcess, ProcessLookupError):
            return 0.0
