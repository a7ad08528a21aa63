"""Signals to whole process groups, and whether anything of one still runs."""

import os
import signal
from pathlib import Path


def signal_group(group: int, number: signal.Signals) -> None:
    """Send a signal to every process of a group; a group that is gone is fine."""
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        # macOS reports a group of zombies as a lack of permission.
        return


def group_runs(group: int) -> bool:
    """Whether a process of the group still runs. Zombies do not: in a container nobody may collect them."""
    try:
        os.killpg(group, 0)
    except (ProcessLookupError, PermissionError):
        return False
    proc = Path("/proc")
    if not (proc / "self/stat").exists():
        return True
    return any(_runs_in(entry / "stat", group) for entry in proc.iterdir() if entry.name.isdigit())


def _runs_in(stat: Path, group: int) -> bool:
    try:
        # "pid (name) state parent group ...": the name may hold anything, parentheses included.
        state, _, process_group = stat.read_text().rsplit(")", 1)[1].split()[:3]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z" and int(process_group) == group
