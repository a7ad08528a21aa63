"""Titles and versions, as the catalog keeps them."""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from lambdas.common.media import TitleMetadata


class Stored(BaseModel):
    """What is read from the table: the fields that matter here, whatever else the item has."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class VersionState(StrEnum):
    """How far a version has come."""

    ENCODING = "encoding"
    PUBLISHED = "published"


class Version(Stored):
    """One source and its one encode. What the studio said of the title stays with the version."""

    version_id: str
    state: VersionState
    studio: str
    delivery_id: str
    title: TitleMetadata


class Title(Stored):
    """A title that has been published at least once.

    `revision` grows by one with every change of the current version: a writer that has read an older one loses.
    """

    studio: str
    current_version: str
    revision: int


class ListedTitle(Stored):
    """A published title, as everybody who has signed in may see it."""

    title_id: str
    name: str
    synopsis: str
    year: int | None
    credit: str
    duration_s: float
    version_id: str
    poster: str
