"""A viewer's account in the deployed user pool."""

from __future__ import annotations

import contextlib
import secrets
import string
from typing import NamedTuple

from sandbox.deployed import Deployed

USERNAME = "viewer@example.com"


class Viewer(NamedTuple):
    """Who signs in, and with what."""

    username: str
    password: str


def new_viewer(platform: Deployed) -> Viewer:
    """Make the viewer, or give the one that exists a new password."""
    cognito = platform.client("cognito-idp")
    pool = platform.output("playback", "UserPoolId")
    alphabet = string.ascii_letters + string.digits
    password = "Aa1!" + "".join(secrets.choice(alphabet) for _ in range(16))
    with contextlib.suppress(cognito.exceptions.UsernameExistsException):
        cognito.admin_create_user(
            UserPoolId=pool,
            Username=USERNAME,
            MessageAction="SUPPRESS",
            UserAttributes=[
                {"Name": "email", "Value": USERNAME},
                {"Name": "email_verified", "Value": "true"},
            ],
        )
    cognito.admin_set_user_password(UserPoolId=pool, Username=USERNAME, Password=password, Permanent=True)
    return Viewer(username=USERNAME, password=password)
