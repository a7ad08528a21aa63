"""The environment contract of the failure recorder."""

from __future__ import annotations

from typing import Literal

from lambdas.common.environment import Environment


class FailureEnvironment(Environment):
    """`record`: keeps the evidence of a failed workflow, and announces the failure."""

    failures_queue_url: str
    event_bus: str
    pipeline: Literal["ingestion", "encoding"]
    log_group: str
