"""Seek thumbnails: a WebVTT track of pictures, and the sprite sheets that it names."""

from __future__ import annotations

import re
from pathlib import Path

from encoder.errors import PackagingError
from encoder.storage import ObjectStore
from lambdas.common.keys import MisplacedReferenceError, VersionLayout, referenced
from lambdas.common.media import ObjectRef

_PICTURE = re.compile(r"^(?P<sprite>[^\s#]+)#xywh=\d+,\d+,\d+,\d+\s*$", re.MULTILINE)


def sprites_of(track: str) -> tuple[str, ...]:
    """Return the sprite sheets that a thumbnail track names, each once, in their order."""
    return tuple(dict.fromkeys(found["sprite"] for found in _PICTURE.finditer(track)))


def fetch_thumbnails(track: ObjectRef, *, store: ObjectStore, out: Path) -> None:
    """Copy a thumbnail track, and the sprite sheets beside it, into `out`, a version's prefix.

    Raises
    ------
    ObjectMissingError
        If the track or one of its sheets is not there.
    PackagingError
        If it names no sheet, or one that does not lie beside it.
    """
    path = out / VersionLayout.THUMBNAIL_TRACK
    path.parent.mkdir(parents=True)
    store.fetch(track, path)
    beside = f"{track.key.rpartition('/')[0]}/"
    sprites = sprites_of(path.read_text(encoding="utf-8"))
    if not sprites:
        raise PackagingError(f"{track.uri} names no picture")
    for sprite in sprites:
        try:
            key = referenced(track.key, sprite, within=beside)
        except MisplacedReferenceError as error:
            raise PackagingError(f"{track.uri}: {error}") from error
        copy = path.parent / key.removeprefix(beside)
        copy.parent.mkdir(parents=True, exist_ok=True)
        store.fetch(ObjectRef(bucket=track.bucket, key=key), copy)
