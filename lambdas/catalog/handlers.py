"""The catalog's functions: two that follow the bus, one that answers the API, and five that operators call."""

from __future__ import annotations

from functools import cache, partial

from aws_lambda_powertools.utilities.typing import LambdaContext

from lambdas.catalog import rollback as rolling_back
from lambdas.catalog.campaigns import asked_for, progress
from lambdas.catalog.changes import announcement
from lambdas.catalog.environment import (
    CampaignEnvironment,
    PublishEnvironment,
    ReadEnvironment,
    RecordEnvironment,
    RollbackEnvironment,
)
from lambdas.catalog.media import in_place
from lambdas.catalog.models import (
    AuditRecord,
    CampaignRequest,
    ListQuery,
    RepackageRequest,
    RollbackRequest,
    ShowCampaignRequest,
    TitleList,
    VersionsRequest,
)
from lambdas.catalog.overview import overview
from lambdas.catalog.publishing import Step, known, next_step, publication
from lambdas.catalog.repackaging import repackage_of
from lambdas.catalog.store import CatalogStore
from lambdas.common.bus import publisher, received
from lambdas.common.clock import now
from lambdas.common.events import SourceAccepted, VersionPackaged
from lambdas.common.handling import Payload, entry_point, logger
from lambdas.common.parsing import parse
from lambdas.common.problem import Answer, json_answer, parse_query, problem_documents
from lambdas.common.rate_limiting import rate_limited


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
    """Publish the version of a `VersionPackaged` and announce it, unless a newer delivery was there before it.

    Raises
    ------
    TransientError
        If its source's event has not come yet, or another publication won: Lambda tries again.
    ConflictError
        If the title belongs to another studio.
    NotVerifiedError
        If it did not pass the automatic check.
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
    match step:
        case Step.PUBLISH:
            record = store.apply(publication(packaged, version=version, title=title), at=now())
            _announce(record, title_id=packaged.title_id, store=store, bus=environment.event_bus)
        case Step.KEEP:
            store.keep(packaged, version=version, at=now())
        case Step.ANNOUNCE:
            record = store.last_change(packaged.title_id)
            _announce(record, title_id=packaged.title_id, store=store, bus=environment.event_bus)


@entry_point
def rollback(event: Payload, _context: LambdaContext) -> Payload:
    """Make an earlier version of a title current again, and announce it; an operator calls this.

    Asking for what is current already changes nothing, and repeats the announcement, in case it was lost.

    Parameters
    ----------
    event
        ``title_id``, ``to`` (the version), ``by`` (an ARN) and ``reason``.

    Returns
    -------
    dict
        ``title_id``, ``version_id``, ``revision``, ``replaced`` (the version that was current), and ``changed``.

    Raises
    ------
    UnknownTitleError, UnknownVersionError
        If there is no such title or version.
    NotPackagedError, NotVerifiedError, MediaGoneError
        If the version cannot be shown.
    TransientError
        If something else changed the title meanwhile.
    """
    environment = RollbackEnvironment.load()
    request = parse(RollbackRequest, event)
    logger.append_keys(title_id=request.title_id, version_id=request.to)
    store = _store(environment.titles_table)
    change = rolling_back.rollback_of(
        request,
        title=store.title(request.title_id),
        version=store.version(title_id=request.title_id, version_id=request.to),
        in_place=partial(in_place, bucket=environment.media_bucket),
    )
    if change:
        record = store.apply(change, at=now())
        logger.info("rolled back", extra={"by": request.by, "revision": record.revision})
    else:
        record = store.last_change(request.title_id)
    _announce(record, title_id=request.title_id, store=store, bus=environment.event_bus)
    return {
        "title_id": request.title_id,
        "version_id": record.version_id,
        "revision": record.revision,
        "replaced": record.previous_version if change else None,
        "changed": change is not None,
    }


@entry_point
def repackage(event: Payload, _context: LambdaContext) -> Payload:
    """Ask for a title's current version to be packaged anew, from its own tracks; an operator calls this.

    Parameters
    ----------
    event
        A `RepackageRequest`: ``title_id``, ``new_keys`` and ``by`` (an ARN).

    Returns
    -------
    dict
        ``title_id``; ``version_id``, that of the version that is asked for; ``replaces``; ``new``: whether it was not
        asked for before, and ``state``, the version's.

    Raises
    ------
    UnknownTitleError, RecordIncompleteError
        If the title has no version whose tracks could be taken.
    TransientError
        If the table or the bus is away: ask again.
    """
    environment = CampaignEnvironment.load()
    request = parse(RepackageRequest, event)
    logger.append_keys(title_id=request.title_id)
    store = _store(environment.titles_table)
    title = store.title(request.title_id)
    version = store.version(title_id=request.title_id, version_id=title.current_version) if title else None
    asked = repackage_of(request, title=title, version=version)
    new = store.add_version(asked.accepted, at=now(), replaces=asked.replaces)
    # Whoever asks again may do so because this was lost; the workflow begins a version once.
    publisher(environment.event_bus).publish(asked)
    version_id = asked.accepted.version_id
    made = store.version(title_id=request.title_id, version_id=version_id)
    logger.info("packaged anew", extra={"version_id": version_id, "by": request.by, "new_keys": request.new_keys})
    return {
        "title_id": request.title_id,
        "version_id": version_id,
        "replaces": asked.replaces,
        "new": new,
        "state": made.state.value if made else None,
    }


@entry_point
def start_campaign(event: Payload, _context: LambdaContext) -> Payload:
    """Ask for published titles to be encoded anew, from the sources they have; an operator calls this.

    Whatever was asked for already under the same name is not asked for twice: say it again if it was interrupted.

    Parameters
    ----------
    event
        A `CampaignRequest`: ``campaign`` (its name), ``titles``, ``degraded``, ``now`` and ``by`` (an ARN).

    Returns
    -------
    dict
        ``campaign``, and ``titles``: of each its ``title_id``, ``outcome`` (an `Outcome`), ``version_id`` and
        ``message``.

    Raises
    ------
    TransientError
        If the table or the bus is away: ask again.
    """
    environment = CampaignEnvironment.load()
    request = parse(CampaignRequest, event)
    store, bus = _store(environment.titles_table), publisher(environment.event_bus)
    told = []
    for title_id in dict.fromkeys((*request.titles, *(_degraded(store) if request.degraded else ()))):
        title = store.title(title_id)
        version = store.version(title_id=title_id, version_id=title.current_version) if title else None
        asked = asked_for(request, title_id=title_id, version=version)
        if asked.event:
            new = store.add_reencode(asked.event, at=now())
            # Whoever asks again may do so because this was lost; the workflow begins a version once.
            bus.publish(asked.event)
            asked = asked if new else asked.again()
        told.append(asked)
    logger.info("campaign", extra={"campaign": request.campaign, "titles": len(told), "by": request.by})
    return {"campaign": request.campaign, "titles": [each.told for each in told]}


@entry_point
def show_campaign(event: Payload, _context: LambdaContext) -> Payload:
    """Tell an operator what became of each version that a campaign asked for; see `progress`."""
    store = _store(ReadEnvironment.load().titles_table)
    campaign = parse(ShowCampaignRequest, event).campaign
    entries = store.campaign(campaign)
    found = {entry.version_id: store.version(title_id=entry.title_id, version_id=entry.version_id) for entry in entries}
    return progress(campaign, entries=entries, versions=found)


def _degraded(store: CatalogStore) -> list[str]:
    """Return the published titles whose current version was made in degraded mode."""
    listed = store.published()
    versions = (store.version(title_id=title.title_id, version_id=title.version_id) for title in listed)
    return [title.title_id for title, version in zip(listed, versions, strict=True) if version and version.degraded]


@entry_point
def versions(event: Payload, _context: LambdaContext) -> Payload:
    """Tell an operator a title's versions and every change of the current one; see `overview`."""
    environment = ReadEnvironment.load()
    title_id = parse(VersionsRequest, event).title_id
    store = _store(environment.titles_table)
    return overview(
        title_id,
        title=store.title(title_id),
        versions=store.versions(title_id),
        trail=store.audit_trail(title_id),
    )


@entry_point
@rate_limited
@problem_documents
def list_titles(event: Payload, _context: LambdaContext) -> Answer:
    """Answer ``GET /api/catalog/titles``: what is published, by name, and fits the profile's age."""
    max_age = parse_query(event, ListQuery).max_age
    titles = _store(ReadEnvironment.load().titles_table).published()
    told = (title.model_copy(update={"poster": f"/{title.poster}"}) for title in titles if title.fits(max_age))
    return json_answer(TitleList(titles=tuple(told)))


def _announce(record: AuditRecord, *, title_id: str, store: CatalogStore, bus: str) -> None:
    """Tell the bus of a change that was made."""
    version = rolling_back.known(
        store.version(title_id=title_id, version_id=record.version_id), title_id=title_id, version_id=record.version_id
    )
    publisher(bus).publish(announcement(record, version=version))


@cache
def _store(table: str) -> CatalogStore:
    return CatalogStore(table)
