"""What a client of the viewers' pool has to say about the page that signs in with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Client = Mapping[str, Any]
"""A user pool client, as Cognito describes it."""

SCOPES = ("openid", "email")
"""An ID token, and in it the name by which the page greets its viewer."""


def admitting(client: Client, *, addresses: tuple[str, ...]) -> dict[str, Any]:
    """Return `client` as it signs viewers in at `addresses`, by the code grant only.

    Parameters
    ----------
    addresses
        Where the page may be: where Cognito sends a code to, and a viewer who has signed out.
    """
    return {
        **client,
        "AllowedOAuthFlowsUserPoolClient": True,
        "AllowedOAuthFlows": ["code"],
        "AllowedOAuthScopes": list(SCOPES),
        "SupportedIdentityProviders": ["COGNITO"],
        "CallbackURLs": list(addresses),
        "LogoutURLs": list(addresses),
        # Where the page is, for whoever asks the client: televisions send their viewers there.
        "DefaultRedirectURI": addresses[-1],
    }


def admitting_nobody(client: Client) -> dict[str, Any]:
    """Return `client` as it was before it admitted anybody."""
    return {
        **{name: value for name, value in client.items() if name != "DefaultRedirectURI"},
        "AllowedOAuthFlowsUserPoolClient": False,
        **{name: [] for name in ("AllowedOAuthFlows", "AllowedOAuthScopes", "CallbackURLs", "LogoutURLs")},
    }
