"""The environment contracts of storage's functions."""

from __future__ import annotations

from lambdas.common.environment import Environment


class RecordEnvironment(Environment):
    """`on_source_accepted`: keeps which objects a version was made from."""

    sources_table: str


class FindEnvironment(Environment):
    """`find_source`: says what has to be restored, and how it will be read."""

    sources_table: str
    reports_bucket: str


class ReportEnvironment(Environment):
    """`report_restore`: judges what was read."""

    reports_bucket: str
    event_bus: str


class CheckEnvironment(Environment):
    """`verify_replicas` and `compare_inventories`: hold buckets against their replicas."""

    reports_bucket: str
    pairs: str
    """A JSON list of `ReplicaPair`."""
    lag_minutes: int
    """How young an object may be to be still on its way."""
    sample: int
    """Objects a pair that are verified."""
