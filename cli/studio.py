"""``marquee studio``: let studios in, see who is in, and let them in no more."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from cli import common
from cli.common import EXPECTED, console, fail
from sandbox.demo import deployed_in
from sandbox.edge import url_of_running
from sandbox.onboarding import Onboarded, Onboarding, OnboardingError, checked_name, checked_webhook, read_public_key

app = typer.Typer(help="The studios that may deliver.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="Lower case letters, digits and hyphens, at most 63.")]


@app.command()
def add(
    name: Name,
    *,
    ssh_key: Annotated[Path | None, typer.Option("--ssh-key", help="The studio's public key, for SFTP.")] = None,
    email: Annotated[str | None, typer.Option(help="Where it is told what becomes of its deliveries.")] = None,
    webhook: Annotated[str | None, typer.Option(help="The same, to an address that takes what Slack takes.")] = None,
) -> None:
    """Let a studio in, or give one that is in a key, an address or a webhook that it has not got yet."""
    try:
        # What was typed is looked at before anything is reached.
        checked_name(name)
        public = read_public_key(ssh_key) if ssh_key else None
        posts_to = checked_webhook(webhook, loopback=True) if webhook else None
        site = url_of_running(work_dir=common.EDGE_DIR)
        added = _onboarding().add(name, site=site, ssh_key=public, email=email, webhook=posts_to)
    except (*EXPECTED, OnboardingError) as error:
        fail(error)
    _tell(name, added)


@app.command(name="list")
def list_studios() -> None:
    """List the studios: who signs in, and how each is told."""
    try:
        studios = _onboarding().studios()
    except (*EXPECTED, OnboardingError) as error:
        fail(error)
    table = Table("studio", "declared", "dashboard", "SSH keys", "e-mail", "webhook")
    for studio in studios:
        table.add_row(
            studio.name,
            "yes" if studio.declared else "",
            ", ".join(studio.users),
            str(studio.ssh_keys),
            ", ".join(studio.emails),
            "yes" if studio.webhook else "",
        )
    console.print(table)


@app.command()
def remove(name: Name) -> None:
    """Let a studio in no more. What it has delivered stays."""
    try:
        _onboarding().remove(name)
    except (*EXPECTED, OnboardingError) as error:
        fail(error)
    console.print(f"{name} can neither deliver nor sign in any more. What it has delivered stays.", highlight=False)


def _onboarding() -> Onboarding:
    cloud = common.embedded_cloud()
    return Onboarding(deployed_in(cloud), folder=common.STUDIOS_DIR, sftp_address=("127.0.0.1", cloud.sftp_port))


def _tell(name: str, added: Onboarded) -> None:
    """Show what the studio has to be told; the password is shown this once."""
    credentials, sftp = added.credentials, added.sftp
    lines = {
        "dashboard": f"{credentials.site}/studio.html",
        "user": credentials.username,
        "password": credentials.password if added.new_password else "as it was",
        "SFTP": f"sftp -P {sftp.port} {sftp.user}@{sftp.host}" if sftp else "none: add a key with --ssh-key",
    }
    if added.email:
        lines["e-mail"] = f"{added.email}, once it has confirmed the letter that it gets"
    if added.webhook:
        lines["webhook"] = "set"
    console.print(f"{name} may deliver.", highlight=False)
    for label, text in lines.items():
        console.print(f"  {label:<10}", end="")
        console.print(text, markup=False, highlight=False, soft_wrap=True)
