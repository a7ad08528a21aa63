"""The environment contracts of what a failed workflow leaves behind."""

from __future__ import annotations

from typing import Literal

from lambdas.common.environment import Environment


class _OfPipeline(Environment):
    pipeline: Literal["ingestion", "encoding"]


class EvidenceEnvironment(_OfPipeline):
    """`keep`: keeps the evidence of a failure."""

    failures_queue_url: str
    log_group: str


class AnnouncementEnvironment(_OfPipeline):
    """`announce`: announces that a workflow has failed."""

    event_bus: str


class EndEnvironment(EvidenceEnvironment, AnnouncementEnvironment):
    """`record_end`: does both for an execution whose end no step of it could record."""
