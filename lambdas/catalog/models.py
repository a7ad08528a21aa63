"""Titles, versions and their audit trail, as the catalog keeps them."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, NamedTuple, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from lambdas.common.events import Fixity, SourceAccepted, VersionPackaged
from lambdas.common.media import (
    Age,
    EncodingMode,
    MediaFacts,
    ObjectRef,
    Priority,
    Record,
    RightsWindow,
    SeriesPlace,
    Slug,
    Stored,
    SubtitleSource,
    TitleMetadata,
)


class VersionState(StrEnum):
    """How far a version has come.

    ::

        encoding ──> packaged ──> published ──> replaced   by a newer delivery, or what was made of it
            └────────────────────────^ ^ └────> withdrawn  by a rollback
                                       └─────── by a rollback, from packaged, replaced or withdrawn
    """

    ENCODING = "encoding"
    PACKAGED = "packaged"
    """Ready, and not published: a newer delivery was there before it, or what it was to replace was not current."""
    PUBLISHED = "published"
    """The title's current version; a title has one at most."""
    REPLACED = "replaced"
    WITHDRAWN = "withdrawn"


class Delivered(NamedTuple):
    """A version's place in the order of its title's deliveries. It compares as that order does."""

    at: AwareDatetime
    version_id: str


class Version(Stored):
    """One source and its one encode: all that a publication of it needs, and what is known of its source."""

    version_id: str
    state: VersionState
    studio: str
    delivery_id: str
    title: TitleMetadata
    priority: Priority
    delivered_at: AwareDatetime
    accepted_at: AwareDatetime
    media: ObjectRef
    analysis: ObjectRef
    facts: MediaFacts
    rights: tuple[RightsWindow, ...]
    thumbnails: ObjectRef | None = Field(default=None, description="none: recorded before there were campaigns")
    subtitles: tuple[SubtitleSource, ...] = ()
    fixity: tuple[Fixity, ...] = ()
    campaign: Slug | None = Field(default=None, description="that encoded it anew; none: it was delivered")
    replaces: str | None = Field(default=None, description="the version that it was made of, if it was no delivery")
    packaged: VersionPackaged | None = None
    packaged_at: AwareDatetime | None = None
    published_at: AwareDatetime | None = None

    @property
    def delivered(self) -> Delivered:
        """Its place in the order of deliveries."""
        return Delivered(self.delivered_at, self.version_id)

    @property
    def verified(self) -> bool:
        """Whether the check before publication passed."""
        return bool(self.packaged and self.packaged.verification and self.packaged.verification.verified)

    @property
    def degraded(self) -> bool:
        """Whether less trouble was taken over it than usual."""
        return bool(self.packaged and self.packaged.mode is EncodingMode.DEGRADED)

    def source_of(self, version_id: str, *, priority: Priority) -> SourceAccepted | None:
        """Return its source as that of another version; none, if it was recorded before enough of it was kept."""
        if self.thumbnails is None:
            return None
        return SourceAccepted(
            studio=self.studio,
            delivery_id=self.delivery_id,
            version_id=version_id,
            title=self.title,
            priority=priority,
            delivered_at=self.delivered_at,
            media=self.media,
            facts=self.facts,
            analysis=self.analysis,
            thumbnails=self.thumbnails,
            rights=self.rights,
            subtitles=self.subtitles,
            fixity=self.fixity,
        )


class Title(Stored):
    """A title that has been published at least once.

    `revision` grows by one with every change of the current version: a writer that has read an older one loses.
    `newest` is the latest delivery that was ever current. It never goes back, also when the current version does.
    """

    studio: str
    current_version: str
    revision: int
    newest: Delivered


class Action(StrEnum):
    """What changed a title's current version."""

    PUBLISH = "publish"
    ROLLBACK = "rollback"


class AuditRecord(Stored):
    """One change of a title's current version. It is written once, and never changed."""

    revision: int
    action: Action
    version_id: str
    previous_version: str | None
    at: AwareDatetime
    by: str
    reason: str


class Request(BaseModel):
    """The base of what operators ask; a field that is not known is a mistake."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title_id: Slug


class RollbackRequest(Request):
    """Input of `rollback`."""

    to: Annotated[str, Field(min_length=1, max_length=64, description="the version that shall be current")]
    by: Annotated[str, Field(min_length=1, max_length=2048, description="who asks: an ARN")]
    reason: Annotated[str, Field(max_length=500)] = ""


class VersionsRequest(Request):
    """Input of `versions`."""


class RepackageRequest(Request):
    """Input of `repackage`."""

    new_keys: Annotated[bool, Field(description="whether a new key period is opened")] = False
    by: Annotated[str, Field(min_length=1, max_length=2048, description="who asks: an ARN")]


class CampaignEntry(Stored):
    """A version that a campaign asked for."""

    campaign: str
    title_id: str
    version_id: str
    replaces: str
    off_peak: bool
    at: AwareDatetime
    by: str


class CampaignRequest(BaseModel):
    """Input of `start_campaign`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    campaign: Slug
    titles: Annotated[tuple[Slug, ...], Field(max_length=500, description="at most 500 at a time")] = ()
    degraded: Annotated[bool, Field(description="every title whose current version was made in degraded mode")] = False
    now: Annotated[bool, Field(description="whether it does not wait for off-peak hours")] = False
    by: Annotated[str, Field(min_length=1, max_length=2048, description="who asks: an ARN")]

    @model_validator(mode="after")
    def _asks_for_something(self) -> Self:
        if not self.titles and not self.degraded:
            message = "name titles, or ask for the degraded ones"
            raise ValueError(message)
        return self


class ShowCampaignRequest(BaseModel):
    """Input of `show_campaign`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    campaign: Slug


class ListedTitle(Stored):
    """A published title, as everybody who has signed in may see it."""

    title_id: str
    name: str
    synopsis: str
    year: int | None
    credit: str
    min_age: int | None = Field(default=None, description="its rating, in years; none: it is not rated")
    series: SeriesPlace | None = Field(default=None, description="of which it is an episode; none: of none")
    duration_s: float
    version_id: str
    poster: str

    def fits(self, max_age: int | None) -> bool:
        """Whether who may see ratings up to `max_age` may see it; what is not rated, only who may see every one."""
        return max_age is None or (self.min_age is not None and self.min_age <= max_age)


class ListQuery(BaseModel):
    """Query of ``GET /api/catalog/titles``."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    max_age: Age | None = Field(default=None, description="of the profile that is shown the titles")


class TitleList(Record):
    """Answer of ``GET /api/catalog/titles``."""

    titles: tuple[ListedTitle, ...] = Field(description="by name; posters by their path below the site's address")
