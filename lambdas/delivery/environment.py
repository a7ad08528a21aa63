"""The environment of delivery's functions, field by field."""

from __future__ import annotations

from lambdas.common.environment import Environment


class EndSessionsEnvironment(Environment):
    """Of `end_sessions`: writes into the edge's key value store."""

    key_value_store_arn: str
