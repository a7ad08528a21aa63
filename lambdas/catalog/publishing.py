"""Publishing: what a packaged version does to its title, decided before anything is written."""

from __future__ import annotations

from enum import Enum, auto

from lambdas.catalog.models import Title, Version, VersionState
from lambdas.common.errors import ConflictError, TransientError
from lambdas.common.events import TitlePublished, VersionPackaged


class Step(Enum):
    """What is left to do about a packaged version."""

    PUBLISH = auto()
    """Flip the title to it, then announce it."""
    ANNOUNCE = auto()
    """It is current already; its announcement may have been lost."""
    NOTHING = auto()
    """It was published, and has been replaced since."""


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

    Raises
    ------
    ConflictError
        If the title belongs to another studio.
    """
    if title and title.studio != version.studio:
        message = f"title {packaged.title_id!r} belongs to {title.studio!r}, and {version.studio!r} sent a version"
        raise ConflictError(message)
    if version.state is VersionState.ENCODING:
        return Step.PUBLISH
    if title and title.current_version == packaged.version_id:
        return Step.ANNOUNCE
    return Step.NOTHING


def next_revision(title: Title | None) -> int:
    """Return the revision that a change of `title` makes; none is a title that was never published."""
    return title.revision + 1 if title else 1


def announcement(packaged: VersionPackaged, *, version: Version, revision: int) -> TitlePublished:
    """Return the event that tells everybody about a title's current version, current since `revision`."""
    return TitlePublished(
        revision=revision,
        studio=version.studio,
        delivery_id=version.delivery_id,
        title=version.title,
        version_id=packaged.version_id,
        duration_s=packaged.duration_s,
        manifests=packaged.manifests,
        poster=packaged.poster,
        renditions=packaged.renditions,
        key_ids=packaged.key_ids,
    )
