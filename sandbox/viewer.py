"""A viewer's account in the deployed user pool."""

from __future__ import annotations

import contextlib
import secrets
import string
from typing import NamedTuple

from sandbox.deployed import Deployed
from sandbox.operating import caller, operate

USERNAME = "viewer@example.com"
PLAN = "premium"
"""The demo's viewer has as many streams as there are: three players play the film, one after the other."""


class UnknownViewerError(LookupError):
    """The user pool has no such viewer."""


class Viewer(NamedTuple):
    """Who signs in, and with what."""

    username: str
    password: str


def new_viewer(platform: Deployed) -> Viewer:
    """Make the viewer and the account, or give the one that exists a new password."""
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
    account = {"viewer_id": subject_of(platform, USERNAME), "change": {"plan": PLAN}, "by": caller(platform)}
    operate(platform, account, context="playback", output="AccountFunction")
    return Viewer(username=USERNAME, password=password)


def subject_of(platform: Deployed, username: str) -> str:
    """Return the subject of a viewer's tokens, by which the platform knows the viewer.

    Raises
    ------
    UnknownViewerError
        If the user pool has no such viewer.
    """
    cognito = platform.client("cognito-idp")
    pool = platform.output("playback", "UserPoolId")
    try:
        user = cognito.admin_get_user(UserPoolId=pool, Username=username)
    except cognito.exceptions.UserNotFoundException as error:
        raise UnknownViewerError(f"there is no viewer {username!r} in the user pool") from error
    return next(str(one["Value"]) for one in user["UserAttributes"] if one["Name"] == "sub")
