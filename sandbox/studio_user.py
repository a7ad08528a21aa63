"""A studio's user in the deployed user pool, whose one group is the studio, and a file with what it signs in with."""

from __future__ import annotations

import contextlib
import secrets
import string
from pathlib import Path

from sandbox.deployed import Deployed
from uploader.credentials import Credentials


def credentials_path(studio: str, *, folder: Path) -> Path:
    """Return the file in `folder` that holds what a studio's user signs in with."""
    return folder / f"{studio}.json"


def new_studio_user(platform: Deployed, *, studio: str, site: str, folder: Path) -> Credentials:
    """Make the studio's user, or give the one that exists a new password, and keep its credentials.

    Parameters
    ----------
    studio
        The studio's name, which becomes the user's group.
    site
        Where the platform is served.
    folder
        Where the credentials are written, to a file that only its owner reads.
    """
    cognito = platform.client("cognito-idp")
    pool = platform.output("ingestion", "StudioPoolId")
    username = f"{studio}@studios.example.com"
    alphabet = string.ascii_letters + string.digits
    password = "Aa1!" + "".join(secrets.choice(alphabet) for _ in range(16))
    with contextlib.suppress(cognito.exceptions.GroupExistsException):
        cognito.create_group(UserPoolId=pool, GroupName=studio)
    with contextlib.suppress(cognito.exceptions.UsernameExistsException):
        cognito.admin_create_user(
            UserPoolId=pool,
            Username=username,
            MessageAction="SUPPRESS",
            UserAttributes=[{"Name": "email", "Value": username}, {"Name": "email_verified", "Value": "true"}],
        )
    cognito.admin_set_user_password(UserPoolId=pool, Username=username, Password=password, Permanent=True)
    cognito.admin_add_user_to_group(UserPoolId=pool, Username=username, GroupName=studio)
    made = Credentials(
        studio=studio,
        site=site,
        client_id=platform.output("ingestion", "StudioClientId"),
        username=username,
        password=password,
    )
    made.save(credentials_path(studio, folder=folder))
    return made
