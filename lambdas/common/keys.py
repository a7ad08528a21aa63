"""The key scheme: the one module that knows where an object lies. Nothing else builds keys.

========== ===================================================================================
bucket     layout
========== ===================================================================================
raw        ``{studio}/{delivery}/{file}``, the manifest being ``{studio}/{delivery}/manifest.json``
mezzanine  ``work/{version}/…`` while a delivery is inspected and a version is encoded (expires), and
           ``analysis/{version}/…``: quality control, stills and seek thumbnails (kept), and
           ``made/{version}.json``: how a packaged version was made (kept)
media      ``{title}/{version}/…``, see `VersionLayout`, and ``art/{title}/{version}/…``
========== ===================================================================================
"""

from __future__ import annotations

import posixpath
import re
from typing import NamedTuple

MANIFEST_NAME = "manifest.json"
WORK_PREFIX = "work/"
MADE_PREFIX = "made/"
ANALYSIS_PREFIX = "analysis/"
ART_PREFIX = "art/"
INVENTORY_PREFIX = "inventory"
RESTORES_PREFIX = "restores/"
CHECKS_PREFIX = "checks/"
_PREDICTION = "prediction.json"
_SEARCH = "search/"
_PLAN = "plan.json"
_SCORES = "score/"
_PACKAGE = "package/"
_THUMBNAILS = "thumbnails/"
_JPEG = ".jpg"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_REFERENCE = re.compile(r"[A-Za-z0-9._-][A-Za-z0-9._/-]*")


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


def is_plain_name(name: str) -> bool:
    """Return whether a delivery or a file of it may have this name."""
    return _NAME.fullmatch(name) is not None


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
        return f"{self.prefix}{_PLAN}"

    @property
    def prediction(self) -> str:
        """What the plan will cost, as it was thought before the first job."""
        return f"{self.prefix}{_PREDICTION}"

    @property
    def jobs(self) -> str:
        """The list of the jobs that a state machine maps over."""
        return f"{self.prefix}jobs.json"

    @property
    def jobs_again(self) -> str:
        """Those of them whose chunks were not good enough, and are encoded again."""
        return f"{self.prefix}jobs-again.json"

    def track(self, job: str) -> str:
        """Return the key of the encoded chunk, rendition or audio track that is the result of `job`, by its id."""
        return f"{self.prefix}{job}.mp4"

    def score(self, job: str) -> str:
        """Return the key of the quality score that is the result of `job`, by its id."""
        return f"{self.prefix}{job}.json"

    def loudness(self, job: str) -> str:
        """Return the key of the `LoudnessReport` of the track that is the result of `job`, by its id."""
        return f"{self.prefix}{job}.json"

    def ladder(self, job: str) -> str:
        """Return the key of the `LadderReport` that is the result of the searching `job`, by its id."""
        return f"{self.prefix}{job}.json"

    def package(self, job: str) -> str:
        """Return the key of the packaging report that is the result of `job`, by its id."""
        return f"{self.prefix}{job}.json"

    def verification(self, job: str) -> str:
        """Return the key of the report of a good check of the packaged version: the result of `job`, by its id."""
        return f"{self.prefix}{job}.json"

    def faults(self, job: str) -> str:
        """Return the key of what the checking `job` found at fault the last time: no result, the check goes on."""
        return f"{self.prefix}{job}-faults.json"

    def picture(self, job: str, *, of: str, place: int = 0) -> str:
        """Return the key of a frame that the scoring `job` found poor, a JPEG: of ``source`` or ``rendition``.

        The worst is in place 0.
        """
        return f"{self.prefix}{job}{f'-{place}' if place else ''}-{of}{_JPEG}"

    def has_picture(self, key: str) -> bool:
        """Say whether an object is such a frame of this version, by its key."""
        return key.startswith(f"{self.prefix}{_SCORES}") and key.endswith(_JPEG)

    def attempt(self, job: str, *, token: int) -> str:
        """Return the key that the holder of a fencing token writes its result of `job` to."""
        return f"{self.prefix}attempts/{job}/{token}"


