"""How much memory a job uses, and whether that is more than it asked for."""

import os
import threading
from collections.abc import Callable, Iterator
from typing import Final

import psutil

OUT_OF_MEMORY: Final = "OutOfMemoryError: Container killed due to memory usage"
"""The container's reason, as ECS gives it."""

_LOOK_SECONDS: Final = 0.25
_MIB: Final = 1 << 20


def watch_memory(session: int, *, limit_mib: float, ended: threading.Event, on_excess: Callable[[], None]) -> None:
    """Look at a job's memory a few times a second until it has ended, or uses more than it may.

    Parameters
    ----------
    session
        The session that all the job's processes belong to.
    ended
        Set when the job is over.
    on_excess
        Called once, when it uses more than `limit_mib`.
    """
    while not ended.wait(_LOOK_SECONDS):
        if exceeds(session, limit_mib=limit_mib):
            on_excess()
            return


def exceeds(session: int, *, limit_mib: float) -> bool:
    """Whether a session's processes together have more than `limit_mib` in memory.

    Counted is the proportional set size: a page that several processes share counts for each by its part, so that
    neither a forked child nor the pages of a library count twice. Its sum is nearest to what a container's control
    group is charged. It is slow to read, and the resident set size is never less: where that is within the limit, it
    is enough.
    """
    processes = list(_processes(session))
    limit = limit_mib * _MIB
    return _total(processes, _resident) > limit and _total(processes, _proportional) > limit


def _processes(session: int) -> Iterator[psutil.Process]:
    for pid in psutil.pids():
        try:
            if os.getsid(pid) == session:
                yield psutil.Process(pid)
        except (ProcessLookupError, PermissionError, psutil.NoSuchProcess):
            continue


def _total(processes: list[psutil.Process], measure: Callable[[psutil.Process], int]) -> int:
    total = 0
    for process in processes:
        try:
            total += measure(process)
        except psutil.Error:
            # It has ended meanwhile, and has no memory any more.
            continue
    return total


def _resident(process: psutil.Process) -> int:
    return int(process.memory_info().rss)


def _proportional(process: psutil.Process) -> int:
    found = process.memory_full_info()
    # Only Linux tells the proportional size; elsewhere what a process has for itself is the nearest.
    return int(getattr(found, "pss", found.uss))
