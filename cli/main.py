"""The ``marquee`` command."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.table import Table

from lambdas.common.keys import MANIFEST_NAME, DeliveryLocation, delivery_of
from lambdas.ingestion.models import DeliveryManifest
from sandbox.assembly import synthesise
from sandbox.browser import check_playback
from sandbox.cloud import EmbeddedCloud, EmbeddedCloudError
from sandbox.demo import WORK_DIR, Demo, deployed_in
from sandbox.deployed import Deployed, NotDeployedError
from sandbox.edge import stop_detached
from sandbox.edge_deployment import EdgeError
from sandbox.pipeline import PipelineError, follow
from sandbox.steps import StepError, Steps
from sandbox.studio import UploadError, send_by_sftp, ssh_key
from sandbox.summary import as_json, show
from sandbox.toolchain import PROJECT_ROOT
from stacks.settings import PROFILES

app = typer.Typer(
    help="Marquee: a video-on-demand platform, deployed in an embedded cloud on this machine.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
console = Console(stderr=True)
CLOUD_DIR = WORK_DIR / "cloud"
EDGE_DIR = WORK_DIR / "edge"
PORT = typer.Option(help="Where to serve the player; a free port by default.")
EXPECTED = (StepError, EmbeddedCloudError, EdgeError, NotDeployedError, PipelineError, UploadError)


@app.command()
def demo(
    *,
    check: Annotated[bool, typer.Option("--check", help="Play the film in headless Chromium, then end.")] = False,
    port: Annotated[int | None, PORT] = None,
    screenshot: Annotated[Path, typer.Option(help="Where --check saves the page.")] = WORK_DIR / "player.png",
) -> None:
    """Bring the platform up, take the sample film through it, and serve the player until Ctrl-C."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    run = Demo(console=console)
    try:
        delivery = run.film()
        with run.up(port=port) as up:
            published = run.publish(up, delivery)
            line = None
            if check:
                with run.steps.step("Play it in Chromium", remedy="look at the screenshot and the console log") as step:
                    step.tell("DASH, ClearKey")
                    played = check_playback(
                        url=f"{up.edge.url}/",
                        username=published.viewer.username,
                        password=published.viewer.password,
                        title_id=delivery.manifest.title.title_id,
                        screenshot=screenshot,
                    )
                line = as_json(up=up, published=published, check=played)
            show(console, up=up, published=published)
            if line is None:
                console.print("Ctrl-C ends it.")
                signal.pause()
    except KeyboardInterrupt:
        console.print("Stopped.")
        return
    except EXPECTED as error:
        _fail(error)
    if line is not None:
        sys.stdout.write(f"{line}\n")


@app.command()
def synth() -> None:
    """Synthesise both profiles into cdk.out, with no account and no network, and say what is in them."""
    table = Table("profile", "stacks", "resources", "findings", "seconds", "written to")
    steps = Steps(console)
    try:
        for profile in PROFILES:
            folder, log = PROJECT_ROOT / "cdk.out" / profile, WORK_DIR / "logs" / f"synth-{profile}.log"
            title = f"Synthesise {profile}"
            with steps.step(title, remedy=f"read {log}"):
                assembly = synthesise(profile=profile, folder=folder, context={}, log=log)
            counts = (assembly.stacks, assembly.resources, assembly.findings)
            table.add_row(profile, *map(str, counts), f"{steps.seconds[title]:.1f}", f"cdk.out/{profile}")
    except EXPECTED as error:
        _fail(error)
    console.print(table)


@app.command()
def up(*, port: Annotated[int | None, PORT] = None) -> None:
    """Deploy the platform into an embedded cloud that stays up until `marquee down`."""
    try:
        with Demo(console=console).up(detached=True, port=port) as running:
            console.print(f"Player  {running.edge.url}/")
            console.print("Send a delivery with `marquee upload FOLDER`; take all down with `marquee down`.")
    except EXPECTED as error:
        _fail(error)


@app.command()
def down() -> None:
    """Stop the embedded cloud and the edge that `marquee up` started; what they held is gone."""
    try:
        stop_detached(work_dir=EDGE_DIR)
        EmbeddedCloud.attach(work_dir=CLOUD_DIR).stop()
    except EXPECTED as error:
        _fail(error)
    console.print("Down.")


