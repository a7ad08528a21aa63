"""The embedded cloud: one process on this machine that answers AWS's APIs.

>>> with EmbeddedCloud(work_dir=Path(".marquee/cloud")) as cloud:  # doctest: +SKIP
...     boto3.client("s3", endpoint_url=cloud.endpoint)
"""

import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from ipaddress import ip_address
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from sandbox.extension.process_groups import group_runs, signal_group
from sandbox.extension.workspace import WORK_DIR_VARIABLE, Workspace
from sandbox.server import LIFELINE_VARIABLE

ACCOUNT: Final = "000000000000"
REGION: Final = "us-east-1"

_LOOPBACK: Final = "127.0.0.1"
_START_SECONDS: Final = 60.0
_STOP_SECONDS: Final = 15.0
_POLL_SECONDS: Final = 0.05
_PORTS: Final = range(20_000, 32_000)
_PROJECT_ROOT: Final = Path(__file__).parents[1]


class EmbeddedCloudError(RuntimeError):
    """The embedded cloud cannot be started or stopped."""


class NotLoopbackError(EmbeddedCloudError):
    """Somebody asked the embedded cloud to listen where others can reach it."""

    def __init__(self, host: str) -> None:
        super().__init__(
            f"The embedded cloud checks no credentials, so it listens on the loopback interface only, not on {host}. "
            "Use 127.0.0.1; to reach it from another machine, tunnel with: ssh -L 4566:127.0.0.1:4566"
        )


class PortInUseError(EmbeddedCloudError):
    """The port belongs to another process."""

    def __init__(self, port: int) -> None:
        super().__init__(
            f"Port {port} of 127.0.0.1 is in use. "
            "Stop what listens there, or pass another port, or none to get a free one"
        )


class NotOnSpotError(EmbeddedCloudError):
    """A job whose machine should be taken away does not run on spot capacity."""


class StartError(EmbeddedCloudError):
    """The server process ended, or did not become ready."""

    def __init__(self, *, what: str, log_path: Path) -> None:
        tail = "\n".join(log_path.read_text(errors="replace").splitlines()[-15:]) if log_path.exists() else ""
        super().__init__(f"The embedded cloud {what}. Its log is {log_path}:\n{tail}")


class LeftoverProcessError(EmbeddedCloudError):
    """A process of the embedded cloud survived its stop."""

    def __init__(self, groups: list[int]) -> None:
        super().__init__(f"Process groups {groups} of the embedded cloud are still alive. Kill them: kill -9 -PID")


