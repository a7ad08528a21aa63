"""The processes behind the jobs of the embedded cloud."""

from __future__ import annotations

from pathlib import Path

_PROC = Path("/proc")


class Workers:
    """The processes of the jobs at work, as the embedded cloud records them.

    Parameters
    ----------
    work_dir
        The embedded cloud's folder.
    """

    def __init__(self, work_dir: Path) -> None:
        self._records = work_dir / "process-groups"

    def of(self, version_id: str, *, task: str = "") -> list[int]:
        """Return those that work for a version, at `task` if one is named: their plan is in their command."""
        commands = {
            pid: " ".join(self.command(pid)) for pid in (int(record.name) for record in self._records.glob("*"))
        }
        return [pid for pid, command in commands.items() if f"/{version_id}/plan.json" in command and task in command]

    def command(self, pid: int) -> list[str]:
        """Return what a job's container was told; nothing, if the job is over."""
        told = _read(self._records / str(pid))
        return told.split("\0") if told else []

    def tools(self, version_id: str, *, task: str) -> list[int]:
        """Return the processes that those have started."""
        return [pid for worker in self.of(version_id, task=task) for pid in _children_of(worker)]


def command_of(pid: int) -> str:
    """Return the command line of a process; nothing, if it is gone."""
    return _read(_PROC / str(pid) / "cmdline")


def parent_of(pid: int) -> int | None:
    """Return the parent of a process; none, if it is gone."""
    try:
        return int((_PROC / str(pid) / "stat").read_text().rsplit(")", 1)[1].split()[1])
    except OSError:
        return None


def _children_of(pid: int) -> list[int]:
    # The kernel keeps them by the thread that started them. To ask each process for its parent takes a processor longer
    # than many a tool lives, and whoever looks for tools looks again and again.
    threads = _PROC / str(pid) / "task"
    try:
        files = [thread / "children" for thread in threads.iterdir()]
    except OSError:
        return []
    return [int(child) for file in files for child in _read(file).split()]


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
