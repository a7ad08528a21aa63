"""The delivery manifest, and the inspection report that the encoder writes of a delivery."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from lambdas.common.keys import MANIFEST_NAME
from lambdas.common.media import Language, MediaFacts, Priority, Record, Slug, TitleMetadata

FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$")]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Role(StrEnum):
    """What a delivered file is for."""

    FEATURE = "feature"
    SUBTITLES = "subtitles"


class ManifestFile(Record):
    """One file of a delivery."""

    name: FileName
    role: Role
    size_bytes: Annotated[int, Field(ge=0)]
    sha256: Sha256
    language: Language | None = None

    @field_validator("name")
    @classmethod
    def _not_the_manifest_itself(cls, name: str) -> str:
        if name == MANIFEST_NAME:
            message = f"{MANIFEST_NAME} is the manifest itself: leave it out"
            raise ValueError(message)
        return name

    @model_validator(mode="after")
    def _subtitles_have_a_language(self) -> Self:
        if self.role is Role.SUBTITLES and self.language is None:
            message = "subtitles need a language"
            raise ValueError(message)
        return self


class DeliveryManifest(Record):
    """What a studio sends with its files; its arrival says that the delivery is complete."""

    schema_version: Literal[1]
    studio: Slug
    title: TitleMetadata
    priority: Priority = Priority.LICENSED
    files: Annotated[tuple[ManifestFile, ...], Field(max_length=100)]

    @model_validator(mode="after")
    def _one_feature_and_nothing_twice(self) -> Self:
        features = [file for file in self.files if file.role is Role.FEATURE]
        if len(features) != 1:
            message = f"a delivery has exactly one file of role 'feature', not {len(features)}"
            raise ValueError(message)
        names = [file.name for file in self.files]
        if len(set(names)) != len(names):
            message = "a file name stands twice"
            raise ValueError(message)
        languages = [file.language for file in self.files if file.role is Role.SUBTITLES]
        if len(set(languages)) != len(languages):
            message = "two subtitle files are in one language: send one a language"
            raise ValueError(message)
        return self

    @property
    def feature(self) -> ManifestFile:
        """The file that holds the picture."""
        return next(file for file in self.files if file.role is Role.FEATURE)


class FileInspection(Record):
    """What the inspection measured of one file. It measures; `validate` judges."""

    name: str
    present: bool
    size_bytes: int = 0
    sha256: str | None = None
    version_id: str | None = Field(default=None, description="the S3 version that was measured")
    facts: MediaFacts | None = None
    error: str | None = Field(default=None, description="the first complaint of the probe or the decoder")


class InspectionReport(Record):
    """The report of one delivery, one entry a file of the manifest."""

    schema_version: Literal[1] = 1
    files: tuple[FileInspection, ...]
