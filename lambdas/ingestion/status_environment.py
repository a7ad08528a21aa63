"""The environment contracts of the functions that tell studios how their deliveries fare."""

from __future__ import annotations

from lambdas.common.environment import Environment


class FollowEnvironment(Environment):
    """`on_event`: projects the bus to the statuses."""

    deliveries_table: str


class StatusEnvironment(Environment):
    """`list_deliveries` and `get_delivery`: read the statuses."""

    deliveries_table: str


class StillEnvironment(Environment):
    """`get_still`: reads a status, and the still that it names."""

    deliveries_table: str
    work_bucket: str


class NotifyEnvironment(Environment):
    """`notify`: writes letters."""

    topic_arn: str


class WebhookEnvironment(Environment):
    """`webhook`: posts letters."""

    parameter_prefix: str
    dead_letters_url: str
    queue_url: str
    loopback: bool
    """Whether a webhook may be on this machine: in the embedded cloud it is."""