ANY_PREDICTION = f"{WORK_PREFIX}*/{_PREDICTION}"
"""As policies write the predictions of all versions; what lies beside them is film in the clear."""
ANY_PLAN = f"{WORK_PREFIX}*/{_PLAN}"
"""The same, of the plans. The content keys in them are wrapped, and who reads them through S3 cannot open them."""
ANY_PICTURE = f"{WORK_PREFIX}*/{_SCORES}*{_JPEG}"
"""The same, of the worst frames that scoring found: see `Workspace.picture`."""
ANY_LADDER = f"{WORK_PREFIX}*/{_SEARCH}"
"""The same, of what the searches for ladders found."""
ANY_PACKAGE = f"{WORK_PREFIX}*/{_PACKAGE}"
"""The same, of packaging reports, and of what attempts at packaging left of them."""
ANY_VERIFICATION = f"{WORK_PREFIX}*/verify/"
"""The same, of what checks of packaged versions found."""
ANY_ENCODED = (
    ANY_LADDER,
    *(f"{WORK_PREFIX}*/{job}/" for job in ("chunk", "audio", "join")),
    f"{WORK_PREFIX}*/{_SCORES}",
)
"""The same, of all that jobs make of films: ladders, chunks, sound, renditions, and scores with their frames."""
ANY_THUMBNAIL = f"{ANALYSIS_PREFIX}*/{_THUMBNAILS}"
"""The same, of the seek thumbnails of analyses."""


def made(version_id: str) -> str:
    """Return the key of what says how a packaged version was made, its plan above all; it outlives the workspace."""
    return f"{MADE_PREFIX}{version_id}.json"


class Analysis(NamedTuple):
    """Where the analysis of a delivery lies in the mezzanine bucket. It is kept as long as the delivery's record."""

    version_id: str

    @property
    def prefix(self) -> str:
        """The analysis's prefix, with its trailing slash."""
        return f"{ANALYSIS_PREFIX}{self.version_id}/"

    @property
    def report(self) -> str:
        """What was measured: an `AnalysisReport`."""
        return f"{self.prefix}report.json"

    @property
    def quality(self) -> str:
        """What was judged: a `QualityReport`."""
        return f"{self.prefix}quality.json"

    @property
    def labels(self) -> str:
        """What Rekognition saw, one JSON object a line."""
        return f"{self.prefix}labels.jsonl"

    @property
    def thumbnails(self) -> str:
        """The WebVTT track of the seek thumbnails; it names its sprite sheets by their plain file names."""
        return f"{self.prefix}{_THUMBNAILS}thumbnails.vtt"

    def sprite(self, index: int) -> str:
        """Return the key of sprite sheet `index` (from 0), a JPEG."""
        return f"{self.prefix}{_THUMBNAILS}sprite-{index:04d}.jpg"

    def still(self, name: str) -> str:
        """Return the key of a still, a JPEG; `name` is for example ``black-0``."""
        return f"{self.prefix}stills/{name}.jpg"


