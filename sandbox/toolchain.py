"""The programs that the demo runs: the pinned CDK CLI, and the node of this virtual environment."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

PROJECT_ROOT: Final = Path(__file__).resolve().parents[1]
CDK: Final = PROJECT_ROOT / "node_modules" / ".bin" / "cdk"


class ToolchainError(RuntimeError):
    """A program that the demo needs is missing or failed."""


def tool_environment(*, home: Path) -> dict[str, str]:
    """Return what the CDK CLI needs in its environment: this environment's programs first, and no talk to outside.

    Parameters
    ----------
    home
        Where the CLI keeps its caches: another embedded cloud's account must not be remembered.
    """
    return {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "CDK_HOME": str(home),
        "CDK_DISABLE_CLI_TELEMETRY": "true",
        "CDK_DISABLE_VERSION_CHECK": "true",
        "JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION": "1",
    }


def run_cdk(*arguments: str, environment: Mapping[str, str], log: Path) -> None:
    """Run the CDK CLI in the project, with all that it prints in `log`.

    Raises
    ------
    ToolchainError
        If the CLI is not installed, or fails; with the end of what it printed.
    """
    if not CDK.exists():
        raise ToolchainError("the CDK CLI is not installed: run `npm ci` in the repository, or `make setup`")
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        finished = subprocess.run(
            [CDK, "--no-notices", "--no-color", *arguments],
            cwd=PROJECT_ROOT,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if finished.returncode:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-25:])
        raise ToolchainError(f"`cdk {arguments[0]}` failed; its log is {log}:\n{tail}")
