"""The delivery manifest, and the inspection report that the encoder writes of a delivery."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator

from lambdas.common.keys import MANIFEST_NAME
from lambdas.common.media import (
    Language,
    MediaFacts,
    Priority,
    Record,
    RightsWindow,
    Slug,
    SubtitleKind,
    TitleMetadata,
)

SCHEMA_VERSION = 2
MAX_FILES = 100
MAX_WINDOWS = 20
MAX_FILE_BYTES = 5 * 1024**4
"""The largest object that a multipart upload makes, 5 TiB."""

MAX_AUDIO_TRACKS = 32
"""Of a feature; an inspection lists one more, so that too many can be told from just enough."""

FileName = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$",
        description="a plain file name, no folder: letters, digits, `.`, `_` and `-` of ASCII, at most 128, "
        "beginning with a letter or a digit",
    ),
]
Sha256 = Annotated[
    str, Field(pattern=r"^[0-9a-f]{64}$", description="of the whole file: 64 hexadecimal digits, lower case")
]


class Role(StrEnum):
    """What a delivered file is for."""

    FEATURE = "feature"
    SUBTITLES = "subtitles"


class ManifestFile(Record):
    """One file of a delivery."""

    name: FileName
    role: Role = Field(description="`feature` is the film itself, `subtitles` one WebVTT file of it")
    size_bytes: Annotated[int, Field(ge=0, le=MAX_FILE_BYTES, description="a whole number of bytes, at most 5 TiB")]
    sha256: Sha256
    language: Annotated[
        Language | None,
        Field(validate_default=True, description="BCP 47, for example `en` or `pt-BR`; subtitles need it"),
    ] = None

    kind: SubtitleKind = Field(
        default=SubtitleKind.SUBTITLES,
        description="of subtitles: `subtitles` if left out; `forced`, shown although subtitles are off; "
        "`sdh`, for the deaf and hard of hearing",
    )

    @field_validator("name")
    @classmethod
    def _not_the_manifest_itself(cls, name: str) -> str:
        if name == MANIFEST_NAME:
            message = f"{MANIFEST_NAME} is the manifest itself: leave it out"
            raise ValueError(message)
        return name

    @field_validator("language")
    @classmethod
    def _subtitles_have_a_language(cls, language: str | None, info: ValidationInfo) -> str | None:
        if language is None and info.data.get("role") is Role.SUBTITLES:
            message = "subtitles need a language"
            raise ValueError(message)
        return language


class DeliveryManifest(Record):
    """What a studio sends with its files; its arrival says that the delivery is complete."""

    schema_version: Literal[2] = Field(description="2, this version of the manifest")
    studio: Annotated[
        Slug,
        Field(
            description="the studio in whose folder the delivery lies: lower case letters, digits, hyphens, at most 63"
        ),
    ]
    title: TitleMetadata = Field(description="what is delivered, as viewers will read it")
    priority: Literal[Priority.ORIGINAL, Priority.LICENSED] = Field(
        default=Priority.LICENSED, description="`original` goes before `licensed`, which it is if left out"
    )
    rights: Annotated[
        tuple[RightsWindow, ...],
        Field(
            min_length=1, max_length=MAX_WINDOWS, description="where and when the title may be shown: 1 to 20 windows"
        ),
    ]
    files: Annotated[
        tuple[ManifestFile, ...],
        Field(
            max_length=MAX_FILES,
            description="every file but the manifest, at most 100: exactly one of role `feature`, no name twice, "
            "and one subtitle file a language and kind",
        ),
    ]

    @field_validator("files")
    @classmethod
    def _one_feature_and_nothing_twice(cls, files: tuple[ManifestFile, ...]) -> tuple[ManifestFile, ...]:
        features = [file for file in files if file.role is Role.FEATURE]
        if len(features) != 1:
            message = f"a delivery has exactly one file of role 'feature', not {len(features)}"
            raise ValueError(message)
        names = [file.name for file in files]
        if len(set(names)) != len(names):
            message = "a file name stands twice"
            raise ValueError(message)
        texts = [(file.language, file.kind) for file in files if file.role is Role.SUBTITLES]
        if len(set(texts)) != len(texts):
            message = "two subtitle files are in one language and of one kind: send one, or say the kind of each"
            raise ValueError(message)
        return files

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
