"""A synthesised cloud assembly: making it, and counting what is in it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox.toolchain import run_cdk, tool_environment
from stacks.assembly import findings_of


@dataclass(frozen=True, kw_only=True)
class Assembly:
    """What synthesis wrote for one profile."""

    folder: Path
    profile: str

    @property
    def templates(self) -> list[dict[str, Any]]:
        """The stacks' templates."""
        return [
            json.loads(path.read_text())
            for path in sorted((self.folder / f"assembly-{self.profile}").glob("*.template.json"))
        ]

    @property
    def stacks(self) -> int:
        """How many stacks there are."""
        return len(self.templates)

    @property
    def resources(self) -> int:
        """How many resources they declare."""
        return sum(len(template["Resources"]) for template in self.templates)

    @property
    def findings(self) -> int:
        """How many findings of the policy packs nobody has acknowledged."""
        return sum(finding.stops for finding in findings_of(self.folder))


def synthesise(*, profile: str, folder: Path, context: Mapping[str, str], log: Path) -> Assembly:
    """Synthesise one profile into `folder`, with the policy gate on; it needs no account and no network.

    Raises
    ------
    ToolchainError
        If synthesis fails, be it by a policy finding.
    """
    arguments = [argument for key, value in context.items() for argument in ("-c", f"{key}={value}")]
    run_cdk(
        "synth",
        "--quiet",
        "--output",
        str(folder),
        "-c",
        f"profiles={profile}",
        *arguments,
        environment=environment_without_account(home=log.parent / "cdk-home"),
        log=log,
    )
    return Assembly(folder=folder, profile=profile)


def environment_without_account(*, home: Path) -> dict[str, str]:
    """Return this process's environment without anything of AWS's, and with the tools first on the PATH."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
    return {**kept, **tool_environment(home=home)}
