"""Where the embedded cloud's viewers sign in."""

from __future__ import annotations

from typing import Any

from lambdas.delivery.sign_in import Client, admitting
from lambdas.delivery.store import rewrite_client
from sandbox.deployed import Deployed


def admit_edge(platform: Deployed, url: str) -> None:
    """Let viewers sign in at the embedded edge too: it stands for the distribution, and has an address of its own."""

    def change(client: Client) -> dict[str, Any]:
        return admitting(client, addresses=(*client["CallbackURLs"], f"{url}/"))

    rewrite_client(
        platform.client("cognito-idp"),
        user_pool_id=platform.output("playback", "UserPoolId"),
        client_id=platform.output("playback", "UserPoolClientId"),
        change=change,
    )
