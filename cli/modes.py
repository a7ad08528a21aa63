"""``marquee farm`` and ``marquee campaign``: how much trouble the farm takes, and encoding anew what is published."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from botocore.exceptions import BotoCoreError, ClientError
from rich.table import Table

from cli import common
from cli.common import EXPECTED, console, fail
from cli.watching import executions_of, newest_of
from sandbox.deployed import Deployed
from sandbox.operating import OperationError, caller, operate

farm = typer.Typer(help="Run the encoding farm.", no_args_is_help=True)
mode = typer.Typer(help="How much trouble is taken over each title.", no_args_is_help=True)
farm.add_typer(mode, name="mode")
campaign = typer.Typer(help="Encode published titles anew.", no_args_is_help=True)
_EXPECTED = (*EXPECTED, OperationError, ClientError, BotoCoreError)
Name = Annotated[str, typer.Argument(help="The campaign's name: lower case letters, digits, hyphens.")]


@mode.command()
def show() -> None:
    """Show the farm's mode, and who changed it when and why."""
    _tell({"do": "show"})


@mode.command()
def degrade(
    *,
    hours: Annotated[float, typer.Option(help="For how long at most, up to 72.")],
    reason: Annotated[str, typer.Option(help="Why, in at most 500 characters; it goes to the record.")],
) -> None:
    """Take less trouble over each title that is planned from now on: fewer rungs, a faster preset."""
    _tell({"do": "degrade", "hours": hours, "reason": reason}, signed=True)


@mode.command()
def normal(*, reason: Annotated[str, typer.Option(help="Why; it goes to the record.")] = "") -> None:
    """Return to normal, for each title that is planned from now on."""
    _tell({"do": "normal", "reason": reason}, signed=True)


@campaign.command()
def start(
    name: Name,
    titles: Annotated[list[str] | None, typer.Argument(help="The titles' ids.")] = None,
    *,
    degraded: Annotated[
        bool, typer.Option("--degraded", help="Every title whose current version was made in degraded mode.")
    ] = False,
    now: Annotated[bool, typer.Option("--now", help="Do not wait for off-peak hours.")] = False,
) -> None:
    """Encode published titles anew, from the sources they have; said again, it begins nothing twice."""
    try:
        platform = common.platform()
        asked = {
            "campaign": name,
            "titles": titles or [],
            "degraded": degraded,
            "now": now,
            "by": caller(platform),
        }
        answer = operate(platform, asked, context="catalog", output="StartCampaignFunction")
    except _EXPECTED as error:
        fail(error)
    if not answer["titles"]:
        console.print("No published title was made in degraded mode.")
        return
    table = Table("title", "outcome", "version", "", title=name, title_justify="left")
    for told in answer["titles"]:
        table.add_row(told["title_id"], told["outcome"], told["version_id"] or "", told["message"])
    console.print(table)


@campaign.command("show")
def show_campaign(name: Name) -> None:
    """Show what became of each version that a campaign asked for."""
    try:
        platform = common.platform()
        answer = operate(platform, {"campaign": name}, context="catalog", output="ShowCampaignFunction")
        encoding = any(version["state"] == "encoding" for version in answer["versions"])
        executions = executions_of(platform) if encoding else []
        states = [_state(platform, version, executions=executions) for version in answer["versions"]]
    except _EXPECTED as error:
        fail(error)
    table = Table(title=name, title_justify="left")
    for column in ("title", "state", "version", "instead of", "asked for", "by"):
        table.add_column(column, no_wrap=column in {"version", "instead of"})
    for version, state in zip(answer["versions"], states, strict=True):
        table.add_row(
            version["title_id"],
            state,
            version["version_id"],
            version["replaces"],
            _time(version["at"]),
            version["by"],
            style="red" if state == "failed" else None,
        )
    console.print(table)
    console.print(", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(states)), highlight=False)


def _state(platform: Deployed, version: Mapping[str, Any], *, executions: Sequence[Mapping[str, Any]]) -> str:
    """Return how far a campaign's version has come: the catalog knows the end, and the workflow what is before it."""
    if version["state"] == "packaged":
        return "set aside: the title changed meanwhile"
    if version["state"] != "encoding":
        return "done" if version["state"] == "published" else f"done, {version['state']} since"
    newest = newest_of(executions, version=version["version_id"])
    if newest is None:
        return "asked"
    found = platform.client("stepfunctions").describe_execution(executionArn=newest["executionArn"])
    if found["status"] not in {"RUNNING", "SUCCEEDED"}:
        return "failed"
    begins = json.loads(found["input"]).get("start_at")
    waits = begins is not None and datetime.now(UTC) < datetime.fromisoformat(begins)
    return f"waits until {_time(begins)}" if waits else "running"


def _tell(asked: Mapping[str, object], *, signed: bool = False) -> None:
    """Ask the platform's function for `asked`, and tell the mode that it is then."""
    try:
        platform = common.platform()
        by = {"by": caller(platform)} if signed else {}
        answer = operate(platform, {**asked, **by}, context="encoding", output="FarmModeFunction")
    except _EXPECTED as error:
        fail(error)
    until = answer["set"]["until"]
    console.print(f"Mode: {answer['mode']}" + (f" until {_time(until)}" if answer["mode"] == "degraded" else ""))
    if not answer["history"]:
        console.print("Nobody has changed it.")
        return
    table = Table(title="Changes", title_justify="left")
    for column in ("revision", "when", "mode", "until", "by", "reason"):
        table.add_column(column, justify="right" if column == "revision" else "left")
    for change in answer["history"]:
        table.add_row(
            str(change["revision"]),
            _time(change["at"]),
            "degraded" if change["degraded"] else "normal",
            _time(change["until"]),
            change["by"],
            change["reason"],
        )
    console.print(table)


def _time(value: str | None) -> str:
    return f"{datetime.fromisoformat(value):%Y-%m-%d %H:%M:%S}" if value else ""
