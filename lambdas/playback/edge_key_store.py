"""Where the key of edge tokens is kept."""

from __future__ import annotations

from functools import cache

from lambdas.common.aws import client, transient_errors
from lambdas.playback.models import EdgeKey


@cache
@transient_errors()
def edge_key(secret_arn: str) -> EdgeKey:
    """Return what edge tokens are signed with; asked for once a process."""
    answer = client("secretsmanager").get_secret_value(SecretId=secret_arn)
    return EdgeKey.model_validate_json(answer["SecretString"])
