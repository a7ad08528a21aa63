"""The key scheme: the one module that knows where an object lies. Nothing else builds keys.

========== ===================================================================================
bucket     layout
========== ===================================================================================
raw        ``{studio}/{delivery}/{file}``, the manifest being ``{studio}/{delivery}/manifest.json``
mezzanine  ``work/{version}/…`` while a delivery is inspected and a version is encoded (expires)
media      ``{title}/{version}/manifests|video|audio|subtitles/…``, and ``art/{title}/{version}/…``
========== ===================================================================================
"""

from __future__ import annotations

import re
from typing import NamedTuple

MANIFEST_NAME = "manifest.json"
WORK_PREFIX = "work/"
ART_PREFIX = "art/"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


class DeliveryLocation(NamedTuple):
    """Where a delivery lies in the raw bucket."""

    studio: str
    delivery_id: str

    @property
    def prefix(self) -> str:
        """The delivery's prefix, with its trailing slash."""
        return f"{self.studio}/{self.delivery_id}/"

    @property
    def manifest(self) -> str:
        """The key of the delivery's manifest."""
        return f"{self.prefix}{MANIFEST_NAME}"

    def file(self, name: str) -> str:
        """Return the key of the delivery's file `name`, a plain file name."""
        if not _NAME.fullmatch(name):
            message = f"{name!r} is not a plain file name"
            raise ValueError(message)
        return f"{self.prefix}{name}"


def delivery_of(manifest_key: str) -> DeliveryLocation:
    """Return the delivery that a manifest's key announces.

    Raises
    ------
    ValueError
        If the key is not ``{studio}/{delivery}/manifest.json``.
    """
    parts = manifest_key.split("/")
    if len(parts) != 3 or parts[2] != MANIFEST_NAME or not all(_NAME.fullmatch(p) for p in parts[:2]):  # noqa: PLR2004 - studio, delivery, file
        message = f"{manifest_key!r} is not {{studio}}/{{delivery}}/{MANIFEST_NAME}"
        raise ValueError(message)
    return DeliveryLocation(studio=parts[0], delivery_id=parts[1])


class Workspace(NamedTuple):
    """Where a version's intermediate artefacts lie in the mezzanine bucket, until they expire."""

    version_id: str

    @property
    def prefix(self) -> str:
        """The workspace's prefix, with its trailing slash."""
        return f"{WORK_PREFIX}{self.version_id}/"

    @property
    def inspection(self) -> str:
        """The inspection's report: fixity and probe of every delivered file."""
        return f"{self.prefix}inspection.json"

    @property
    def plan(self) -> str:
        """The encoding plan."""
        return f"{self.prefix}plan.json"

    @property
    def package(self) -> str:
        """The packaging report."""
        return f"{self.prefix}package.json"

    @property
    def audio(self) -> str:
        """The encoded audio track."""
        return f"{self.prefix}audio.mp4"

    def chunk(self, rung: str, index: int) -> str:
        """Return the key of chunk `index` (from 0) of `rung`."""
        return f"{self.prefix}chunks/{rung}/{index:05d}.mp4"

    def rendition(self, rung: str) -> str:
        """Return the key of the joined rendition of `rung`."""
        return f"{self.prefix}renditions/{rung}.mp4"

    def score(self, rung: str) -> str:
        """Return the key of the quality score of `rung`."""
        return f"{self.prefix}scores/{rung}.json"


class PublishedVersion(NamedTuple):
    """Where a packaged version lies in the media bucket. It is immutable."""

    title_id: str
    version_id: str

    @property
    def prefix(self) -> str:
        """The version's prefix, with its trailing slash: what an edge token opens."""
        return f"{self.title_id}/{self.version_id}/"

    @property
    def dash(self) -> str:
        """The DASH manifest."""
        return f"{self.prefix}manifests/manifest.mpd"

    @property
    def hls(self) -> str:
        """The HLS multivariant playlist."""
        return f"{self.prefix}manifests/master.m3u8"

    @property
    def poster(self) -> str:
        """The poster picture: outside the prefix, because the catalog shows it to everybody."""
        return f"{ART_PREFIX}{self.prefix}poster.jpg"
