"""Where playback's own secrets are kept: the keys of edge tokens and of session ids."""

from __future__ import annotations

from functools import cache

from lambdas.common.aws import client, transient_errors
from lambdas.playback.models import EdgeKey, SessionKey


@cache
def edge_key(secret_arn: str) -> EdgeKey:
    """Return what edge tokens are signed with; asked for once a process."""
    return EdgeKey.model_validate_json(_secret(secret_arn))


@cache
def session_key(secret_arn: str) -> SessionKey:
    """Return what session ids are signed with; asked for once a process."""
    return SessionKey.model_validate_json(_secret(secret_arn))


@transient_errors()
def _secret(arn: str) -> str:
    text: str = client("secretsmanager").get_secret_value(SecretId=arn)["SecretString"]
    return text
