"""``marquee queue``: what waits in the farm, for how long, and what is stuck."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from rich.markup import escape
from rich.table import Table

from cli import common
from cli.common import EXPECTED, console, fail
from sandbox.operating import OperationError, operate

_MINUTE_S, _HOUR_S = 60, 3600


def queue() -> None:
    """Show the farm's queues: how much waits, for how long, when it is done, and what is stuck."""
    try:
        told = operate(common.platform(), {}, context="encoding", output="FarmFunction")
    except (*EXPECTED, OperationError, ClientError, BotoCoreError) as error:
        fail(error)
    console.print(_queues(told["queues"]))
    stuck = [job for each in told["queues"] for job in each["stuck"]]
    if stuck:
        console.print(_stuck(stuck))
    if told["unread"]:
        console.print(
            f"The claims of {', '.join(told['unread'])} could not be read: whether their jobs are silent is not known.",
            soft_wrap=True,
        )
    if told["not_judged"]:
        console.print(
            f"The claims of {told['not_judged']} more versions were not looked up: there are too many at once. Whether "
            "their jobs are silent is not known.",
            soft_wrap=True,
        )


def _queues(queues: Sequence[Mapping[str, Any]]) -> Table:
    table = Table(title="The farm", title_justify="left")
    for column in ("queue", "waiting", "running", "oldest wait", "a job takes", "jobs an hour", "drained in", "stuck"):
        table.add_column(column, justify="left" if column == "queue" else "right")
    for each in queues:
        # Of a list that was cut, there are as many and more.
        more = "" if each["complete"] else "+"
        table.add_row(
            each["queue"],
            f"{each['waiting']}{more}",
            f"{each['running']}{more}",
            _span(each["oldest_wait_s"]) if each["waiting"] else "",
            _span(each["job_s"]),
            f"{each['per_hour']:.0f}" if each["per_hour"] else "",
            _span(each["drain_s"]),
            str(len(each["stuck"])),
            style="red" if each["stuck"] else None,
        )
    return table


def _stuck(jobs: Sequence[Mapping[str, Any]]) -> Table:
    table = Table(title="Stuck", title_justify="left")
    for column in ("job", "queue", "kind", "for", "why"):
        table.add_column(column, no_wrap=column == "job")
    for job in jobs:
        table.add_row(job["name"], job["queue"], job["kind"], _span(job["seconds"]), escape(job["why"]))
    return table


def _span(seconds: float | None) -> str:
    """Return a length of time; a question mark where nobody knows it."""
    if seconds is None:
        return "?"
    if seconds < 2 * _MINUTE_S:
        return f"{seconds:.0f} s"
    if seconds < 2 * _HOUR_S:
        return f"{seconds / _MINUTE_S:.0f} min"
    return f"{seconds / _HOUR_S:.1f} h"
