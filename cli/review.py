"""``marquee review``: see which deliveries wait for a person, and answer for them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.table import Table

from cli import common
from cli.common import EXPECTED, console, fail
from sandbox.operating import OperationError, caller, operate

app = typer.Typer(help="Deliveries that wait for a person.", no_args_is_help=True)
_PLACES = 5
Version = Annotated[str, typer.Argument(help="The delivery's version, as `marquee review list` shows it.")]


@app.command(name="list")
def list_reviews() -> None:
    """List the deliveries that wait, the most urgent first: what was measured, where, and what is allowed."""
    try:
        answer = operate(common.platform(), {}, context="ingestion", output="ListReviewsFunction")
    except (*EXPECTED, OperationError) as error:
        fail(error)
    if not answer["reviews"]:
        console.print("Nothing waits for a person.")
        return
    for review in answer["reviews"]:
        console.print(_table(review))
    if answer["more"]:
        console.print(f"{answer['more']} more wait.")


@app.command()
def approve(version: Version, *, note: Annotated[str, typer.Option(help="Why; it goes to the record.")] = "") -> None:
    """Let a delivery go on."""
    _decide(version, approved=True, note=note)


@app.command()
def reject(
    version: Version,
    *,
    note: Annotated[str, typer.Option(help="What is wrong, in at most 300 characters: the studio reads it.")],
) -> None:
    """Send a delivery back to its studio."""
    _decide(version, approved=False, note=note)


def _decide(version: str, *, approved: bool, note: str) -> None:
    try:
        platform = common.platform()
        said = {"version_id": version, "approved": approved, "by": caller(platform), "note": note}
        answer = operate(platform, said, context="ingestion", output="DecideReviewFunction")
    except (*EXPECTED, OperationError) as error:
        fail(error)
    word = "Approved" if answer["approved"] else "Rejected"
    console.print(f"{word}: {answer['title_id']} {answer['version_id']}")


def _table(review: dict[str, Any]) -> Table:
    left = datetime.fromisoformat(review["until"]) - datetime.now(UTC)
    hours = left.total_seconds() / 3600
    urgency = f"{hours:.0f} h left" if hours > 0 else "overdue"
    table = Table(
        title=f"{review['version_id']}  {review['title_id']}  {review['studio']}/{review['delivery_id']}  {urgency}"
        f"{', escalated' if review['escalated'] else ''}",
        title_justify="left",
    )
    for column in ("check", "measured", "allowed", "at", "message"):
        table.add_column(column, justify="right" if column == "measured" else "left")
    for check in review["checks"]:
        places = [span["timecode"] for span in check["at"]]
        more = f" and {len(places) - _PLACES} more" if len(places) > _PLACES else ""
        table.add_row(
            check["check"],
            "" if check["measured"] is None else f"{check['measured']:g} {check['unit']}",
            check["threshold"],
            f"{', '.join(places[:_PLACES])}{more}",
            check["message"],
        )
    return table
