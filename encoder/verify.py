"""Task ``verify``: hold a packaged version against what a player needs, before it may be published.

Everything is read back from the media bucket, by way of the manifests: what the packager believes to have written
does not count.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

from encoder.errors import ManifestUnreadableError, ToolFailedError, VerificationFailedError
from encoder.keys import KeyOpener, OpenKey
from encoder.log import say
from encoder.manifests import Kind, Segment, Track, dash_tracks, hls_playlists, hls_track
from encoder.packager import audio_folder
from encoder.plan import Work
from encoder.samples import Decoded, decode
from encoder.storage import ObjectStore
from encoder.thumbnails import sprites_of
from lambdas.common.keys import MisplacedReferenceError, PublishedVersion, VersionLayout, referenced
from lambdas.common.media import ObjectRef, Tier
from lambdas.encoding.models import CheckedTrack, Fault, PackageReport, RungScore, VerificationReport

_FAULTS_TOLD = 5
_BEST_VMAF = 100.0
# A block of AAC: sound may be cut no finer.
_AUDIO_BLOCK = 1024
_TEXT_TOLERANCE_S = 0.002


def verify(*, plan: str, store: ObjectStore, opener: KeyOpener) -> None:
    """Check what was packaged and write the `VerificationReport`, unless it was found good already.

    Raises
    ------
    VerificationFailedError
        If a player would stumble; the report is written, and names every fault.
    ObjectMissingError
        If nothing was packaged yet.
    RefusedError
        If KMS does not open a key.
    """
    work = Work.read(plan, store=store)
    report_ref = work.object(work.keys.verification)
    if store.has(report_ref, fingerprint=work.fingerprint):
        say("already verified", object=report_ref.uri)
        return
    package = store.read(work.object(work.keys.package), PackageReport)
    with tempfile.TemporaryDirectory() as name:
        report = _Verification(work=work, package=package, store=store, opener=opener, folder=Path(name)).report()
    # Only a good report carries the fingerprint: after a bad one the next attempt looks again.
    store.write(report, report_ref, fingerprint=work.fingerprint if report.verified else "")
    if not report.verified:
        told = "; ".join(f"{fault.subject}: {fault.message}" for fault in report.faults[:_FAULTS_TOLD])
        more = len(report.faults) - _FAULTS_TOLD
        raise VerificationFailedError(f"{told}{f'; and {more} more' if more > 0 else ''} (see {report_ref.uri})")
    say("verified", objects=report.objects, tracks=[track.track for track in report.tracks])


class _Verification:
    """One version, looked at piece by piece; what is wrong is collected, so that one look tells everything."""

    def __init__(
        self, *, work: Work, package: PackageReport, store: ObjectStore, opener: KeyOpener, folder: Path
    ) -> None:
        self._work, self._package, self._store, self._folder = work, package, store, folder
        self._published = PublishedVersion(title_id=work.plan.title_id, version_id=work.plan.version_id)
        self._sizes = store.sizes(bucket=work.plan.media_bucket, prefix=self._published.prefix)
        keys = (opener.open(key, title_id=work.plan.title_id) for key in work.plan.keys)
        self._keys: Mapping[Tier, OpenKey] = {key.tier: key for key in keys}
        self._faults: list[Fault] = []

    def report(self) -> VerificationReport:
        """Look at everything."""
        dash, hls = self._dash(), self._hls()
        named = {key for track in (*dash, *hls) for key in track.objects} | set(self._thumbnails())
        present = self._present(named)
        self._complete(dash, of="the DASH manifest")
        self._complete(hls, of="the HLS playlists")
        for recipe in self._work.plan.video:
            self._scored(recipe.rung)
        # Both manifests speak of the same segments of picture and sound; each has its own of text.
        tracks = (*dash, *(track for track in hls if track.kind is Kind.TEXT))
        return VerificationReport(
            checked_at=datetime.now(UTC),
            objects=len(present),
            tracks=tuple(self._checked(track, present=present) for track in tracks),
            faults=tuple(self._faults),
        )

    def _fault(self, key: str, message: str) -> None:
        self._faults.append(Fault(subject=key.removeprefix(self._published.prefix), message=message))

    def _read(self, key: str) -> bytes:
        path = self._folder / "document"
        self._store.fetch(ObjectRef(bucket=self._work.plan.media_bucket, key=key), path)
        return path.read_bytes()

    def _dash(self) -> tuple[Track, ...]:
        key = self._package.dash
        if not self._present({key}):
            return ()
        try:
            return dash_tracks(self._read(key), published=self._published)
        except ManifestUnreadableError as error:
            self._fault(key, str(error))
            return ()

    def _hls(self) -> tuple[Track, ...]:
        key = self._package.hls
        if not self._present({key}):
            return ()
        try:
            playlists = hls_playlists(self._read(key), published=self._published)
        except ManifestUnreadableError as error:
            self._fault(key, str(error))
            return ()
        return tuple(self._media_playlists(playlists))

    def _media_playlists(self, playlists: Mapping[str, Kind]) -> Iterator[Track]:
        for key in sorted(self._present(set(playlists))):
            try:
                yield hls_track(self._read(key), key=key, kind=playlists[key], published=self._published)
            except ManifestUnreadableError as error:
                self._fault(key, str(error))

    def _thumbnails(self) -> Iterator[str]:
        key = self._package.thumbnails
        if key is None or not self._present({key}):
            return
        yield key
        for sprite in sprites_of(self._read(key).decode("utf-8", errors="replace")):
            try:
                yield referenced(key, sprite, within=self._published.prefix)
            except MisplacedReferenceError as error:
                self._fault(key, str(error))

    def _present(self, keys: set[str]) -> set[str]:
        """Return those of `keys` that hold anything."""
        for key in sorted(keys):
            if key not in self._sizes:
                self._fault(key, "it does not exist")
            elif not self._sizes[key]:
                self._fault(key, "it is empty")
        return {key for key in keys if self._sizes.get(key)}

    def _complete(self, tracks: tuple[Track, ...], *, of: str) -> None:
        """See that every track of the plan is there, as long as the plan says, and under its own key."""
        plan = self._work.plan
        found = {track.folder.removeprefix(self._published.prefix): track for track in tracks}
        expected = [(VersionLayout.video(recipe.rung), recipe.tier) for recipe in plan.video]
        expected += [(audio_folder(plan.audio), Tier.AUDIO)] if plan.audio else []
        for folder, tier in expected:
            track = found.get(folder)
            if track is None:
                self._fault(folder, f"{of} lacks it")
            elif track.key_id not in {None, self._package.key_ids[tier]}:
                self._fault(folder, f"{of} names key {track.key_id}, which is not the {tier} key")
            elif track.kind is Kind.VIDEO and len(track.segments) != self._segments:
                self._fault(folder, f"{of} lists {len(track.segments)} segments, and the plan says {self._segments}")
        for subtitle in plan.subtitles:
            if VersionLayout.subtitles(subtitle.language) not in found:
                self._fault(VersionLayout.subtitles(subtitle.language), f"{of} lacks it")

    @property
    def _segments(self) -> int:
        return -(-self._work.plan.frames // self._work.plan.segment_frames)

    def _scored(self, rung: str) -> None:
        """See that the rung has a VMAF, of every frame, that can be one."""
        folder = VersionLayout.video(rung)
        score = self._store.read(self._work.object(self._work.keys.score(rung)), RungScore)
        told = next((rendition for rendition in self._package.renditions if rendition.rung == rung), None)
        if told is None or told.vmaf_mean != score.vmaf_mean or told.vmaf_p5 != score.vmaf_p5:
            self._fault(folder, "the package does not say the VMAF that was measured")
        if score.frames != self._work.plan.frames:
            self._fault(folder, f"VMAF was measured on {score.frames} of {self._work.plan.frames} frames")
        if not 0 <= score.vmaf_min <= score.vmaf_mean <= _BEST_VMAF or score.vmaf_mean == 0:
            self._fault(folder, f"VMAF {score.vmaf_mean} (least {score.vmaf_min}) cannot be")

    def _checked(self, track: Track, *, present: set[str]) -> CheckedTrack:
        """Decode the ends of a track."""
        last = len(track.segments) - 1
        return CheckedTrack(
            track=track.folder.removeprefix(self._published.prefix),
            segments=len(track.segments),
            first=self._decoded(track, 0, present=present),
            last=self._decoded(track, last, present=present),
        )

    def _decoded(self, track: Track, index: int, *, present: set[str]) -> int | None:
        """Decode one segment as a player would, with its initialisation and its tier's key; return what came out."""
        segment = track.segments[index]
        if not {segment.key, track.init or segment.key} <= present:
            return None
        path = self._folder / "segment"
        path.write_bytes((self._read(track.init) if track.init else b"") + self._read(segment.key))
        try:
            decoded = decode(path, kind=track.kind, key=self._key_of(track))
        except ToolFailedError as error:
            self._fault(segment.key, f"it does not decode: {error.complaint}")
            return None
        self._measured(track, segment, index=index, decoded=decoded)
        return decoded.samples

    def _key_of(self, track: Track) -> OpenKey | None:
        """Return the key of a track: by its tier, and not by what the manifest says of it."""
        if track.kind is Kind.TEXT:
            return None
        folder = track.folder.removeprefix(self._published.prefix)
        tiers = {VersionLayout.video(recipe.rung): recipe.tier for recipe in self._work.plan.video}
        return self._keys.get(tiers.get(folder, Tier.AUDIO))

    def _measured(self, track: Track, segment: Segment, *, index: int, decoded: Decoded) -> None:
        plan = self._work.plan
        if track.kind is Kind.VIDEO:
            frames = min(plan.segment_frames, plan.frames - index * plan.segment_frames)
            if decoded.samples != frames:
                self._fault(segment.key, f"it decodes to {decoded.samples} frames, and the plan says {frames}")
            return
        if track.init is None:
            return  # A text file has the cues that are shown meanwhile; a segment without one is as good.
        tolerance = _TEXT_TOLERANCE_S if track.kind is Kind.TEXT else _AUDIO_BLOCK * decoded.tick_s
        if abs(decoded.duration_s - segment.duration_s) > tolerance:
            self._fault(
                segment.key, f"it lasts {decoded.duration_s:.3f} s, and the manifest says {segment.duration_s:.3f} s"
            )
