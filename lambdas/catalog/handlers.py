"""The catalog's functions: two that follow the bus, and one that answers the API."""

from __future__ import annotations

from functools import cache

from aws_lambda_powertools.utilities.typing import LambdaContext

from lambdas.catalog.environment import ListEnvironment, PublishEnvironment, RecordEnvironment
from lambdas.catalog.publishing import Step, announcement, known, next_revision, next_step
from lambdas.catalog.store import CatalogStore
from lambdas.common.bus import publisher, received
from lambdas.common.clock import now
from lambdas.common.events import SourceAccepted, VersionPackaged
from lambdas.common.handling import Payload, entry_point, logger
from lambdas.common.problem import Answer, json_answer, problem_documents


@entry_point
def on_source_accepted(event: Payload, _context: LambdaContext) -> None:
    """Record the version that a `SourceAccepted` begins."""
    environment = RecordEnvironment.load()
    source = received(SourceAccepted, event)
    logger.append_keys(version_id=source.version_id, title_id=source.title.title_id)
    new = _store(environment.titles_table).add_version(source, at=now())
    logger.info("version recorded" if new else "known already")


@entry_point
def on_version_packaged(event: Payload, _context: LambdaContext) -> None:
    """Publish the version of a `VersionPackaged`, and announce it.

    Raises
    ------
    TransientError
        If its source's event has not come yet, or another publication won: Lambda tries again.
    ConflictError
        If the title belongs to another studio.
    """
    environment = PublishEnvironment.load()
    packaged = received(VersionPackaged, event)
    logger.append_keys(version_id=packaged.version_id, title_id=packaged.title_id)
    store = _store(environment.titles_table)
    found = store.version(title_id=packaged.title_id, version_id=packaged.version_id)
    version = known(found, packaged=packaged)
    title = store.title(packaged.title_id)
    step = next_step(packaged, version=version, title=title)
    logger.info("next step", extra={"step": step.name})
    if step is Step.PUBLISH:
        store.publish(packaged, version=version, before=title, at=now())
    if step is not Step.NOTHING:
        revision = title.revision if title and step is Step.ANNOUNCE else next_revision(title)
        publisher(environment.event_bus).publish(announcement(packaged, version=version, revision=revision))


@entry_point
@problem_documents
def list_titles(_event: Payload, _context: LambdaContext) -> Answer:
    """Answer ``GET /api/catalog/titles``: what is published, by name."""
    titles = _store(ListEnvironment.load().titles_table).published()
    return json_answer({"titles": [title.model_dump() | {"poster": f"/{title.poster}"} for title in titles]})


@cache
def _store(table: str) -> CatalogStore:
    return CatalogStore(table)
