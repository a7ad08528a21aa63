"""What MediaInfo says of a file beyond ffprobe: the trade's names, and what wrote it.

Its library runs in a process of its own, without this one's environment: a delivered file is somebody else's, and a
parser that falls over one must not take the task with it.
"""

from __future__ import annotations

import subprocess
import sys

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from encoder.errors import ToolFailedError, ToolKilledError
from encoder.tools import Media

_TOOL = "MediaInfo"
_MEMORY_BYTES = 4 * 1024**3
# An open file instead of a path or an address: what a file refers to, its next part or another address, cannot be
# followed then.
_READ = """
import io, resource, sys
from urllib.request import Request, urlopen
from pymediainfo import MediaInfo

class Ranges(io.RawIOBase):
    def __init__(self, url):
        self.url, self.position = url, 0
        self.size = int(self.ask(0, 0).headers["Content-Range"].partition("/")[2])

    def ask(self, first, last):
        return urlopen(Request(self.url, headers={"Range": f"bytes={first}-{last}"}))

    def readable(self):
        return True

    def seekable(self):
        return True

    def tell(self):
        return self.position

    def seek(self, offset, whence=0):
        self.position = offset + (0, self.position, self.size)[whence]
        return self.position

    def readinto(self, buffer):
        last = min(self.position + len(buffer), self.size) - 1
        if last < self.position:
            return 0
        read = self.ask(self.position, last).read()
        buffer[: len(read)] = read
        self.position += len(read)
        return len(read)

limit = int(sys.argv[2])
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
name = sys.argv[1]
opened = io.BufferedReader(Ranges(name), 1 << 20) if name.startswith("http://") else open(name, "rb")
with opened as file:
    sys.stdout.write(MediaInfo.parse(file, output="JSON"))
"""


class Track(BaseModel):
    """One track, or the container, which is the track `General`."""

    model_config = ConfigDict(extra="ignore")

    kind: str = Field(alias="@type")
    name: str | None = Field(default=None, alias="Format")
    profile: str | None = Field(default=None, alias="Format_Profile")
    commercial: str | None = Field(default=None, alias="Format_Commercial_IfAny")
    scan_type: str | None = Field(default=None, alias="ScanType")
    application: str | None = Field(default=None, alias="Encoded_Application_String")
    library: str | None = Field(default=None, alias="Encoded_Library_String")

    @property
    def commercial_name(self) -> str | None:
        """The name that the trade uses, for example ``ProRes 422 HQ`` or ``DNxHR HQX``."""
        return self.commercial or " ".join(part for part in (self.name, self.profile) if part) or None


class MediaInfo(BaseModel):
    """The tracks of a file, the container first."""

    model_config = ConfigDict(extra="ignore")

    tracks: tuple[Track, ...] = Field(default=(), alias="track")

    @property
    def picture(self) -> Track | None:
        """The first track of picture."""
        return self._first("Video")

    @property
    def container(self) -> Track | None:
        """The container."""
        return self._first("General")

    def _first(self, kind: str) -> Track | None:
        return next((track for track in self.tracks if track.kind == kind), None)


class _Answer(BaseModel):
    media: MediaInfo | None = None


def read(media: Media, *, timeout_s: float) -> MediaInfo:
    """Return what MediaInfo says of the file.

    Raises
    ------
    ToolFailedError
        If MediaInfo refuses the file, or is not done with it in `timeout_s` seconds.
    ToolKilledError
        If a signal ended it.
    """
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-c", _READ, media, str(_MEMORY_BYTES)],
            env={},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=timeout_s,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise _failed(f"not done after {timeout_s:g} s") from error
    if done.returncode < 0:
        raise ToolKilledError(f"{_TOOL} was ended by signal {-done.returncode}", signal=-done.returncode)
    if done.returncode:
        raise _failed(f"it fell over the file (exit code {done.returncode})", exit_code=done.returncode)
    try:
        return _Answer.model_validate_json(done.stdout).media or MediaInfo()
    except ValidationError as error:
        raise _failed("its answer is not the JSON that it should be") from error


def _failed(complaint: str, *, exit_code: int = 0) -> ToolFailedError:
    return ToolFailedError(tool=_TOOL, exit_code=exit_code, stderr=(f"{_TOOL}: {complaint}",))
