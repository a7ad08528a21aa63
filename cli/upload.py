"""``marquee upload``: send a delivery through the upload API, and follow it."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from threading import Event, Lock
from typing import Annotated

import typer
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from cli import common
from cli.common import EXPECTED, console, fail
from lambdas.ingestion.arrival import version_id_of
from sandbox.cloud import EmbeddedCloudError
from sandbox.demo import deployed_in
from sandbox.deployed import NotDeployedError
from sandbox.edge import url_of_running
from sandbox.pipeline import follow
from sandbox.steps import Steps
from sandbox.studio_user import credentials_path, new_studio_user
from stacks.settings import SANDBOX
from uploader.api import UploadApi
from uploader.credentials import Credentials
from uploader.delivery import Delivery, Sent, delivery_at, send
from uploader.errors import LaterError, UploadingError
from uploader.http import new_pool
from uploader.patience import Patience
from uploader.sending import Means
from uploader.session import StudioSession

_LATER = 75
"""The exit code of what may succeed later, as sysexits.h names it: run the same command again."""
_DAY_S = 24 * 3600
_REVIEW = {"Wait for a review", "Escalate"}
"""The states of the ingestion in which a person is waited for."""


def upload(
    path: Annotated[
        Path, typer.Argument(help="A delivery's folder, with its manifest.json; or one file.", exists=True)
    ],
    *,
    studio: Annotated[str | None, typer.Option(help="Whose it is; a folder's manifest says it too.")] = None,
    delivery: Annotated[str | None, typer.Option(help="The delivery's name; the folder's by default.")] = None,
    wait: Annotated[bool, typer.Option(help="Follow the delivery until it is published.")] = True,
    again: Annotated[bool, typer.Option("--again", help="Announce it again, although all of it is there.")] = False,
    workers: Annotated[int, typer.Option(help="Parts on their way at once.", min=1, max=64)] = 6,
    patience: Annotated[float, typer.Option(help="Seconds to go on after a request has failed.", min=0)] = 900,
    credentials: Annotated[Path | None, typer.Option(help="The studio's user; kept by `marquee studio add`.")] = None,
) -> None:
    """Send a delivery in parallel parts; started again after an interruption, it goes on where it was.

    Ends with 0 when all is there (and published, where it waits), 1 when it is refused, 75 when it may succeed later.
    """
    try:
        what = delivery_at(path, studio=studio, delivery_id=delivery)
        who = Credentials.load(credentials) if credentials else _credentials(what.location.studio)
        sent = _send(what, who=who, workers=workers, patience_s=patience, again=again)
        if what.manifest is not None:
            if sent.tally.was_there:
                console.print("All of it was there: it is not announced again. With `--again` it is.")
            if wait and (credentials is None or _is_here(who)):
                _follow(what, title_id=what.manifest.title.title_id, object_version=sent.manifest_version)
            elif wait:
                console.print(f"Not followed, because it is elsewhere: see {who.site.rstrip('/')}/studio.html")
    except LaterError as error:
        console.print(f"{error}\nRun the same command again: it goes on where it was.", markup=False, highlight=False)
        raise typer.Exit(_LATER) from error
    except (*EXPECTED, UploadingError, OSError) as error:
        fail(error)


class _Bar:
    """Shows how far all files are together."""

    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress, self._task = progress, task
        self._shown = next(shown for shown in progress.tasks if shown.id == task)
        self._lock = Lock()

    def advanced(self, size_bytes: int) -> None:
        with self._lock:
            self._progress.advance(self._task, size_bytes)

    def skipped(self, size_bytes: int) -> None:
        # Not by `advance`, from which the rate and the time that remains are made.
        with self._lock:
            self._shown.completed += size_bytes


def _send(what: Delivery, *, who: Credentials, workers: int, patience_s: float, again: bool) -> Sent:
    started, cancelled = time.monotonic(), Event()
    pool = new_pool(connections=workers + 1)
    patience = Patience(seconds=patience_s, cancelled=cancelled)
    session = StudioSession(who, pool=pool, ask_code=lambda: typer.prompt("Code of the second factor"))
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=console, transient=True) as progress:
        bar = _Bar(progress, progress.add_task(what.location.prefix, total=what.size_bytes))
        means = Means(
            api=UploadApi(session, pool=pool, patience=patience),
            pool=pool,
            workers=workers,
            patience=patience,
            cancelled=cancelled,
            watcher=bar,
        )
        sent = send(what, means=means, again=again)
    tally = sent.tally
    seconds = time.monotonic() - started
    console.print(
        f"{what.location.prefix}: {tally.parts} parts, {tally.held} there before, {tally.sent} sent, {tally.again} of "
        f"them twice; {tally.sent_bytes:,} of {tally.size_bytes:,} bytes in {seconds:.1f} s, "
        f"{tally.sent_bytes / 1e6 / seconds:.0f} MB/s",
        highlight=False,
    )
    return sent


def _credentials(studio: str) -> Credentials:
    """Return what the studio's user of the embedded cloud signs in with.

    A studio that the settings declare needs no onboarding there: its user is made at its first upload.
    """
    platform, site = common.platform(), url_of_running(work_dir=common.EDGE_DIR)
    client_id = platform.output("ingestion", "StudioClientId")
    try:
        known = Credentials.load(credentials_path(studio, folder=common.STUDIOS_DIR))
    except FileNotFoundError:
        known = None
    if known and known.client_id == client_id:
        return known.model_copy(update={"site": site})
    if studio not in {declared.name for declared in SANDBOX.ingestion.studios}:
        fail(f"nobody can sign in for {studio!r}: add it with `marquee studio add {studio}`")
    return new_studio_user(platform, studio=studio, site=site, folder=common.STUDIOS_DIR)


def _is_here(who: Credentials) -> bool:
    """Whether somebody signs in at the embedded cloud of this machine."""
    try:
        return common.platform().output("ingestion", "StudioClientId") == who.client_id
    except (EmbeddedCloudError, NotDeployedError):
        return False


def _follow(what: Delivery, *, title_id: str, object_version: str | None) -> None:
    cloud = common.embedded_cloud()
    platform = deployed_in(cloud)
    version_id = None
    if object_version:
        version_id = version_id_of(platform.output("ingestion", "RawBucket"), what.location.manifest, object_version)
    with Steps(console).step("Ingest, encode, package, publish", remedy=f"read {cloud.log_path}") as step:
        follow(
            platform,
            delivery=what.location,
            title_id=title_id,
            timeout_s=_DAY_S,
            tell=_telling(step.tell),
            version_id=version_id,
        )


def _telling(tell: Callable[[str], None]) -> Callable[[str], None]:
    """Return what tells of a state, and of a review that more is to be done than to wait."""

    def telling(state: str) -> None:
        tell(state)
        if state in _REVIEW:
            console.print("The delivery waits for a review by a person: see `marquee review list`.")

    return telling
