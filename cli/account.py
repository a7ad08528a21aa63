"""``marquee account``: what a viewer pays for, where the viewer is at home, and who watches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer
from rich.table import Table

from cli import common
from cli.common import EXPECTED, console, fail
from sandbox.operating import OperationError, caller, operate
from sandbox.viewer import UnknownViewerError, subject_of

app = typer.Typer(help="Viewers' accounts.", no_args_is_help=True)
Username = Annotated[str, typer.Argument(help="What the viewer signs in with.")]


@app.command()
def show(username: Username) -> None:
    """Show a viewer's account."""
    console.print(_told(username, _operate(username, {})))


@app.command(name="set")
def change(
    username: Username,
    *,
    plan: Annotated[str | None, typer.Option(help="One of the settings' plans: basic, standard, premium.")] = None,
    territory: Annotated[str | None, typer.Option(help="The viewer's home, as ISO 3166-1 has it: DE.")] = None,
    profile: Annotated[
        list[str] | None,
        typer.Option(help="ID, or ID:AGE for one who may see what is rated so at most; say it for each. '' for none."),
    ] = None,
) -> None:
    """Change a viewer's account; what is not named stays. It holds from the next session on."""
    wanted: dict[str, object] = {}
    if plan is not None:
        wanted["plan"] = plan
    if territory is not None:
        wanted["territory"] = territory
    if profile is not None:
        wanted["profiles"] = [_profile(text) for text in profile if text]
    console.print(_told(username, _operate(username, wanted)))


def _operate(username: str, wanted: Mapping[str, object]) -> dict[str, Any]:
    try:
        platform = common.platform()
        asked = {"viewer_id": subject_of(platform, username), "change": wanted, "by": caller(platform)}
        return operate(platform, asked, context="playback", output="AccountFunction")
    except (*EXPECTED, OperationError, UnknownViewerError) as error:
        fail(error)


def _profile(text: str) -> dict[str, object]:
    profile_id, _, age = text.partition(":")
    if age and not age.isdecimal():
        raise typer.BadParameter(f"{text!r}: an age is a whole number of years, for example kids:7")
    return {"profile_id": profile_id, "name": profile_id.capitalize(), "max_age": int(age) if age else None}


def _told(username: str, account: Mapping[str, Any]) -> Table:
    table = Table("", username, show_header=True)
    recorded = "" if account["recorded"] else " (the default: there is no record)"
    table.add_row("plan", f"{account['plan']}{recorded}")
    table.add_row("home", account["territory"])
    for profile in account["profiles"]:
        limit = profile["max_age"]
        table.add_row("profile", f"{profile['profile_id']}" + ("" if limit is None else f", up to {limit} years"))
    return table
