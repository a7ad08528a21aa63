"""The environment contracts of ingestion's functions."""

from __future__ import annotations

from lambdas.common.environment import Environment


class StartEnvironment(Environment):
    """`start`: one execution a delivery."""

    state_machine_arn: str


class ReadManifestEnvironment(Environment):
    """`read_manifest`: parses the manifest, and says how to inspect the files."""

    raw_bucket: str
    work_bucket: str
    event_bus: str


class ValidateEnvironment(Environment):
    """`validate`: judges the inspection's report."""

    work_bucket: str


class AcceptEnvironment(Environment):
    """`accept`: announces a source."""

    event_bus: str


class RejectEnvironment(Environment):
    """`reject`: announces a rejection."""

    event_bus: str
