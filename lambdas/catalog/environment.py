"""The environment contracts of the catalog's functions."""

from __future__ import annotations

from lambdas.common.environment import Environment


class RecordEnvironment(Environment):
    """`on_source_accepted`: records versions."""

    titles_table: str


class PublishEnvironment(Environment):
    """`on_version_packaged`: publishes versions."""

    titles_table: str
    event_bus: str


class ListEnvironment(Environment):
    """`list_titles`: reads what is published."""

    titles_table: str
