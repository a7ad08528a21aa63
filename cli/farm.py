"""``marquee cost``, ``cap`` and ``jobs``: what the farm did for a title, what that cost and may cost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any

import typer
from botocore.exceptions import BotoCoreError, ClientError
from rich.markup import escape
from rich.table import Table

from cli import common
from cli.common import EXPECTED, console, fail
from sandbox.deployed import Deployed
from sandbox.operating import OperationError, caller, operate

jobs = typer.Typer(help="Look at the jobs that encoded a title.", no_args_is_help=True)
caps = typer.Typer(help="Say what encoding a title may cost.", no_args_is_help=True)
_MOST_NAMED = 5
"""Jobs, in a message."""
TITLE = typer.Argument(help="The title's id.")
VERSION = typer.Option(help="Which version; by default the current one, or the newest if none was published.")
NEWEST = typer.Option("--version", help="Which version; by default the one that was accepted last.")
JOB = typer.Argument(help="The job's id, or any beginning of it that no other job has.")


class UnknownVersionError(RuntimeError):
    """The title has no such version."""


class UnknownJobError(RuntimeError):
    """No job's id begins like that, or more than one does."""


class NoLogError(RuntimeError):
    """A job has no log, or none any more."""


_EXPECTED = (*EXPECTED, OperationError, ClientError, BotoCoreError, UnknownVersionError, UnknownJobError, NoLogError)


def cost(title: Annotated[str, TITLE], *, version: Annotated[str | None, VERSION] = None) -> None:
    """Show what encoding a title cost: by stage and rung, what spot saved, what retries wasted."""
    try:
        told = _told(common.platform(), title, version=version)
    except _EXPECTED as error:
        fail(error)
    console.print(_costs(title, told))
    console.print(_totals(told))


@jobs.command("list")
def list_jobs(
    title: Annotated[str, TITLE],
    *,
    version: Annotated[str | None, VERSION] = None,
    failed: Annotated[
        bool, typer.Option("--failed", help="Only those whose last attempt ended without a result.")
    ] = False,
) -> None:
    """List a title's jobs that have begun."""
    try:
        told = _told(common.platform(), title, version=version)
    except _EXPECTED as error:
        fail(error)
    found = [job for job in told["jobs"] if not failed or _without_result(job)]
    of = f"of version {told['version_id']}"
    if found:
        console.print(_jobs(found, heading=f"{title}, version {told['version_id']}"))
    elif not told["jobs"]:
        console.print(f"No job {of} has begun.", soft_wrap=True)
    else:
        console.print(f"None of {len(told['jobs'])} jobs {of} has failed.", soft_wrap=True)


@jobs.command()
def show(
    title: Annotated[str, TITLE], job: Annotated[str, JOB], *, version: Annotated[str | None, VERSION] = None
) -> None:
    """Show every attempt at a job: how it ended, where it ran, how long, and what went wrong."""
    try:
        found = _job(_told(common.platform(), title, version=version), job, title=title)
    except _EXPECTED as error:
        fail(error)
    console.print(_attempts(found))


@jobs.command()
def logs(
    title: Annotated[str, TITLE], job: Annotated[str, JOB], *, version: Annotated[str | None, VERSION] = None
) -> None:
    """Print the log of a job's last attempt."""
    try:
        platform = common.platform()
        found = _job(_told(platform, title, version=version), job, title=title)
        if not found["attempts"]:
            raise NoLogError(f"nobody has begun {found['job']}: there is no log yet")
        for line in _log(platform, found["attempts"][-1]["batch_job"]):
            typer.echo(line)
    except _EXPECTED as error:
        fail(error)


@jobs.command()
def explain(
    title: Annotated[str, TITLE], job: Annotated[str, JOB], *, version: Annotated[str | None, VERSION] = None
) -> None:
    """Say why a job is where it is, what happens next, and where to look."""
    try:
        platform = common.platform()
        asked = {"version_id": _version(platform, title, version=version), "job": job}
        told = operate(platform, asked, context="encoding", output="FarmFunction")["explained"]
    except _EXPECTED as error:
        fail(error)
    console.print(f"[bold]{told['job']}[/]: {escape(told['text'])}", soft_wrap=True, highlight=False)
    for where in told["evidence"]:
        console.print(f"- {escape(where)}", soft_wrap=True, highlight=False)


