"""``marquee watch``: an encode as it goes on, until it is packaged or has failed."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, NamedTuple

import typer
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from cli import common
from cli.common import EXPECTED, console, fail
from cli.farm import TITLE, UnknownVersionError, _version
from sandbox.deployed import Deployed
from sandbox.operating import OperationError, operate

_EVERY_S = 2.0
_BAR = 30
"""Characters."""
_MANY = 1000
"""Jobs of a queue: as many as are counted."""
_RUNNING, _SUCCEEDED = "RUNNING", "SUCCEEDED"
_INTERRUPTED = 130
"""As shells have it of a command that Ctrl-C ended."""
_COLOURS = {"done": "green", "running": "yellow", "failed": "red"}
_MINUTE_S, _HOUR_S = 60, 3600
VERSION = typer.Option(help="Which version; by default the one that is being encoded, or else the current one.")

Told = Mapping[str, Any]


class EncodeFailedError(RuntimeError):
    """An encode has ended without its film."""


_EXPECTED = (*EXPECTED, OperationError, ClientError, BotoCoreError, UnknownVersionError, EncodeFailedError)


class _Encode(NamedTuple):
    """A version, and the execution that encodes it; none, if that is longer ago than Step Functions remembers."""

    title: str
    version_id: str
    execution: str | None


def watch(title: Annotated[str, TITLE], *, version: Annotated[str | None, VERSION] = None) -> None:
    """Follow a title's encode by stage and rung, until it is packaged (exit code 0) or has failed (1)."""
    try:
        platform = common.platform()
        encode = _find(platform, title, version=version)
        if console.is_interactive:
            with Live(console=console, auto_refresh=False) as live:
                _follow(platform, encode, show=lambda told: live.update(_view(encode, told), refresh=True))
        else:
            _follow(platform, encode, show=_Lines())
    except KeyboardInterrupt:
        raise typer.Exit(_INTERRUPTED) from None
    except _EXPECTED as error:
        fail(error)
    console.print(f"Version {encode.version_id} is packaged.", highlight=False)


def _find(platform: Deployed, title: str, *, version: str | None) -> _Encode:
    """Return the encode to watch: of `version`, or that which goes on, or that of the current version."""
    states = platform.client("stepfunctions")
    executions = executions_of(platform)
    for execution in executions:
        if execution["status"] == _RUNNING or _is_of(execution, version):
            given = json.loads(states.describe_execution(executionArn=execution["executionArn"])["input"])
            found = str(given["version_id"])
            if given["title"]["title_id"] == title and version in {None, found}:
                return _Encode(title, found, execution["executionArn"])
    found = _version(platform, title, version=version)
    newest = newest_of(executions, version=found)
    return _Encode(title, found, newest["executionArn"] if newest else None)


def executions_of(platform: Deployed) -> list[Told]:
    """Return what Step Functions lists of the encoding workflow's executions, the newest first."""
    pages = platform.client("stepfunctions").get_paginator("list_executions")
    machine = platform.output("encoding", "WorkflowArn")
    return [execution for page in pages.paginate(stateMachineArn=machine) for execution in page["executions"]]


def newest_of(executions: Sequence[Told], *, version: str) -> Told | None:
    """Return a version's newest execution of those, which have the newest first; none, if there is none of it."""
    return next((execution for execution in executions if _is_of(execution, version)), None)


def _is_of(execution: Mapping[str, Any], version: str | None) -> bool:
    """Say whether an execution, by its name, is one of a version's: the first one, or a later one."""
    name: str = execution["name"]
    return version is not None and (name == version or name.startswith(f"{version}-"))


def _follow(platform: Deployed, encode: _Encode, *, show: Callable[[Told | None], None]) -> None:
    """Show how an encode is getting on, until it is done.

    Raises
    ------
    EncodeFailedError
        If it ends otherwise.
    """
    states = platform.client("stepfunctions")
    while True:
        # Before the look, so that the last one shows the end. What only the catalog remembers is done.
        ended = states.describe_execution(executionArn=encode.execution) if encode.execution else {"status": _SUCCEEDED}
        show(_look(platform, encode.version_id))
        if ended["status"] == _SUCCEEDED:
            return
        if ended["status"] != _RUNNING:
            error = f", {ended['error']}" if ended.get("error") else ""
            raise EncodeFailedError(
                f"version {encode.version_id} has ended: {ended['status']}{error}. "
                f"`marquee jobs list {encode.title} --version {encode.version_id} --failed` lists what failed"
            )
        time.sleep(_EVERY_S)


