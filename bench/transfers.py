"""A film to S3 through our API, and from S3 to a job's tools, beside the AWS CLI's ``s3 cp`` of the same file."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
import urllib.request
import venv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from rich.console import Console

from bench.row import Row
from encoder.storage import ObjectStore
from encoder.window import Window
from lambdas.common.media import ObjectRef
from sandbox.demo import WORK_DIR, Demo
from sandbox.studio_user import credentials_path, new_studio_user
from sandbox.toolchain import PROJECT_ROOT

_MIB = 1024**2
_SIZE = 1024 * _MIB
_STUDIO = "blender"
_AWS_CLI = "awscli==1.46.3"
"""It pins another botocore than ours, and so has a virtual environment of its own."""


def rows() -> Iterator[Row]:
    """Send random bytes both ways; both figures include starting the command, ours the sign-in as well."""
    aws = _aws_cli(WORK_DIR / "aws-cli")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file = _random_file(folder / "film.mov")
        with Demo(console=Console(quiet=True), work_dir=folder).up() as up:
            new_studio_user(up.platform, studio=_STUDIO, site=up.edge.url, folder=folder)
            ours = (sys.executable, "-m", "cli", "upload", str(file), "--studio", _STUDIO, "--delivery", "ours")
            credentials = ("--credentials", str(credentials_path(_STUDIO, folder=folder)))
            bucket = up.platform.output("ingestion", "RawBucket")
            theirs = (str(aws), "s3", "cp", "--only-show-errors", str(file), f"s3://{bucket}/{_STUDIO}/theirs/film.mov")
            yield Row(
                what=f"upload {_SIZE // _MIB} MiB to the embedded cloud, through the API",
                ours_s=_timed((*ours, *credentials), environment=os.environ),
                peer="aws s3 cp, with the account's own credentials",
                peer_s=_timed(theirs, environment=up.cloud.child_environment()),
            )
            sent = ObjectRef(bucket=bucket, key=f"{_STUDIO}/ours/film.mov")
            back = (str(aws), "s3", "cp", "--only-show-errors", sent.uri, str(folder / "copy"))
            yield Row(
                what=f"read {_SIZE // _MIB} MiB from the embedded cloud, through a job's window",
                ours_s=_read(ObjectStore(up.platform.client("s3")), sent),
                peer="aws s3 cp to the disk",
                peer_s=_timed(back, environment=up.cloud.child_environment()),
            )


def _read(store: ObjectStore, ref: ObjectRef) -> float:
    started = time.monotonic()
    with Window(store, ref) as window, urllib.request.urlopen(window.url) as film:  # noqa: S310
        read = sum(map(len, iter(lambda: film.read(_MIB), b"")))
    if read != _SIZE:
        raise AssertionError(f"{read} bytes of {_SIZE} were read")
    return time.monotonic() - started


def _timed(command: Sequence[str], *, environment: Mapping[str, str]) -> float:
    started = time.monotonic()
    subprocess.run(command, cwd=PROJECT_ROOT, env=environment, check=True, capture_output=True)
    return time.monotonic() - started


def _random_file(path: Path) -> Path:
    with path.open("wb") as file:
        for _ in range(_SIZE // _MIB):
            file.write(os.urandom(_MIB))
    return path


def _aws_cli(folder: Path) -> Path:
    """Return the AWS CLI, installed where it is not yet."""
    command = folder / "bin" / "aws"
    if not command.exists():
        venv.create(folder, with_pip=True, clear=True)
        subprocess.run([folder / "bin" / "pip", "install", "--quiet", _AWS_CLI], check=True)
    return command
