"""The end of it: taken down in the middle of its work, the platform leaves no process and no port behind.

It is the last test of this folder, because nothing is left for another one.
"""

import os
import socket
from pathlib import Path

import pytest

from tests.platform.waiting import eventually

pytestmark = pytest.mark.embedded

PROC = Path("/proc")


def _processes_of(work_dir):
    """The processes, other than this one, that have the folder in their command or their environment."""
    found = {}
    for entry in PROC.iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                texts = [(entry / name).read_bytes() for name in ("cmdline", "environ")]
                state = (entry / "stat").read_text().rsplit(")", 1)[1].split()[0]
            except OSError:
                continue
            if state != "Z" and any(str(work_dir).encode() in text for text in texts):
                found[int(entry.name)] = texts[0].replace(b"\0", b" ").decode(errors="replace").strip()
    return found


def _listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_nothing_is_left_behind(platform, clips, deliver):
    if not PROC.is_dir():
        pytest.skip("needs /proc to find the platform's processes")
    deliver("taken-down-in-the-middle", clips.whole)
    up, work_dir = platform.up, platform.work_dir
    eventually(lambda: list((work_dir / "cloud" / "process-groups").iterdir()), waiting_for="a job at work")
    ports = [up.edge.port, up.cloud.port, up.cloud.sftp_port]
    assert [_listens(port) for port in ports] == [True] * 3
    running = _processes_of(work_dir)
    assert any("sandbox.server" in command for command in running.values())
    assert any("nginx" in command for command in running.values())

    platform.take_down()

    assert _processes_of(work_dir) == {}
    assert [_listens(port) for port in ports] == [False] * 3
    assert not list((work_dir / "cloud").glob("process-groups/*"))
