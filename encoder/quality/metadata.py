"""What ffmpeg's ``metadata=print`` wrote: a line for a frame, then a line for each thing that a filter said of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from encoder.errors import ToolFailedError
from encoder.tools import Tool

_PREFIX = "lavfi."


def frames(path: Path) -> Iterator[dict[str, str]]:
    """Yield what the filters said of each frame that they said something of, in order, without ``lavfi.``.

    Two hours of film are some hundred megabytes of it: they are read line by line.

    Raises
    ------
    ToolFailedError
        If ffmpeg did not write the file.
    """
    if not path.is_file():
        # A filter opens its file with its first frame.
        raise ToolFailedError(tool=Tool.FFMPEG, exit_code=0, stderr=("not one frame can be decoded",))
    said: dict[str, str] | None = None
    with path.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            if line.startswith("frame:"):
                if said is not None:
                    yield said
                said = {}
            elif said is not None and line.startswith(_PREFIX):
                name, _, value = line[len(_PREFIX) :].rstrip("\n").partition("=")
                said[name] = value
    if said is not None:
        yield said
