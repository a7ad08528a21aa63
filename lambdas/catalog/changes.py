"""A change of a title's current version, as a value: decided here, written by the store in one transaction."""

from __future__ import annotations

from dataclasses import dataclass

from lambdas.catalog.models import Action, AuditRecord, Delivered, Title, Version, VersionState
from lambdas.common.errors import PermanentError
from lambdas.common.events import TitlePublished, TitleRolledBack, VersionPackaged

CATALOG = "catalog"
"""Who publishes what was packaged: nobody has to be asked."""


class NotPackagedError(PermanentError):
    """A version is not encoded and packaged, so there is nothing to publish."""


class NotVerifiedError(PermanentError):
    """A version did not pass the automatic check, and is not published."""


def publishable(packaged: VersionPackaged | None, *, version: Version) -> VersionPackaged:
    """Return what was packaged of `version`, if it may be shown.

    Raises
    ------
    NotPackagedError
        If nothing was packaged.
    NotVerifiedError
        If it did not pass the automatic check.
    """
    if packaged is None:
        message = (
            f"version {version.version_id} of {version.title.title_id!r} is not packaged: wait for its encode, "
            "or look into why it failed (`marquee status`)"
        )
        raise NotPackagedError(message)
    if packaged.verification is None or not packaged.verification.verified:
        message = (
            f"version {version.version_id} of {version.title.title_id!r} did not pass the check before publication: "
            "read its verification report, then let it be delivered again"
        )
        raise NotVerifiedError(message)
    return packaged


@dataclass(frozen=True, kw_only=True)
class Change:
    """Make `version` the current one of its title.

    Parameters
    ----------
    version
        The version as it was read.
    packaged
        What was packaged of it: see `publishable`.
    before
        The title as it was read; none, if this is its first version.
    by, reason
        Who changes it, and why.
    """

    action: Action
    version: Version
    packaged: VersionPackaged
    before: Title | None
    by: str = CATALOG
    reason: str = ""

    @property
    def title_id(self) -> str:
        """The title that changes."""
        return self.version.title.title_id

    @property
    def revision(self) -> int:
        """The title's revision after the change."""
        return self.before.revision + 1 if self.before else 1

    @property
    def newest(self) -> Delivered:
        """The latest delivery that was ever current, after the change. What a campaign made is none."""
        if self.before is None:
            return self.version.delivered
        return self.before.newest if self.version.replaces else max(self.before.newest, self.version.delivered)

    @property
    def state_of_replaced(self) -> VersionState:
        """What becomes of the version that was current."""
        return VersionState.WITHDRAWN if self.action is Action.ROLLBACK else VersionState.REPLACED


def announcement(record: AuditRecord, *, version: Version) -> TitlePublished:
    """Return the event that tells everybody of a change, by its record and the version that it made current."""
    packaged = publishable(version.packaged, version=version)
    published = TitlePublished(
        revision=record.revision,
        studio=version.studio,
        delivery_id=version.delivery_id,
        title=version.title,
        version_id=version.version_id,
        duration_s=packaged.duration_s,
        manifests=packaged.manifests,
        poster=packaged.poster,
        thumbnails=packaged.thumbnails,
        renditions=packaged.renditions,
        key_ids=packaged.key_ids,
        rights=version.rights,
    )
    if record.action is not Action.ROLLBACK:
        return published
    return TitleRolledBack(
        **dict(published), replaced=record.previous_version or "", by=record.by, reason=record.reason
    )
