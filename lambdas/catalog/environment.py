"""The environment contracts of the catalog's functions."""

from __future__ import annotations

from lambdas.common.environment import Environment


class CatalogEnvironment(Environment):
    """`on_source_accepted` and `on_version_packaged`: record versions, and publish them."""

    titles_table: str
    event_bus: str


class ListEnvironment(Environment):
    """`list_titles`: reads what is published."""

    titles_table: str
