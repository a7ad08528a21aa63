"""Synthesis of each profile, beside an empty app with as many stacks."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bench.row import Row
from sandbox.assembly import environment_without_account, synthesise
from sandbox.toolchain import run_cdk
from stacks.settings import PROFILES

_EMPTY_APP = """
import os
from aws_cdk import App, Stack
app = App()
for number in range(int(os.environ["STACKS"])):
    Stack(app, f"empty-{number}")
app.synth()
"""


def rows() -> Iterator[Row]:
    """Measure each profile."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for profile in PROFILES:
            started = time.monotonic()
            assembly = synthesise(
                profile=profile, folder=folder / profile, context={}, log=folder / "logs" / f"{profile}.log"
            )
            ours = time.monotonic() - started
            each_ms = 1000 * ours / assembly.resources
            yield Row(
                what=f"{profile}: {assembly.stacks} stacks, {assembly.resources} resources, {each_ms:.0f} ms each",
                ours_s=ours,
                peer=f"an empty app with {assembly.stacks} stacks",
                peer_s=_empty(folder, stacks=assembly.stacks),
            )


def _empty(folder: Path, *, stacks: int) -> float:
    app = folder / "empty.py"
    app.write_text(_EMPTY_APP)
    environment = {**environment_without_account(home=folder / "cdk-home"), "STACKS": str(stacks)}
    started = time.monotonic()
    run_cdk(
        *("synth", "--quiet", "--app", f"python {app}", "--output", str(folder / "empty")),
        environment=environment,
        log=folder / "logs" / "empty.log",
    )
    return time.monotonic() - started
