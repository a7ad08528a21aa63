"""``marquee diff``: what a change of the stacks means for what is deployed."""

from __future__ import annotations

import sys
from itertools import groupby
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cli.common import fail
from sandbox.toolchain import PROJECT_ROOT
from stacks.assembly import AssemblyUnreadableError, read

GRAVE = 3
_WIDTH = 160


def diff(
    base: Annotated[Path, typer.Argument(help="The cloud assembly of before: a folder of `marquee synth`.")],
    head: Annotated[
        Path | None, typer.Argument(help="That of after, of the same profile.", show_default="cdk.out/PROFILE")
    ] = None,
) -> None:
    """Say what changes between two cloud assemblies, the gravest first.

    The status is 3 if what holds data is replaced or removed, if anybody may do more, if more is reached from
    outside, or if anything is protected less: somebody has to agree to that.
    """
    # cfn-lint's schemas take a second to import.
    from stacks.assembly_diff import diff as changes_of  # noqa: PLC0415

    try:
        before = read(base)
        head = head or PROJECT_ROOT / "cdk.out" / before.profile
        after = read(head)
    except AssemblyUnreadableError as error:
        fail(error)
    if before.profile != after.profile:
        fail(f"{base} is of the profile {before.profile}, {head} of {after.profile}: name two of the same profile")
    changes = changes_of(before, after)
    report = Console(width=None if sys.stdout.isatty() else _WIDTH)
    for kind, group in groupby(changes, key=lambda change: change.kind):
        table = Table("", "construct", "what", title=kind.value, title_justify="left", title_style="bold")
        for change in group:
            table.add_row("!" if change.grave else "", escape(change.construct), escape(change.what))
        report.print(table)
    grave = sum(change.grave for change in changes)
    report.print(f"{len(changes)} changes; to {grave}, marked !, somebody has to agree." if changes else "No change.")
    if grave:
        raise typer.Exit(GRAVE)