class EmbeddedCloud:
    """Starts, describes and stops one embedded cloud.

    Parameters
    ----------
    work_dir
        Everything it writes goes here. What it holds in memory is gone when it stops.
    port
        Where to listen; a free port by default.
    host
        Only the loopback interface is accepted.
    variables
        Added to the server's environment.
    """

    def __init__(
        self,
        *,
        work_dir: Path,
        port: int | None = None,
        host: str = _LOOPBACK,
        variables: dict[str, str] | None = None,
    ) -> None:
        if not _is_loopback(host):
            raise NotLoopbackError(host)
        self._host = _LOOPBACK if host == "localhost" else host
        self._workspace = Workspace(root=work_dir.resolve())
        self._variables = variables or {}
        self.port = port or _free_port()
        self.sftp_port = _free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._group: int | None = None

    @classmethod
    def attach(cls, *, work_dir: Path) -> Self:
        """The embedded cloud that another process left running in a folder.

        Raises
        ------
        EmbeddedCloudError
            None runs there.
        """
        cloud = cls(work_dir=work_dir)
        try:
            state = json.loads(cloud._state_path.read_text())
        except FileNotFoundError:
            raise EmbeddedCloudError(f"No embedded cloud runs in {work_dir}. Start one with: marquee up") from None
        cloud.port, cloud.sftp_port, cloud._group = state["port"], state["sftp_port"], state["pid"]
        if not group_runs(state["pid"]):
            raise EmbeddedCloudError(f"The embedded cloud in {work_dir} has ended. Start one with: marquee up")
        return cloud

    @property
    def endpoint(self) -> str:
        """The URL that every AWS client of this cloud must use."""
        return f"http://{self._host}:{self.port}"

    @property
    def work_dir(self) -> Path:
        """Where its state is."""
        return self._workspace.root

    @property
    def log_path(self) -> Path:
        """The server's log."""
        return self._workspace.root / "cloud.log"

    @property
    def _state_path(self) -> Path:
        return self._workspace.root / "cloud.json"

    def environment(self) -> dict[str, str]:
        """The variables that point boto3, the CDK and the AWS CLI to this cloud."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ENDPOINT_URL_S3": self.endpoint,
            "AWS_ACCESS_KEY_ID": "embedded",
            "AWS_SECRET_ACCESS_KEY": "embedded",  # checked by nobody
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
            "CDK_DEFAULT_ACCOUNT": ACCOUNT,
            "CDK_DEFAULT_REGION": REGION,
        }

    def child_environment(self) -> dict[str, str]:
        """The environment for a child process: this one's, with every other AWS setting taken out."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
        return {**kept, **self.environment()}

    def status(self) -> dict[str, Any]:
        """What the extension changed, and which deployed resources are declared only."""
        with urllib.request.urlopen(f"{self.endpoint}/_marquee/status", timeout=5) as answer:  # noqa: S310  # loopback
            content: dict[str, Any] = json.load(answer)
        return content

    def write_inventories(self) -> list[str]:
        """Let S3 write every configured inventory now, and return where their manifests lie."""
        written: list[str] = self._let_happen("inventory")
        return written

    def age(self, bucket: str, *, days: int, prefix: str = "") -> dict[str, int]:
        """Let the objects of a bucket below `prefix` be `days` old, with what its lifecycle does to them until then."""
        done: dict[str, int] = self._let_happen("age", bucket=bucket, days=str(days), prefix=prefix)
        return done

    def age_jobs(self, name: str, *, minutes: int) -> list[str]:
        """Let the Batch jobs of a name be older by some minutes, in their queue or at work; return their ids."""
        aged: list[str] = self._let_happen("age-jobs", name=name, minutes=str(minutes))
        return aged

    def reclaim(self, *, job: str | None = None, count: int = 1, notice_s: float | None = None) -> list[str]:
        """Take spot machines away: a job's, or those of the `count` jobs that have run longest; return the jobs' ids.

        `notice_s` is what they have from SIGTERM to SIGKILL, by default two seconds for AWS's two minutes.

        Raises
        ------
        NotOnSpotError
            If the job that was named does not run on spot capacity.
        """
        asked = {"job": job, "count": str(count), "notice": None if notice_s is None else str(notice_s)}
        try:
            done = self._let_happen("reclaim", **{name: value for name, value in asked.items() if value is not None})
        except urllib.error.HTTPError as error:
            with error:
                raise NotOnSpotError(json.load(error)["error"]) from error
        reclaimed: list[str] = done["reclaimed"]
        return reclaimed

    def drought(self, environment: str, *, over: bool = False) -> None:
        """Let the compute environment of an ARN find no machine, until it is `over`."""
        self._let_happen("drought", environment=environment, over=str(over).lower())

    def _let_happen(self, what: str, **parameters: str) -> Any:  # noqa: ANN401 - JSON
        url = f"{self.endpoint}/_marquee/{what}?{urllib.parse.urlencode(parameters)}"
        request = urllib.request.Request(url, method="POST")  # noqa: S310  # loopback
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310  # loopback
            return json.load(answer)

    def start(self, *, detached: bool = False) -> Self:
        """Start the server and wait until it answers.

        Parameters
        ----------
        detached
            Leave it running when this process ends (``marquee up``); otherwise it ends with this process.

        Raises
        ------
        PortInUseError
            Another process listens on the port.
        StartError
            The server ended at once, or was not ready in time; with the tail of its log.
        """
        if _listens(self._host, self.port):
            raise PortInUseError(self.port)
        self._workspace.create()
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "sandbox.server"],
                cwd=_PROJECT_ROOT,
                env=self._server_environment(detached=detached),
                stdin=subprocess.DEVNULL if detached else subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._group = self._process.pid
        state = {"pid": self._group, "port": self.port, "sftp_port": self.sftp_port, "endpoint": self.endpoint}
        self._workspace.write_json(self._state_path, state)
        try:
            self._wait_until_ready(self._process)
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Stop the server, its functions and its jobs.

        Raises
        ------
        LeftoverProcessError
            Something survived SIGKILL.
        """
        if self._group is None:
            return
        groups = [self._group, *self._job_groups()]
        # The server first: it stops its jobs and functions in order, and starts no others.
        signal_group(self._group, signal.SIGTERM)
        self._wait_until_gone([self._group])
        groups += self._job_groups()
        for group in groups:
            signal_group(group, signal.SIGKILL)
        left = self._wait_until_gone(groups)
        if left:
            raise LeftoverProcessError(left)
        for folder in (self._workspace.process_groups, self._workspace.temporary, self._workspace.state):
            shutil.rmtree(folder, ignore_errors=True)
        self._state_path.unlink(missing_ok=True)
        if self._process is not None:
            self._process.wait()
            if self._process.stdin is not None:
                self._process.stdin.close()
        self._process = self._group = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _server_environment(self, *, detached: bool) -> dict[str, str]:
        root, scratch = self._workspace.root, str(self._workspace.temporary)
        return {
            **self.child_environment(),
            WORK_DIR_VARIABLE: str(root),
            LIFELINE_VARIABLE: "0" if detached else "1",
            "GATEWAY_PORT": str(self.port),
            "BIND_HOST": self._host,
            "SFTP_HOST": self._host,
            "SFTP_PORT": str(self.sftp_port),
            "IOT_MTLS_ENABLED": "0",
            "MINISTACK_ACCOUNT_ID": ACCOUNT,
            "MINISTACK_REGION": REGION,
            "PERSIST_STATE": "0",
            "S3_PERSIST": "0",
            "S3_DATA_DIR": str(self._workspace.state / "s3"),
            "STATE_DIR": str(self._workspace.state),
            "TMPDIR": scratch,
            "PYTHONDONTWRITEBYTECODE": "1",
            # A crowd waits here for a few workers (`extension/functions.py`); waiting would count as running.
            "LAMBDA_ACCOUNT_CONCURRENCY": "0",
            # There is no X-Ray daemon to send traces to.
            "AWS_XRAY_SDK_ENABLED": "false",
            "POWERTOOLS_DEV": "false",
            # The container daemon of the machine is none of our business.
            "DOCKER_HOST": f"unix://{root}/no-docker.sock",
            **self._variables,
        }

    def _wait_until_ready(self, process: "subprocess.Popen[bytes]") -> None:
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            if process.poll() is not None:
                raise StartError(what=f"ended with code {process.returncode}", log_path=self.log_path)
            try:
                with urllib.request.urlopen(f"{self.endpoint}/_ministack/ready", timeout=2):  # noqa: S310  # loopback
                    return
            except (urllib.error.URLError, OSError):
                time.sleep(_POLL_SECONDS)
        raise StartError(what=f"was not ready after {_START_SECONDS:.0f} s", log_path=self.log_path)

    def _wait_until_gone(self, groups: list[int]) -> list[int]:
        """Wait for the groups to end and return those that did not."""
        deadline = time.monotonic() + _STOP_SECONDS
        while (left := [group for group in groups if group_runs(group)]) and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
        return left

    def _job_groups(self) -> list[int]:
        return [int(record.name) for record in self._workspace.process_groups.glob("*")]


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _free_port() -> int:
    """A free port below those that the system hands out by itself.

    The SFTP listener binds late, with the first Transfer server: meanwhile an outgoing connection of anybody must
    not take its port.
    """
    for port in random.sample(_PORTS, len(_PORTS)):
        with socket.socket() as probe:
            try:
                probe.bind((_LOOPBACK, port))
            except OSError:
                continue
            return port
    raise EmbeddedCloudError(f"Every port of {_PORTS} is in use. Stop something, or pass a port")


def _listens(host: str, port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((host, port)) == 0