def _look(platform: Deployed, version_id: str) -> Told | None:
    """Return what the farm tells of a version; none, if it is not planned yet."""
    try:
        return operate(platform, {"version_id": version_id}, context="encoding", output="JobsFunction")
    except OperationError as error:
        if error.name == "NotFoundError":
            return None
        raise


class _Lines:
    """Prints a line whenever something has changed."""

    def __init__(self) -> None:
        self._said = ""

    def __call__(self, told: Told | None) -> None:
        line = _line(told)
        if line != self._said:
            console.print(line, highlight=False, soft_wrap=True)
            self._said = line


def _line(told: Told | None) -> str:
    if told is None:
        return "not planned yet"
    spent = f"{told['cost']['usd']:.6f} USD"
    progress = told["progress"]
    if progress is None:
        return f"{len(told['jobs'])} jobs; {spent}"
    chunks, jobs = progress["chunks"], progress["jobs"]
    counted = f"{chunks['done']} of {chunks['total']} chunks, {jobs['done']} of {jobs['total']} jobs"
    return f"{counted}, {jobs['running']} at work, {jobs['failed']} failed; {spent}"


def _view(encode: _Encode, told: Told | None) -> Group | Text:
    heading = Text(f"{encode.title}, version {encode.version_id}", style="italic")
    if told is None:
        return Group(heading, Text("It is not planned yet.", style="dim"))
    if told["progress"] is None:
        return Group(heading, Text("Its plan is not kept any more: `marquee jobs list` has its jobs.", style="dim"))
    return Group(heading, _stages(told["progress"]), _totals(told))


def _stages(progress: Told) -> Table:
    table = Table()
    for column in ("stage", "rung", "", "done", "at work", "failed", "attempts"):
        table.add_column(column, justify="left" if column in {"stage", "rung", ""} else "right")
    for line in progress["lines"]:
        jobs = line["jobs"]
        table.add_row(
            line["stage"],
            line["rung"] or "",
            _bar(jobs),
            f"{jobs['done']}/{jobs['total']}",
            str(jobs["running"] or ""),
            Text(str(jobs["failed"] or ""), style="red"),
            str(line["attempts"] or ""),
        )
    return table


def _bar(jobs: Told) -> Text:
    """Return a bar of what is done, at work and failed; what is at work or failed is seen, however little it is."""
    lengths: dict[str, int] = {}
    room = _BAR
    for part in ("failed", "running", "done"):
        share = int(jobs[part] / jobs["total"] * _BAR)
        lengths[part] = min(room, max(share, 1 if jobs[part] else 0))
        room -= lengths[part]
    bar = Text()
    for part, colour in _COLOURS.items():
        bar.append("━" * lengths[part], style=colour)
    return bar.append("━" * room, style="bright_black")


def _totals(told: Told) -> Table:
    progress, predicted, queue = told["progress"], told["predicted"], told["queue"]
    jobs, chunks = progress["jobs"], progress["chunks"]
    table = Table.grid(padding=(0, 2))
    table.add_row("Done", f"{chunks['done']} of {chunks['total']} chunks, {jobs['done']} of {jobs['total']} jobs")
    expected = f", {predicted['usd_expected']:.6f} expected in all" if predicted else ""
    table.add_row("Cost", f"{told['cost']['usd']:.6f} USD so far{expected}")
    table.add_row("Ready", _ready(progress))
    table.add_row("Queue", f"{_many(queue['waiting'])} jobs wait, {_many(queue['running'])} are at work")
    return table


def _ready(progress: Told) -> str:
    if progress["jobs"]["done"] == progress["jobs"]["total"]:
        return "all jobs are done"
    if progress["eta"] is None:
        return "nobody can say yet"
    eta = datetime.fromisoformat(progress["eta"])
    left_s = max(0.0, (eta - datetime.now(UTC)).total_seconds())
    return f"in about {_duration(left_s)}, at {eta.astimezone():%H:%M:%S}"


def _duration(seconds: float) -> str:
    if seconds < _MINUTE_S:
        return f"{seconds:.0f} s"
    if seconds < _HOUR_S:
        return f"{seconds / _MINUTE_S:.0f} min"
    return f"{seconds // _HOUR_S:.0f} h {seconds % _HOUR_S / _MINUTE_S:.0f} min"


def _many(count: int) -> str:
    return str(count) if count < _MANY else f"{_MANY} or more"