class VersionLayout:
    """A packaged version from within: paths below its prefix.

    ::

        manifests/manifest.mpd, master.m3u8, hls/{track}.m3u8
        video/{rung}/init.mp4, seg_1.m4s, …
        trick/{rung}/init.mp4, seg_1.m4s, …
        audio/{track}/init.mp4, seg_1.m4s, …
        subtitles/{track}/init.mp4, seg_1.m4s, …, seg_1.vtt, …
        thumbnails/thumbnails.vtt, sprite-0000.jpg, …
    """

    MANIFESTS = "manifests"
    DASH = f"{MANIFESTS}/manifest.mpd"
    HLS = f"{MANIFESTS}/master.m3u8"
    MEDIA_PLAYLISTS = f"{MANIFESTS}/hls"
    THUMBNAILS = "thumbnails"
    THUMBNAIL_TRACK = f"{THUMBNAILS}/thumbnails.vtt"
    INIT = "init.mp4"
    SEGMENT = "seg_$Number$"
    """As manifests write it; numbers count from 1."""

    @staticmethod
    def video(rung: str) -> str:
        """Return the folder of a rung, for example ``video/1080p``."""
        return f"video/{rung}"

    @staticmethod
    def trick(rung: str) -> str:
        """Return the folder of a rung's key frames alone, by which DASH players wind, for example ``trick/360p``."""
        return f"trick/{rung}"

    @staticmethod
    def audio(track: str) -> str:
        """Return the folder of a track of sound, for example ``audio/en_stereo_128k``."""
        return f"audio/{track}"

    @staticmethod
    def subtitles(track: str) -> str:
        """Return the folder of a track of subtitles, for example ``subtitles/en`` or ``subtitles/en_forced``."""
        return f"subtitles/{track}"

    @classmethod
    def playlist(cls, track: str) -> str:
        """Return the HLS media playlist of a track, for example of ``video_1080p``."""
        return f"{cls.MEDIA_PLAYLISTS}/{track}.m3u8"


ANY_MANIFEST = f"*/{VersionLayout.MANIFESTS}/"
"""As policies write the prefixes of all manifests."""


class PublishedVersion(NamedTuple):
    """Where a packaged version lies in the media bucket. It is immutable."""

    title_id: str
    version_id: str

    @property
    def prefix(self) -> str:
        """The version's prefix, with its trailing slash: what an edge token opens."""
        return f"{self.title_id}/{self.version_id}/"

    def within(self, path: str) -> str:
        """Return the key of a path of `VersionLayout`."""
        return f"{self.prefix}{path}"

    @property
    def dash(self) -> str:
        """The DASH manifest."""
        return self.within(VersionLayout.DASH)

    @property
    def hls(self) -> str:
        """The HLS multivariant playlist."""
        return self.within(VersionLayout.HLS)

    @property
    def thumbnails(self) -> str:
        """The WebVTT track of the seek thumbnails; its sprite sheets lie beside it."""
        return self.within(VersionLayout.THUMBNAIL_TRACK)

    @property
    def poster(self) -> str:
        """The poster picture: outside the prefix, because the catalog shows it to everybody."""
        return f"{ART_PREFIX}{self.prefix}poster.jpg"


class MisplacedReferenceError(ValueError):
    """A reference in an object leads out of the place that the object may speak of."""


def referenced(key: str, reference: str, *, within: str) -> str:
    """Return the key that a relative `reference` in the object `key` means, as a player resolves it.

    Raises
    ------
    MisplacedReferenceError
        If it leads out of the prefix `within`, or has a scheme, a query or an absolute path.
    """
    found = posixpath.normpath(posixpath.join(posixpath.dirname(key), reference))
    if not _REFERENCE.fullmatch(reference) or not found.startswith(within):
        message = f"{reference!r} in {key} leads out of {within}"
        raise MisplacedReferenceError(message)
    return found


class RestoreFolder(NamedTuple):
    """Where the reports of one restoring from the archive lie in the reports bucket."""

    restore_id: str

    @property
    def report(self) -> str:
        """What was restored, and whether it is what it was."""
        return f"{RESTORES_PREFIX}{self.restore_id}/report.json"

    def fixity(self, index: int) -> str:
        """Return the key of what was read of object `index` (from 0)."""
        return f"{RESTORES_PREFIX}{self.restore_id}/fixity/{index:04d}.json"


def check_report(*, check: str, on: str, bucket: str, region: str) -> str:
    """Return the key of the report of a check of `bucket` against its replica in `region`.

    Parameters
    ----------
    check
        ``verification`` or ``consistency``.
    on
        The day, such as ``2026-11-22``: a check that runs again on the same day replaces its report.
    """
    return f"{CHECKS_PREFIX}{check}/{on}/{bucket}/{region}.json"
