"""A cloud assembly on disk: its stacks, as synthesis has written them. Reading one needs no CDK."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Template = dict[str, Any]
_PATH = "aws:cdk:path"


class AssemblyUnreadableError(Exception):
    """A folder holds no cloud assembly; the message names it and the remedy."""


@dataclass(frozen=True, kw_only=True)
class AssemblyStack:
    """One stack of an assembly."""

    name: str
    """By which CloudFormation knows it."""
    region: str
    template: Template

    def path_of(self, logical_id: str) -> str:
        """Return the construct path of a resource; of one that CDK wrote without, its logical id."""
        metadata = self.template["Resources"][logical_id].get("Metadata", {})
        return str(metadata.get(_PATH, f"{self.name}/{logical_id}")).removesuffix("/Resource").removesuffix("/Default")


def stacks_of(folder: Path) -> tuple[AssemblyStack, ...]:
    """Return the stacks of an assembly, those of assemblies within it too.

    Raises
    ------
    AssemblyUnreadableError
        If the folder has no manifest.
    """
    manifest = folder / "manifest.json"
    if not manifest.is_file():
        message = f"{folder} holds no cloud assembly: name a folder that `marquee synth` or `cdk synth` has written"
        raise AssemblyUnreadableError(message)
    stacks: list[AssemblyStack] = []
    for name, artefact in sorted(json.loads(manifest.read_text())["artifacts"].items()):
        properties = artefact.get("properties", {})
        if artefact["type"] == "cdk:cloud-assembly":
            stacks += stacks_of(folder / properties["directoryName"])
        if artefact["type"] == "aws:cloudformation:stack":
            stacks.append(
                AssemblyStack(
                    name=properties.get("stackName", name),
                    region=artefact["environment"].rpartition("/")[2],
                    template=json.loads((folder / properties["templateFile"]).read_text()),
                )
            )
    return tuple(stacks)
