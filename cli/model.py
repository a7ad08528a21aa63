"""``marquee model``: the figures that the documents quote, computed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from cli.common import console
from models.account_sharing import ACCOUNTS, DAYS, SEED, SHOWN, false_positive_rate, simulate
from models.account_sharing import picture as account_sharing_picture

app = typer.Typer(help="Compute the figures that the documents quote.", no_args_is_help=True)
Picture = Annotated[Path | None, typer.Option(help="Draw it into this SVG file as well.", dir_okay=False)]
"""What every model has: ``--picture FILE``."""


@app.callback()
def _models() -> None:
    """One command a model."""


@app.command("account-sharing")
def account_sharing(
    accounts: Annotated[int, typer.Option(min=1, help="How many accounts of each kind of people.")] = ACCOUNTS,
    seed: Annotated[int, typer.Option(help="What the people's behaviour is drawn from.")] = SEED,
    picture: Picture = None,
) -> None:
    """Say whom the account security finds, rightly and wrongly, in a simulated population."""
    rows = simulate(accounts=accounts, seed=seed)
    table = Table("people", "what they do", "shared", *(stage.value for stage in SHOWN))
    table.title = f"{accounts} accounts of each kind, {DAYS} days: share that got as far, or farther"
    for row in rows:
        shares = (f"{row.share(stage):.1%}" for stage in SHOWN)
        table.add_row(row.kind.name, row.kind.what, "yes" if row.kind.shares else "no", *shares)
    found = (f"{false_positive_rate(rows, stage):.1%}" for stage in SHOWN)
    table.add_section()
    table.add_row("false positives", "of all that do not share", "", *found)
    console.print(table)
    draw(picture, lambda: account_sharing_picture(rows))


def draw(path: Path | None, picture: Callable[[], str]) -> None:
    """Draw a picture, if a file is named for it."""
    if path is not None:
        path.write_text(picture(), encoding="utf-8")
        console.print(f"Drawn: {path}", highlight=False)
