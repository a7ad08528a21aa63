"""How the encoder runs its tools, and what it makes of their ends. Most of it is seen where the tools are used."""

import os
import signal
import subprocess
import threading
import time

import pytest

from encoder import tools
from encoder.errors import ToolFailedError, ToolHangsError, ToolMissingError
from encoder.tools import Tool, ffmpeg

ENDLESS = ("-f", "lavfi", "-re", "-i", "testsrc=size=64x64", "-f", "null", "-")


@pytest.fixture
def begun(monkeypatch):
    """The tools that were started, in their order."""
    processes = []

    class Noted(subprocess.Popen):
        def __init__(self, *arguments, **options):
            super().__init__(*arguments, **options)
            processes.append(self)

    monkeypatch.setattr(subprocess, "Popen", Noted)
    return processes


def test_a_tool_that_hangs_is_ended(begun, monkeypatch):
    monkeypatch.setattr(tools, "HANGS_S", 0.3)
    monkeypatch.setattr(tools, "_LOOK_S", 0.1)

    def stop():
        while not begun:
            time.sleep(0.01)
        os.kill(begun[0].pid, signal.SIGSTOP)

    threading.Thread(target=stop).start()
    with pytest.raises(ToolHangsError, match=r"ffmpeg has not used the processor for 0\.3 s"):
        ffmpeg(*ENDLESS)
    assert begun[0].returncode == -signal.SIGKILL


def test_one_that_works_slowly_is_not(begun, monkeypatch):
    monkeypatch.setattr(tools, "HANGS_S", 0.5)
    monkeypatch.setattr(tools, "_LOOK_S", 0.1)
    with pytest.raises(ToolFailedError, match=r"was not done after 1\.5 s"):
        # It paces itself: most of the time it waits.
        ffmpeg("-f", "lavfi", "-re", "-i", "testsrc=size=1920x1080", "-f", "null", "-", timeout_s=1.5)
    assert begun[0].returncode == -signal.SIGKILL


def test_a_tool_that_is_watched_for_long_still_gets_what_it_reads(monkeypatch, tmp_path):
    monkeypatch.setattr(tools, "_LOOK_S", 0.05)
    clip = tmp_path / "clip.nut"
    ffmpeg("-f", "lavfi", "-t", "0.6", "-i", "testsrc=size=64x64", "-c:v", "ffvhuff", clip)
    # It paces itself: the look comes more than once.
    reading = ("-re", "-f", "concat", "-safe", "0", "-protocol_whitelist", "file,pipe", "-i", "pipe:0")
    script = f"ffconcat version 1.0\nfile 'file:{clip}'\n"
    said = tools.run(Tool.FFMPEG, [*reading, "-f", "framecrc", "-"], stdin=script)
    assert sum(not line.startswith("#") for line in said.splitlines()) == 15


def test_nothing_that_a_tool_says_early_is_lost_while_it_is_watched(monkeypatch):
    monkeypatch.setattr(tools, "_LOOK_S", 0.05)
    said = ffmpeg("-f", "lavfi", "-re", "-t", "0.6", "-i", "testsrc=size=64x64", "-f", "framecrc", "-")
    assert sum(not line.startswith("#") for line in said.splitlines()) == 15


def test_a_tool_that_the_system_lacks_is_named_with_the_remedy(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolMissingError, match=r"fdkaac is not on the PATH: install Debian's package fdkaac"):
        Tool.FDKAAC.locate()


def test_one_that_the_system_has_is_found(monkeypatch, tmp_path):
    program = tmp_path / "fdkaac"
    program.touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert Tool.FDKAAC.locate() == str(program)
