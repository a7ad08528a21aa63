"""Publishing: what a packaged version does to its title, decided before anything is written."""

from __future__ import annotations

from enum import Enum, auto

from lambdas.catalog.changes import Change, publishable
from lambdas.catalog.models import Action, Title, Version, VersionState
from lambdas.common.errors import ConflictError, TransientError
from lambdas.common.events import VersionPackaged


class Step(Enum):
    """What is left to do about a packaged version."""

    PUBLISH = auto()
    """Flip the title to it, then announce it."""
    KEEP = auto()
    """Record it, and leave the title as it is: see `next_step`."""
    ANNOUNCE = auto()
    """It is current already; its announcement may have been lost."""
    NOTHING = auto()
    """It was dealt with, and is not current."""


def known(version: Version | None, *, packaged: VersionPackaged) -> Version:
    """Return the version of `packaged`.

    Raises
    ------
    TransientError
        If the catalog does not know it yet: the bus keeps no order, and its source's event is on the way.
    """
    if version is None:
        raise TransientError(f"version {packaged.version_id} is packaged before it is known: try again")
    return version


def next_step(packaged: VersionPackaged, *, version: Version, title: Title | None) -> Step:
    """Return what to do about `packaged`, given what the catalog knows of its version and its title.

    A version is published if it was delivered after every version that was ever current. So an older delivery
    whose encode takes longer replaces nothing, and a rollback is not undone by what was delivered before it. What a
    campaign made of a version is published if that version is the current one, and else replaces nothing.

    Raises
    ------
    ConflictError
        If the title belongs to another studio.
    """
    if title and title.studio != version.studio:
        message = f"title {packaged.title_id!r} belongs to {title.studio!r}, and {version.studio!r} sent a version"
        raise ConflictError(message)
    if version.state is VersionState.ENCODING:
        return Step.PUBLISH if _comes_next(version, title=title) else Step.KEEP
    if title and title.current_version == packaged.version_id:
        return Step.ANNOUNCE
    return Step.NOTHING


def _comes_next(version: Version, *, title: Title | None) -> bool:
    if version.replaces is not None:
        return title is not None and title.current_version == version.replaces
    return title is None or version.delivered > title.newest


def publication(packaged: VersionPackaged, *, version: Version, title: Title | None) -> Change:
    """Return the change that publishes `packaged`.

    Raises
    ------
    NotVerifiedError
        If it did not pass the automatic check.
    """
    return Change(action=Action.PUBLISH, version=version, packaged=publishable(packaged, version=version), before=title)
