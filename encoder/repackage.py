"""Task ``repackage``: package the tracks of a published version anew. No picture or sound is encoded."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from encoder.claims import Claims
from encoder.errors import NotInPlanError, PackagingError
from encoder.keys import KeyOpener, OpenKey
from encoder.package import Tracks, package_tracks
from encoder.plan import Work
from encoder.storage import ObjectStore
from encoder.tools import FILE_CACHE, Tool, run
from lambdas.common.keys import PublishedVersion, VersionLayout
from lambdas.common.media import ObjectRef

_SEGMENT = re.compile(r"/seg_(?P<number>\d+)\.m4s$")
_DOWNLOADS_AT_ONCE = 8


def repackage(*, plan: str, store: ObjectStore, claims: Claims, opener: KeyOpener) -> None:
    """Package the tracks of the version that the plan names, decrypted with its keys, under the keys of the plan.

    Text, seek thumbnails and scores are taken from where `package` takes them.

    Raises
    ------
    NotInPlanError
        If the plan names no version.
    PackagingError
        If a track of it is not whole.
    ObjectMissingError, RefusedError
        As in `package`.
    """
    work = Work.read(plan, store=store)
    replaced = work.plan.repackages
    if replaced is None:
        raise NotInPlanError(f"the plan of {work.plan.version_id} names no version whose tracks are packaged anew")
    published = _Published(
        PublishedVersion(title_id=work.plan.title_id, version_id=replaced.version_id),
        bucket=work.plan.media_bucket,
        store=store,
    )

    def fetch(folder: Path) -> Tracks:
        keys = [opener.open(key, title_id=work.plan.title_id) for key in replaced.keys]
        return Tracks(
            video={
                recipe.rung: published.fetch(
                    VersionLayout.video(recipe.rung), folder / f"{recipe.rung}.mp4", "video", keys
                )
                for recipe in work.plan.video
            },
            audio={
                track.name: published.fetch(
                    VersionLayout.audio(track.name), folder / f"audio_{track.name}.mp4", "audio", keys
                )
                for track in work.plan.audio
            },
        )

    package_tracks(work, fetch=fetch, store=store, claims=claims, opener=opener)


class _Published:
    """A version in the media bucket, and its tracks as they were before they were packaged."""

    def __init__(self, version: PublishedVersion, *, bucket: str, store: ObjectStore) -> None:
        self._version, self._bucket, self._store = version, bucket, store

    def fetch(self, track: str, path: Path, kind: str, keys: list[OpenKey]) -> Path:
        """Write the track of a folder to `path`, in the clear, and return `path`."""
        encrypted = path.with_suffix(".encrypted")
        self._join(track, encrypted)
        # By the environment, as in `packager`: a command line can be read by every process of the machine.
        labels = ",".join(f"label={key.tier}:key_id={key.key_id}:key={key.secret_hex}" for key in keys)
        run(
            Tool.PACKAGER,
            [
                f"in={encrypted},stream={kind},output={path}",
                *("--enable_raw_key_decryption", "--fromenv=keys", *FILE_CACHE, "--quiet"),
            ],
            extra_environment={"FLAGS_keys": labels},
            secrets=[key.secret_hex for key in keys],
        )
        encrypted.unlink()
        return path

    def _join(self, track: str, path: Path) -> None:
        """Write the initialisation and all segments of a track to one file, one after the other."""
        prefix = self._version.within(f"{track}/")
        found = (_SEGMENT.search(key) for key in self._store.sizes(bucket=self._bucket, prefix=prefix))
        segments = {int(segment["number"]): segment.string for segment in found if segment}
        missing = [number for number in range(1, max(segments, default=1) + 1) if number not in segments]
        if missing:
            message = f"{prefix} lacks segment {missing[0]}: restore it from the bucket's older versions or its replica"
            raise PackagingError(message)
        parts = [f"{prefix}{VersionLayout.INIT}", *(segments[number] for number in sorted(segments))]
        folder = path.with_suffix(".parts")
        folder.mkdir()

        def fetch(numbered: tuple[int, str]) -> Path:
            number, key = numbered
            part = folder / str(number)
            self._store.fetch(ObjectRef(bucket=self._bucket, key=key), part)
            return part

        with ThreadPoolExecutor(_DOWNLOADS_AT_ONCE) as pool, path.open("wb") as joined:
            for part in pool.map(fetch, enumerate(parts)):
                joined.write(part.read_bytes())
                part.unlink()
        folder.rmdir()