@jobs.command()
def retry(title: Annotated[str, TITLE], *, version: Annotated[str | None, NEWEST] = None) -> None:
    """Start an encode again that failed, timed out or was stopped; what was done is not done again."""
    try:
        platform = common.platform()
        asked = {"version_id": _version(platform, title, version=version, newest=True), "by": caller(platform)}
        answer = operate(platform, asked, context="encoding", output="RetryFunction")
    except _EXPECTED as error:
        fail(error)
    done = f"Version {answer['version_id']} of {title} is encoded again: execution {answer['execution']}."
    console.print(done, highlight=False, soft_wrap=True)


@caps.command("raise")
def raise_cap(
    title: Annotated[str, TITLE],
    *,
    to: Annotated[float, typer.Option(help="What encoding it may cost in all, in USD; less than now is lowering it.")],
    reason: Annotated[str, typer.Option(help="Why, in at most 500 characters; it is kept with your name.")],
    version: Annotated[str | None, NEWEST] = None,
) -> None:
    """Let a version cost more, or less. One that was stopped goes on by `marquee jobs retry`."""
    try:
        platform = common.platform()
        version_id = _version(platform, title, version=version, newest=True)
        asked = {"version_id": version_id, "usd": to, "by": caller(platform), "reason": reason}
        answer = operate(platform, asked, context="encoding", output="CapFunction")
    except _EXPECTED as error:
        fail(error)
    done = f"Version {version_id} of {title} may cost {answer['usd']:g} USD; it was {answer['before']:g}."
    console.print(done, highlight=False, soft_wrap=True)


def _without_result(job: Mapping[str, Any]) -> bool:
    last = job["attempts"][-1]["outcome"] if job["attempts"] else None
    return last in {"failed", "interrupted", "lost"}


def _told(platform: Deployed, title: str, *, version: str | None) -> dict[str, Any]:
    """Return what the farm tells of a version of a title."""
    version_id = _version(platform, title, version=version)
    return operate(platform, {"version_id": version_id}, context="encoding", output="JobsFunction")


def _version(platform: Deployed, title: str, *, version: str | None, newest: bool = False) -> str:
    known = operate(platform, {"title_id": title}, context="catalog", output="VersionsFunction")
    return str(version_in(known, title=title, version=version, newest=newest)["version_id"])


def version_in(known: Mapping[str, Any], *, title: str, version: str | None, newest: bool = False) -> Mapping[str, Any]:
    """Return the version that is meant, of those that the catalog knows: the current one, where none is named.

    Parameters
    ----------
    newest
        Whether the one that was accepted last is meant instead, as it is where none was published.

    Raises
    ------
    UnknownVersionError
        If the title has no such version.
    """
    wanted = version or (None if newest else known["current_version"])
    versions: list[Mapping[str, Any]] = known["versions"]
    if wanted is None:
        # They are told by their deliveries, and what a campaign made has the delivery of what it replaces.
        return max(versions, key=lambda each: datetime.fromisoformat(each["accepted_at"]))
    for each in versions:
        if each["version_id"] == wanted:
            return each
    raise UnknownVersionError(f"{title} has no version {wanted}: `marquee versions {title}` lists them")


def _job(told: Mapping[str, Any], beginning: str, *, title: str) -> dict[str, Any]:
    """Return the one job whose id begins so; a whole id is never ambiguous."""
    found: list[dict[str, Any]] = [job for job in told["jobs"] if job["job"].startswith(beginning)]
    exact = [job for job in found if job["job"] == beginning]
    if len(exact or found) == 1:
        return (exact or found)[0]
    if not found:
        raise UnknownJobError(
            f"no job of version {told['version_id']} is {beginning}: `marquee jobs list {title}` lists them"
        )
    named = ", ".join(job["job"] for job in found[:_MOST_NAMED]) + (", …" if len(found) > _MOST_NAMED else "")
    raise UnknownJobError(f"{len(found)} jobs begin with {beginning}: {named}; say more of it")


def _log(platform: Deployed, batch_job: str) -> Iterator[str]:
    """Yield the lines of the log of a Batch job's last attempt, oldest first."""
    described = platform.client("batch").describe_jobs(jobs=[batch_job])["jobs"]
    if not described:
        raise NoLogError(
            f"AWS Batch has forgotten the job {batch_job}, as it does some days after its end; "
            f"its log may still be in the log group of the farm's jobs"
        )
    container = described[0]["container"]
    stream = container.get("logStreamName")
    if not stream:
        raise NoLogError(f"the Batch job {batch_job} is {described[0]['status']}: it has no log yet")
    options = container.get("logConfiguration", {}).get("options", {})
    where = {"logGroupName": options.get("awslogs-group", "/aws/batch/job"), "logStreamName": stream}
    service = platform.client("logs")
    answer = service.get_log_events(**where, startFromHead=True)
    token = None
    # A page may be empty although another follows: the end is where the token stays the same.
    while answer["nextForwardToken"] != token:
        for event in answer["events"]:
            yield str(event["message"])
        token = answer["nextForwardToken"]
        answer = service.get_log_events(**where, startFromHead=True, nextToken=token)


