"""``marquee revoke`` and ``incident``: what is excluded from now on, and whom that stops."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.table import Table

from cli import common
from cli.common import EXPECTED, console, fail
from lambdas.playback.revocations import Kind
from sandbox.operating import OperationError, caller, operate

incidents = typer.Typer(help="Playbooks: what operators do when something happened.", no_args_is_help=True)
REASON = typer.Option(help="Why, in at most 500 characters; it goes to the audit trail.")


def revoke(
    kind: Annotated[Kind, typer.Argument(help="What is revoked.")],
    subject: Annotated[
        str, typer.Argument(help="The model's name, the certificate's SHA-256, the session's id, or the key's KID.")
    ],
    *,
    reason: Annotated[str, REASON],
) -> None:
    """Refuse a device model, a packager's certificate, a session or a key from now on, and end its sessions.

    It is in force within a minute: at licences and new sessions after 15 seconds, at the edge after some more. Of a
    model or a key, the command looks twice for sessions that play, and takes some 20 seconds.
    """
    answer = _revoke({"kind": kind.value, "subject": subject, "reason": reason})
    console.print(f"Revoked: {_named(answer)}. Audit: {answer['audit']}", highlight=False, soft_wrap=True)
    if answer["affected"]:
        console.print(_affected(answer))


@incidents.callback()
def _playbooks() -> None:
    """Keep `drm-bypass` a command of its own name, while it is the only one."""


@incidents.command("drm-bypass")
def drm_bypass(
    *,
    device_model: Annotated[str, typer.Option(help="The model on which films are copied.")],
    reason: Annotated[str, REASON] = "films are copied on this model",
) -> None:
    """Stop a device model whose protection is broken: revoke it, end its sessions, list whom that concerns, report.

    What was ever done about the model is printed from the audit trail.
    """
    answer = _revoke(
        {"kind": Kind.DEVICE_MODEL.value, "subject": device_model, "reason": reason, "incident": "drm-bypass"}
    )
    accounts = sorted({session["viewer_id"] for session in answer["affected"]})
    console.print(
        f"DRM bypass, {_named(answer)}: no new session and no licence any more; "
        f"{len(answer['affected'])} running sessions of {len(accounts)} accounts were ended.",
        highlight=False,
        soft_wrap=True,
    )
    if accounts:
        console.print(_affected(answer))
        console.print(f"Accounts: {', '.join(accounts)}", highlight=False, soft_wrap=True)
    console.print(f"Audit: {answer['audit']}", highlight=False, soft_wrap=True)
    console.print("Audit trail of this model:")
    for entry in answer["trail"]:
        console.print(_told(entry), highlight=False, soft_wrap=True, markup=False)
    titles = sorted({session["title_id"] for session in answer["affected"]})
    for title in titles:
        console.print(f"If its keys are out: marquee repackage {title} --new-keys", highlight=False, soft_wrap=True)


def _revoke(asked: Mapping[str, str]) -> dict[str, Any]:
    try:
        platform = common.platform()
        return operate(platform, {**asked, "by": caller(platform)}, context="playback", output="RevokeFunction")
    except (*EXPECTED, OperationError) as error:
        fail(error)


def _named(answer: Mapping[str, Any]) -> str:
    return f"{answer['revoked']['kind']} {answer['revoked']['subject']}"


def _affected(answer: Mapping[str, Any]) -> Table:
    table = Table(title="Ended", title_justify="left")
    for column in ("session", "account", "title", "device", "would have ended"):
        table.add_column(column, no_wrap=column == "session")
    for session in answer["affected"]:
        ends = datetime.fromtimestamp(session["expires_at"], UTC)
        table.add_row(
            session["session_id"],
            session["viewer_id"],
            session["title_id"],
            session["device"] or "",
            f"{ends:%Y-%m-%d %H:%M:%S}",
        )
    return table


def _told(entry: Mapping[str, Any]) -> str:
    """Return one line of the audit trail: when, who, what, how many, and why."""
    at = datetime.fromtimestamp(entry["revoked_at"], UTC)
    done = f"revoked ({entry['incident']})" if entry["incident"] else "revoked"
    return f"  {at:%Y-%m-%d %H:%M:%S} {entry['by']} {done}, {entry['affected']} sessions ended: {entry['reason']}"
