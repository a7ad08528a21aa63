"""Rolling a title back: an operator makes an earlier version current again."""

from __future__ import annotations

from collections.abc import Callable

from lambdas.catalog.changes import Change, publishable
from lambdas.catalog.models import Action, RollbackRequest, Title, Version
from lambdas.common.errors import NotFoundError
from lambdas.common.media import Manifests


class UnknownTitleError(NotFoundError):
    """There is no such title, or it was never published."""


class UnknownVersionError(NotFoundError):
    """A title has no such version."""


class MediaGoneError(NotFoundError):
    """A version's manifests are not in the media bucket any more."""


def known(version: Version | None, *, title_id: str, version_id: str) -> Version:
    """Return the version that was found.

    Raises
    ------
    UnknownVersionError
        If none was.
    """
    if version is None:
        message = f"{title_id!r} has no version {version_id!r}: `marquee versions {title_id}` lists them"
        raise UnknownVersionError(message)
    return version


def rollback_of(
    request: RollbackRequest,
    *,
    title: Title | None,
    version: Version | None,
    in_place: Callable[[Manifests], bool],
) -> Change | None:
    """Return the change that makes the wanted version current; none, if it is.

    Parameters
    ----------
    title, version
        The title and the wanted version, as the catalog has them.
    in_place
        Says whether a version's manifests are in the media bucket.

    Raises
    ------
    UnknownTitleError, UnknownVersionError
        If the catalog does not know them.
    NotPackagedError, NotVerifiedError
        If the version is not ready, or not good.
    MediaGoneError
        If its manifests do not exist any more.
    """
    if title is None:
        message = f"there is no published title {request.title_id!r}: `marquee titles` lists them"
        raise UnknownTitleError(message)
    version = known(version, title_id=request.title_id, version_id=request.to)
    if title.current_version == version.version_id:
        return None
    change = Change(
        action=Action.ROLLBACK,
        version=version,
        packaged=publishable(version.packaged, version=version),
        before=title,
        by=request.by,
        reason=request.reason,
    )
    if not in_place(change.packaged.manifests):
        message = (
            f"the manifests of version {version.version_id} are not in the media bucket any more: restore them from "
            "the bucket's older versions or its replica, or deliver the version again"
        )
        raise MediaGoneError(message)
    return change