def _costs(title: str, told: Mapping[str, Any]) -> Table:
    table = Table(title=f"{title}, version {told['version_id']}", title_justify="left")
    for column in ("stage", "rung", "jobs", "attempts", "vCPU-s", "USD", "wasted s", "wasted USD"):
        table.add_column(column, justify="left" if column in {"stage", "rung"} else "right")
    for line in told["cost"]["lines"]:
        table.add_row(
            line["stage"],
            line["rung"] or "",
            str(line["jobs"]),
            str(line["attempts"]),
            f"{line['vcpu_seconds']:.1f}",
            f"{line['usd']:.6f}",
            f"{line['wasted_seconds']:.1f}",
            f"{line['wasted_usd']:.6f}",
        )
    return table


def _totals(told: Mapping[str, Any]) -> Table:
    cost, predicted, jobs_ = told["cost"], told["predicted"], told["jobs"]
    attempts = sum(line["attempts"] for line in cost["lines"])
    table = Table.grid(padding=(0, 2))
    undone = sum(job["state"] != "done" for job in jobs_)
    if undone:
        table.add_row("So far", f"{undone} of the {len(jobs_)} jobs that have begun are not done")
    table.add_row(
        "Total", f"{cost['usd']:.6f} USD: {cost['vcpu_seconds']:.1f} vCPU-s, {len(jobs_)} jobs, {attempts} attempts"
    )
    table.add_row("Spot", f"saved {cost['saved_usd']:.6f} USD of {cost['on_demand_usd']:.6f} on demand")
    table.add_row("Retries", f"wasted {cost['wasted_usd']:.6f} USD, {cost['wasted_seconds']:.1f} s")
    table.add_row("Predicted", _predicted(predicted, usd=cost["usd"]) if predicted else "nothing is known of it")
    table.add_row("Cap", _cap(told["cap"]))
    table.add_row("Prices", f"of {cost['as_of']}")
    return table


def _cap(cap: Mapping[str, Any]) -> str:
    last = cap["said"][0] if cap["said"] else None
    return f"{cap['usd']:g} USD" + (f", by {escape(last['by'])}: {escape(last['reason'])}" if last else "")


def _predicted(predicted: Mapping[str, Any], *, usd: float) -> str:
    expected = predicted["usd_expected"]
    said = f"{expected:.6f} USD on {predicted['capacity']} ({predicted['usd_low']:.6f} if the film is easy)"
    return f"{said}; the total is {usd / expected:.2f} times what was expected" if expected else said


def _jobs(found: Sequence[Mapping[str, Any]], *, heading: str) -> Table:
    table = Table(title=heading, title_justify="left")
    for column in ("job", "state", "attempts", "seconds", "where", "error"):
        # An id that is cut short is still a beginning, but not always of one job only.
        table.add_column(
            column, justify="right" if column in {"attempts", "seconds"} else "left", no_wrap=column == "job"
        )
    for job in found:
        attempts = job["attempts"]
        last = attempts[-1] if attempts else {}
        table.add_row(
            job["job"],
            job["state"],
            str(len(attempts)),
            f"{sum(attempt['seconds'] for attempt in attempts):.1f}",
            last.get("capacity", ""),
            escape(last.get("error") or ""),
            style="red" if job["state"] == "failed" else None,
        )
    return table


def _attempts(job: Mapping[str, Any]) -> Table:
    table = Table(title=f"{job['job']}: {job['state']}", title_justify="left")
    for column in ("attempt", "outcome", "started", "seconds", "vCPU-s", "where", "Batch job", "error"):
        right = column in {"attempt", "seconds", "vCPU-s"}
        table.add_column(column, justify="right" if right else "left", no_wrap=column == "Batch job")
    for attempt in job["attempts"]:
        table.add_row(
            str(attempt["token"]),
            attempt["outcome"],
            f"{datetime.fromisoformat(attempt['started_at']):%Y-%m-%d %H:%M:%S}",
            f"{attempt['seconds']:.1f}",
            f"{attempt['vcpu_seconds']:.1f}",
            attempt["capacity"],
            attempt["batch_job"],
            escape(attempt["error"] or ""),
        )
    return table
