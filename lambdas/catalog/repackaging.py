"""Packaging anew: a title gets a version with the tracks of its current one, perhaps under new keys."""

from __future__ import annotations

from lambdas.catalog.models import RepackageRequest, Title, Version
from lambdas.catalog.rollback import UnknownTitleError, known
from lambdas.common.errors import ConflictError
from lambdas.common.events import RepackageRequested
from lambdas.common.versions import repackaged


class RecordIncompleteError(ConflictError):
    """The catalog knows too little of a version."""


def repackage_of(request: RepackageRequest, *, title: Title | None, version: Version | None) -> RepackageRequested:
    """Return the event that has a title's current version packaged anew.

    Asking twice asks for the same version: it is packaged once.

    Parameters
    ----------
    title, version
        The title and its current version, as the catalog has them.

    Raises
    ------
    UnknownTitleError, UnknownVersionError
        If the catalog does not know them.
    RecordIncompleteError
        If the version was recorded before the catalog kept what is needed.
    """
    if title is None:
        message = f"there is no published title {request.title_id!r}: `marquee titles` lists them"
        raise UnknownTitleError(message)
    version = known(version, title_id=request.title_id, version_id=title.current_version)
    made = repackaged(version.version_id, new_keys=request.new_keys)
    accepted = version.source_of(made, priority=version.priority)
    if accepted is None:
        message = f"too little is known of version {version.version_id}: let it be delivered again"
        raise RecordIncompleteError(message)
    return RepackageRequested(
        replaces=version.version_id,
        new_keys=request.new_keys,
        by=request.by,
        accepted=accepted,
    )
