"""``marquee versions``, ``rollback`` and ``repackage``: what a title was and is, and what operators make of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

import typer
from rich.table import Table

from cli import common
from cli.common import EXPECTED, console, fail
from sandbox.operating import OperationError, caller, operate

TITLE = typer.Argument(help="The title's id.")


def versions(title: Annotated[str, TITLE]) -> None:
    """Show a title's versions, and every change of the current one."""
    try:
        seen = operate(common.platform(), {"title_id": title}, context="catalog", output="VersionsFunction")
    except (*EXPECTED, OperationError) as error:
        fail(error)
    console.print(_versions(seen))
    console.print(_trail(seen) if seen["audit"] else "Nothing was published yet.")


def rollback(
    title: Annotated[str, TITLE],
    *,
    to: Annotated[str, typer.Option(help="The version that shall be current; `marquee versions` lists them.")],
    reason: Annotated[str, typer.Option(help="Why, in at most 500 characters; it goes to the audit trail.")] = "",
) -> None:
    """Make another version of a title current: at once for new viewers; whoever watches keeps theirs."""
    try:
        platform = common.platform()
        asked = {"title_id": title, "to": to, "by": caller(platform), "reason": reason}
        answer = operate(platform, asked, context="catalog", output="RollbackFunction")
    except (*EXPECTED, OperationError) as error:
        fail(error)
    if answer["changed"]:
        done = f"{title} is {to} again, and was {answer['replaced']} (revision {answer['revision']})."
    else:
        done = f"{title} is {to} already (revision {answer['revision']}); it was announced once more."
    console.print(done, highlight=False, soft_wrap=True)


def repackage(
    title: Annotated[str, TITLE],
    *,
    new_keys: Annotated[
        bool, typer.Option("--new-keys", help="Open a new key period; otherwise the version's keys stay.")
    ] = False,
) -> None:
    """Package a title's current version anew, from its own tracks: nothing is encoded. It is published when it is done.

    Whoever watches keeps the version they began with, and its keys. `marquee rollback` undoes it.
    """
    try:
        platform = common.platform()
        asked = {"title_id": title, "new_keys": new_keys, "by": caller(platform)}
        answer = operate(platform, asked, context="catalog", output="RepackageFunction")
    except (*EXPECTED, OperationError) as error:
        fail(error)
    version = answer["version_id"]
    if answer["new"]:
        done = f"{title} {answer['replaces']} is being packaged anew, as {version}: `marquee versions {title}` tells."
    else:
        done = f"{title} {answer['replaces']} was packaged anew before, as {version}, which is {answer['state']}."
    console.print(done, highlight=False, soft_wrap=True)


def _versions(seen: Mapping[str, Any]) -> Table:
    table = Table(title=f"{seen['title_id']}, revision {seen['revision']}", title_justify="left")
    for column in ("", "version", "state", "delivered", "published", "rungs", "VMAF", "verified", "delivery"):
        # An id that is cut short cannot be given to `rollback`.
        whole = column in {"", "version"}
        table.add_column(column, justify="right" if column == "VMAF" else "left", no_wrap=whole)
    for version in seen["versions"]:
        current = version["version_id"] == seen["current_version"]
        table.add_row(
            "▶" if current else "",
            version["version_id"],
            version["state"],
            _time(version["delivered_at"]),
            _time(version["published_at"]),
            " ".join(rendition["rung"] for rendition in version["renditions"])
            + (", degraded" if version["degraded"] else ""),
            "" if version["vmaf_top"] is None else f"{version['vmaf_top']:.1f}",
            "yes" if version["verified"] else "no",
            f"{version['studio']}/{version['delivery_id']}"
            + (f", campaign {version['campaign']}" if version["campaign"] else ""),
            style="bold" if current else None,
        )
    return table


def _trail(seen: Mapping[str, Any]) -> Table:
    table = Table(title="Changes", title_justify="left")
    for column in ("revision", "when", "action", "version", "instead of", "by", "reason"):
        whole = column in {"version", "instead of"}
        table.add_column(column, justify="right" if column == "revision" else "left", no_wrap=whole)
    for record in seen["audit"]:
        table.add_row(
            str(record["revision"]),
            _time(record["at"]),
            record["action"],
            record["version_id"],
            record["previous_version"] or "",
            record["by"],
            record["reason"],
        )
    return table


def _time(value: str | None) -> str:
    return f"{datetime.fromisoformat(value):%Y-%m-%d %H:%M:%S}" if value else ""
