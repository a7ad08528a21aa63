"""What every command of ``marquee`` shares: the terminal, where the embedded cloud is, and how a command fails."""

from __future__ import annotations

from typing import NoReturn

import typer
from rich.console import Console

from sandbox.cloud import EmbeddedCloud, EmbeddedCloudError
from sandbox.demo import WORK_DIR, deployed_in
from sandbox.deployed import Deployed, NotDeployedError
from sandbox.edge_deployment import EdgeError
from sandbox.pipeline import PipelineError
from sandbox.steps import StepError
from sandbox.studio import UploadError

console = Console(stderr=True)
CLOUD_DIR = WORK_DIR / "cloud"
EDGE_DIR = WORK_DIR / "edge"
STUDIOS_DIR = WORK_DIR / "studios"
EXPECTED = (StepError, EmbeddedCloudError, EdgeError, NotDeployedError, PipelineError, UploadError)
"""What a command expects to go wrong: told in one line, without a traceback."""


def fail(error: Exception | str) -> NoReturn:
    """Tell what went wrong, and end the command with code 1."""
    console.print(f"[red]{type(error).__name__ if isinstance(error, Exception) else 'Error'}[/]", end=": ")
    console.print(str(error), markup=False, highlight=False)
    raise typer.Exit(1)


def embedded_cloud() -> EmbeddedCloud:
    """Return the embedded cloud that ``marquee up`` started.

    Raises
    ------
    EmbeddedCloudError
        If none runs.
    """
    return EmbeddedCloud.attach(work_dir=CLOUD_DIR)


def platform() -> Deployed:
    """Return the platform that ``marquee up`` deployed.

    Raises
    ------
    EmbeddedCloudError
        If no embedded cloud runs.
    """
    return deployed_in(embedded_cloud())
