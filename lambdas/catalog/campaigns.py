"""Campaigns: published titles are encoded anew, from the same sources, under the recipe of today."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, NamedTuple

from lambdas.catalog.models import CampaignEntry, CampaignRequest, Version
from lambdas.common.errors import NotFoundError
from lambdas.common.events import ReencodeRequested
from lambdas.common.media import Priority
from lambdas.common.versions import reencoded


class UnknownCampaignError(NotFoundError):
    """Nobody has begun such a campaign."""


class Outcome(StrEnum):
    """What became of asking for one title."""

    ASKED = "asked"
    KNOWN = "known"
    """It was asked for before, under the same campaign."""
    REFUSED = "refused"


class Asked(NamedTuple):
    """One title of a campaign; `event` is to be announced."""

    title_id: str
    outcome: Outcome
    version_id: str | None = None
    message: str = ""
    event: ReencodeRequested | None = None

    def again(self) -> Asked:
        """Return the same of a title that was asked for before: what is said now changes nothing."""
        message = "it was asked for before under this campaign, and when it begins was decided then"
        return self._replace(outcome=Outcome.KNOWN, message=message)

    @property
    def told(self) -> dict[str, Any]:
        """What the operator is told, as JSON values."""
        return {
            "title_id": self.title_id,
            "outcome": self.outcome.value,
            "version_id": self.version_id,
            "message": self.message,
        }


def asked_for(request: CampaignRequest, *, title_id: str, version: Version | None) -> Asked:
    """Return what is to be done about one title.

    Parameters
    ----------
    version
        The title's current one, as the catalog has it; none, if the title was never published.
    """
    if version is None:
        return Asked(title_id, Outcome.REFUSED, message="it was never published: `marquee titles` lists what is")
    if version.campaign == request.campaign:
        return Asked(title_id, Outcome.KNOWN, version_id=version.version_id, message="it is done")
    version_id = reencoded(version.version_id, campaign=request.campaign)
    accepted = version.source_of(version_id, priority=Priority.CAMPAIGN)
    if accepted is None:
        message = f"version {version.version_id} was recorded before there were campaigns: let it be delivered again"
        return Asked(title_id, Outcome.REFUSED, message=message)
    event = ReencodeRequested(
        campaign=request.campaign,
        replaces=version.version_id,
        off_peak=not request.now,
        by=request.by,
        accepted=accepted,
    )
    return Asked(title_id, Outcome.ASKED, version_id=version_id, event=event)


def progress(
    campaign: str, *, entries: Sequence[CampaignEntry], versions: Mapping[str, Version | None]
) -> dict[str, Any]:
    """Return what became of each version that a campaign asked for, as JSON values.

    ``state`` is the version's (see `VersionState`): one that is ``encoding`` waits, is at work or has failed, which the
    encoding workflow knows.

    Raises
    ------
    UnknownCampaignError
        If it asked for nothing.
    """
    if not entries:
        message = f"nobody has begun a campaign {campaign!r}: `marquee campaign start {campaign} TITLE…` does"
        raise UnknownCampaignError(message)
    told = [
        entry.model_dump(mode="json", exclude={"campaign"})
        | {"state": version.state.value if (version := versions[entry.version_id]) else None}
        for entry in entries
    ]
    return {"campaign": campaign, "versions": told}
