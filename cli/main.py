"""The ``marquee`` command."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from cli import catalog, common, farm, modes, operations, revocation, sizing
from cli.account import app as accounts
from cli.audit import audit
from cli.common import EXPECTED, console, embedded_cloud, fail, platform
from cli.diff import diff
from cli.ladder import ladder
from cli.model import app as models
from cli.questions import ask, interview
from cli.queue import queue
from cli.reclaim import reclaim
from cli.review import app as reviews
from cli.storage import drills, restore
from cli.studio import app as studios
from cli.upload import upload
from cli.watching import watch
from sandbox.assembly import synthesise
from sandbox.dashboard_check import check_dashboard
from sandbox.demo import WORK_DIR, Demo, deployed_in
from sandbox.deployed import Deployed
from sandbox.edge import stop_detached
from sandbox.playback_check import check_playback
from sandbox.players_check import check_players
from sandbox.steps import Steps
from sandbox.summary import as_json, show
from sandbox.toolchain import PROJECT_ROOT
from stacks.pack.write import PackError, write_pack
from stacks.settings import PROFILES

app = typer.Typer(
    help="Marquee: a video-on-demand platform, deployed in an embedded cloud on this machine.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.command()(upload)
app.command()(catalog.versions)
app.command()(catalog.rollback)
app.command()(catalog.repackage)
app.command()(revocation.revoke)
app.add_typer(revocation.incidents, name="incident")
app.command()(ladder)
app.command()(diff)
app.command()(farm.cost)
app.command()(queue)
app.command()(watch)
app.command()(restore)
app.command()(ask)
app.command()(interview)
app.add_typer(drills, name="drill")
app.add_typer(farm.jobs, name="jobs")
app.add_typer(farm.caps, name="cap")
modes.farm.command()(reclaim)
app.add_typer(modes.farm, name="farm")
app.add_typer(modes.campaign, name="campaign")
app.add_typer(reviews, name="review")
models.add_typer(sizing.app)
models.add_typer(operations.app)
app.add_typer(models, name="model")
app.command()(audit)
app.add_typer(studios, name="studio")
app.add_typer(accounts, name="account")
PORT = typer.Option(help="Where to serve the player; a free port by default.")


@app.command()
def demo(
    *,
    check: Annotated[bool, typer.Option("--check", help="Play the film in headless Chromium, then end.")] = False,
    port: Annotated[int | None, PORT] = None,
    screenshot: Annotated[
        Path, typer.Option(help="Where --check saves the page; other players and the dashboard beside it.")
    ] = WORK_DIR / "player.png",
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
                with run.steps.step("Play it in dash.js and hls.js", remedy="look at the console log") as step:
                    step.tell("DASH and HLS, ClearKey")
                    players = check_players(
                        url=f"{up.edge.url}/",
                        username=published.viewer.username,
                        password=published.viewer.password,
                        title_id=delivery.manifest.title.title_id,
                        screenshot=screenshot,
                    )
                with run.steps.step("Read its delivery on the dashboard", remedy="look at the screenshot beside it"):
                    check_dashboard(
                        url=f"{up.edge.url}/studio.html",
                        username=published.desk.username,
                        password=published.desk.password,
                        delivery_id=published.location.delivery_id,
                        screenshots=(screenshot.with_name("dashboard.png"), screenshot.with_name("delivery.png")),
                    )
                line = as_json(up=up, published=published, check=played, players=players)
            show(console, up=up, published=published)
            if line is None:
                console.print("Ctrl-C ends it.")
                signal.pause()
    except KeyboardInterrupt:
        console.print("Stopped.")
        return
    except EXPECTED as error:
        fail(error)
    if line is not None:
        sys.stdout.write(f"{line}\n")


@app.command()
def synth() -> None:
    """Synthesise both profiles into cdk.out, with no account and no network; beside each, the reviewer's pack."""
    table = Table("profile", "stacks", "resources", "findings", "seconds", "written to")
    steps = Steps(console)
    try:
        for profile in PROFILES:
            folder, log = PROJECT_ROOT / "cdk.out" / profile, WORK_DIR / "logs" / f"synth-{profile}.log"
            title = f"Synthesise {profile}"
            with steps.step(title, remedy=f"read {log}"):
                assembly = synthesise(profile=profile, folder=folder, context={}, log=log)
                write_pack(folder)
            counts = (assembly.stacks, assembly.resources, assembly.findings)
            table.add_row(profile, *map(str, counts), f"{steps.seconds[title]:.1f}", f"cdk.out/{profile}")
    except (*EXPECTED, PackError) as error:
        fail(error)
    console.print(table)


@app.command()
def up(*, port: Annotated[int | None, PORT] = None) -> None:
    """Deploy the platform into an embedded cloud that stays up until `marquee down`."""
    try:
        with Demo(console=console).up(detached=True, port=port) as running:
            console.print(f"Player  {running.edge.url}/")
            console.print("Send a delivery with `marquee upload FOLDER`; take all down with `marquee down`.")
    except EXPECTED as error:
        fail(error)


@app.command()
def down() -> None:
    """Stop the embedded cloud and the edge that `marquee up` started; what they held is gone."""
    try:
        stop_detached(work_dir=common.EDGE_DIR)
        embedded_cloud().stop()
    except EXPECTED as error:
        fail(error)
    console.print("Down.")


@app.command()
def status() -> None:
    """Show the workflows' executions, and which deployed resources are declared only."""
    try:
        cloud = embedded_cloud()
        deployed = deployed_in(cloud)
        table = Table("workflow", "version", "state", "started", title=cloud.endpoint, title_justify="left")
        for context in ("ingestion", "encoding"):
            for row in _executions(deployed, context):
                table.add_row(context, *row)
        console.print(table)
        declared = cloud.status()["declaredOnly"]
    except EXPECTED as error:
        fail(error)
    for entry in declared:
        console.print(f"[dim]declared only: {entry['type']} {entry['logicalId']}: {entry['reason']}[/]")


@app.command()
def titles() -> None:
    """List the published titles."""
    try:
        deployed = platform()
        items = deployed.client("dynamodb").scan(TableName=deployed.output("playback", "PlayableTable"))["Items"]
    except EXPECTED as error:
        fail(error)
    table = Table("title", "name", "version", "seconds")
    for item in sorted(items, key=lambda item: item["title_id"]["S"]):
        table.add_row(item["title_id"]["S"], item["name"]["S"], item["version_id"]["S"], item["duration_s"]["N"])
    console.print(table)


def _executions(deployed: Deployed, context: str) -> list[tuple[str, str, str]]:
    machine = deployed.output(context, "WorkflowArn")
    pages = deployed.client("stepfunctions").get_paginator("list_executions").paginate(stateMachineArn=machine)
    return [
        (execution["name"], execution["status"], f"{execution['startDate']:%Y-%m-%d %H:%M:%S}")
        for page in pages
        for execution in page["executions"]
    ]