@app.command()
def upload(
    folder: Annotated[
        Path, typer.Argument(help="A delivery: its files, and manifest.json.", exists=True, file_okay=False)
    ],
    *,
    name: Annotated[str | None, typer.Option(help="The delivery's name; the folder's by default.")] = None,
    wait: Annotated[bool, typer.Option(help="Follow the delivery until it is published.")] = True,
) -> None:
    """Send a delivery by SFTP, as its studio, and follow it."""
    manifest = _manifest_of(folder)
    location = _location(manifest, name=name or folder.resolve().name)
    steps = Steps(console)
    try:
        cloud = EmbeddedCloud.attach(work_dir=CLOUD_DIR)
        files = [*(folder / file.name for file in manifest.files), folder / MANIFEST_NAME]
        size = sum(file.stat().st_size for file in files)
        with steps.step(
            f"Upload {location.prefix}", remedy="is `marquee up` running, and is the studio known?"
        ) as step:
            send_by_sftp(
                files=files,
                folder=location.delivery_id,
                user=location.studio,
                key=ssh_key(WORK_DIR / "studio-key"),
                host="127.0.0.1",
                port=cloud.sftp_port,
                progress=lambda sent: step.advance_to(sent, of=size),
            )
        if wait:
            with steps.step("Ingest, encode, package, publish", remedy=f"read {cloud.log_path}") as step:
                follow(
                    deployed_in(cloud),
                    delivery=location,
                    title_id=manifest.title.title_id,
                    timeout_s=24 * 3600,
                    tell=step.tell,
                )
    except (*EXPECTED, FileNotFoundError) as error:
        _fail(error)


@app.command()
def status() -> None:
    """Show the workflows' executions, and which deployed resources are declared only."""
    try:
        cloud = EmbeddedCloud.attach(work_dir=CLOUD_DIR)
        platform = deployed_in(cloud)
        table = Table("workflow", "version", "state", "started", title=cloud.endpoint, title_justify="left")
        for context in ("ingestion", "encoding"):
            for row in _executions(platform, context):
                table.add_row(context, *row)
        console.print(table)
        declared = cloud.status()["declaredOnly"]
    except EXPECTED as error:
        _fail(error)
    for entry in declared:
        console.print(f"[dim]declared only: {entry['type']} {entry['logicalId']}: {entry['reason']}[/]")


@app.command()
def titles() -> None:
    """List the published titles."""
    try:
        platform = deployed_in(EmbeddedCloud.attach(work_dir=CLOUD_DIR))
        items = platform.client("dynamodb").scan(TableName=platform.output("playback", "PlayableTable"))["Items"]
    except EXPECTED as error:
        _fail(error)
    table = Table("title", "name", "version", "seconds")
    for item in sorted(items, key=lambda item: item["title_id"]["S"]):
        table.add_row(item["title_id"]["S"], item["name"]["S"], item["version_id"]["S"], item["duration_s"]["N"])
    console.print(table)


def _executions(platform: Deployed, context: str) -> list[tuple[str, str, str]]:
    machine = platform.output(context, "WorkflowArn")
    pages = platform.client("stepfunctions").get_paginator("list_executions").paginate(stateMachineArn=machine)
    return [
        (execution["name"], execution["status"], f"{execution['startDate']:%Y-%m-%d %H:%M:%S}")
        for page in pages
        for execution in page["executions"]
    ]


def _manifest_of(folder: Path) -> DeliveryManifest:
    path = folder / MANIFEST_NAME
    try:
        return DeliveryManifest.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        _fail(f"{path} is missing: a delivery has a manifest, see docs/ingestion.md")
    except ValidationError as error:
        told = "\n".join(f"  {'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
        _fail(f"{path} is not a delivery manifest, see docs/ingestion.md:\n{told}")


def _location(manifest: DeliveryManifest, *, name: str) -> DeliveryLocation:
    """Return where the delivery goes; a name that ingestion does not take would be waited for in vain."""
    location = DeliveryLocation(studio=manifest.studio, delivery_id=name)
    try:
        delivery_of(location.manifest)
    except ValueError:
        _fail(
            f"{name!r} cannot be a delivery's name: give it another one with --name, of letters, digits, dots, "
            "hyphens and underscores"
        )
    return location


def _fail(error: Exception | str) -> NoReturn:
    console.print(f"[red]{type(error).__name__ if isinstance(error, Exception) else 'Error'}[/]", end=": ")
    console.print(str(error), markup=False, highlight=False)
    raise typer.Exit(1)
