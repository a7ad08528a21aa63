"""The environment contracts of what a failed workflow leaves behind."""

from __future__ import annotations

from typing import Literal

from lambdas.common.environment import Environment


class _OfPipeline(Environment):
    pipeline: Literal["ingestion", "encoding"]


class _WithQueue(_OfPipeline):
    failures_queue_url: str


class EvidenceEnvironment(_WithQueue):
    """`keep`: keeps the evidence of a failure, with the end of the job's log."""

    log_group: str


class AnnouncementEnvironment(_OfPipeline):
    """`announce`: announces that a workflow has failed."""

    event_bus: str


class EndEnvironment(_WithQueue, AnnouncementEnvironment):
    """`record_end`: does both for an execution whose end no step of it could record. No job's failure ends one so."""
