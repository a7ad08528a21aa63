"""``marquee restore`` and ``marquee drill``: sources out of the archive, and the proof that a lost title comes back."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table

from cli.common import EXPECTED, console, fail, platform
from lambdas.storage.models import RestoreReport, Tier
from sandbox.drill import Drilled, DrillError, RestoreDrill
from sandbox.restoring import RestoreError, follow, start
from sandbox.steps import Steps

drills = typer.Typer(help="Hold a drill on the deployed platform.", no_args_is_help=True)
_EXPECTED = (*EXPECTED, DrillError, RestoreError)


def restore(
    title: Annotated[str, typer.Argument(help="The title's id.")],
    *,
    version: Annotated[str | None, typer.Option(help="Which version; the newest accepted one by default.")] = None,
    tier: Annotated[
        Tier, typer.Option(help="Expedited: minutes, not of Deep Archive. Standard: 3 to 12 h. Bulk: 5 to 48 h.")
    ] = Tier.STANDARD,
    days: Annotated[int, typer.Option(min=1, max=90, help="How long the copies stay readable.")] = 7,
    wait: Annotated[bool, typer.Option(help="Follow the restoring until its end.")] = True,
) -> None:
    """Restore a title's source from the archive, read every byte of it, and report."""
    steps = Steps(console)
    try:
        deployed = platform()
        execution = start(deployed, title_id=title, version_id=version, tier=tier, days=days)
        if not wait:
            console.print(f"Started {execution}", soft_wrap=True)
            return
        with steps.step(f"Restore {title}", remedy="read the execution's history: it goes on by itself") as step:
            report = follow(deployed, execution, tell=step.tell)
    except _EXPECTED as error:
        fail(error)
    console.print(_restored(report))


@drills.command("restore")
def drill_restore(
    title: Annotated[str, typer.Argument(help="The title's id; its objects are damaged, and brought back.")],
    *,
    seed: Annotated[int, typer.Option(help="Which object suffers what.")] = 0,
    damage_a_real_account: Annotated[
        bool, typer.Option("--damage-a-real-account", help="Work on AWS itself, where objects are destroyed.")
    ] = False,
) -> None:
    """Damage a published title in the primary region, bring it back, verify it, and say how long that took."""
    steps = Steps(console)
    try:
        drill = RestoreDrill(platform(), on_a_real_account=damage_a_real_account, seed=seed)
        with steps.step(f"Lose and recover {title}", remedy="the replica region still holds every object") as step:
            drilled = drill.run(title, tell=step.tell)
    except _EXPECTED as error:
        fail(error)
    console.print(_drilled(drilled))


def _restored(report: RestoreReport) -> Table:
    table = Table("object", "bytes", "from", "readable until", "proof", title=f"{report.title_id} {report.version_id}")
    for found in report.objects:
        until = f"{found.until:%Y-%m-%d}" if found.until else ""
        table.add_row(found.ref.key, f"{found.size_bytes:,}", found.storage_class, until, found.proof)
    return table


def _drilled(drilled: Drilled) -> Table:
    table = Table("what", "objects", title=f"{drilled.title_id} {drilled.version_id}")
    for what, count in (*sorted(drilled.damages.items()), *sorted(drilled.remedies.items())):
        table.add_row(what, str(count))
    table.add_row("verified", str(drilled.objects))
    table.caption = f"recovered {drilled.size_bytes / 1e6:.1f} MB in {drilled.seconds:.1f} s"
    return table
