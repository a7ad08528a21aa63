"""The environment contracts of ingestion's functions."""

from __future__ import annotations

from lambdas.common.environment import Environment
from lambdas.ingestion.quality import QcThresholds


class StartEnvironment(Environment):
    """`start`: one execution a delivery."""

    state_machine_arn: str
    event_bus: str


class ReadManifestEnvironment(Environment):
    """`read_manifest`: parses the manifest, and says how to inspect the files."""

    raw_bucket: str
    work_bucket: str
    event_bus: str


class ValidateEnvironment(Environment):
    """`validate`: judges the inspection's report, and says how to analyse the feature."""

    work_bucket: str
    deliveries_table: str


class JudgeEnvironment(Environment):
    """`judge`: judges the analysis's report by the thresholds."""

    work_bucket: str
    event_bus: str
    thresholds: str
    """`QcThresholds` as JSON."""

    @property
    def quality(self) -> QcThresholds:
        """The thresholds."""
        return QcThresholds.model_validate_json(self.thresholds)


class ReviewEnvironment(Environment):
    """`request_review`: asks a person."""

    work_bucket: str
    event_bus: str
    deliveries_table: str
    review_hours: int
    review_escalated_hours: int


class ListReviewsEnvironment(Environment):
    """`list_reviews`: what waits for a person."""

    deliveries_table: str


class DecideReviewEnvironment(Environment):
    """`decide_review`: a person's answer."""

    deliveries_table: str
    event_bus: str


class AcceptEnvironment(Environment):
    """`accept`: keeps each file once, and announces a source."""

    work_bucket: str
    deliveries_table: str
    event_bus: str


class RejectEnvironment(Environment):
    """`reject`: announces a rejection."""

    deliveries_table: str
    event_bus: str


class LabelsEnvironment(Environment):
    """`collect_labels`: keeps what Rekognition saw."""

    work_bucket: str
