"""``marquee farm reclaim``: spot machines taken away, to see what becomes of their jobs."""

from __future__ import annotations

from typing import Annotated

import typer

from cli import common
from cli.common import EXPECTED, console, fail


def reclaim(
    *,
    job: Annotated[
        str | None, typer.Option(help="The id of the Batch job whose machine goes; by default, who has run longest.")
    ] = None,
    count: Annotated[int, typer.Option(min=1, help="How many machines go, where no job is named.")] = 1,
) -> None:
    """Take spot machines away from running jobs, as AWS does, with two seconds' notice for its two minutes."""
    try:
        taken = common.embedded_cloud().reclaim(job=job, count=count)
    except EXPECTED as error:
        fail(error)
    if not taken:
        console.print("No job runs on spot capacity.")
    for job_id in taken:
        console.print(f"Taken away: the machine of {job_id}", soft_wrap=True, highlight=False)
