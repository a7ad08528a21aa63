"""``marquee audit``: the source document's figures, computed again."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table

from cli.common import console
from models import audit as model


def audit(
    *,
    question: Annotated[
        int | None, typer.Option(min=1, max=100, help="Only the statements that this question makes or uses.")
    ] = None,
) -> None:
    """Say which figures of the source document follow from its others, and which do not, with the working."""
    statements = [found for found in model.audit() if question in {None, *found.questions}]
    disagreeing = sum(not statement.agrees for statement in statements)
    table = Table("question", "statement", "stated", "computed", "holds", "working", show_lines=True)
    table.title = f"{disagreeing} of {len(statements)} statements do not hold"
    for statement in statements:
        table.add_row(
            " ".join(f"Q{number}" for number in statement.questions),
            statement.claim,
            f"{statement.stated} {statement.unit}",
            f"{statement.computed} {statement.unit}",
            "yes" if statement.agrees else "no",
            statement.working,
        )
    console.print(table)
