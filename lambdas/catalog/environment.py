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


class RollbackEnvironment(Environment):
    """`rollback`: makes an earlier version current again."""

    titles_table: str
    media_bucket: str
    event_bus: str


class CampaignEnvironment(Environment):
    """`start_campaign` and `repackage`: ask for published titles to be encoded or packaged anew."""

    titles_table: str
    event_bus: str


class ReadEnvironment(Environment):
    """`list_titles`, `versions`, `show_campaign`: read what there is."""

    titles_table: str
