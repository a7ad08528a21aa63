"""Task ``verify``: hold a packaged version against what a player needs, before it may be published.

Everything is read back from the media bucket, by way of the manifests: what the packager believes to have written
does not count.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from fractions import Fraction
from math import inf
from pathlib import Path

from encoder.audio import BLOCK, SAMPLE_RATE_HZ
from encoder.claims import Claims
from encoder.cues import Cue, cues_of, until
from encoder.eac3 import complexity_in
from encoder.errors import (
    ManifestUnreadableError,
    ObjectMissingError,
    TextUnreadableError,
    ToolFailedError,
    VerificationFailedError,
)
from encoder.imsc import CODECS as IMSC1
from encoder.imsc_reading import paragraphs
from encoder.keys import KeyOpener, OpenKey
from encoder.languages import shortest
from encoder.light import light_boxes, light_of
from encoder.log import say
from encoder.manifests import Kind, Listed, Segment, Sound, Text, Track, dash_tracks, hls_playlists, hls_track
from encoder.mpd import mpd_complaints
from encoder.packager import TEXT_ROLES, dash_role, hls_name, told_light
from encoder.plan import Work
from encoder.playlists import media_complaints, multivariant_complaints
from encoder.protection import KEY_FORMATS, System, announced, sample_entries
from encoder.samples import Decoded, begins, decode, first_sample_ends, left_out
from encoder.storage import ObjectStore
from encoder.thumbnails import sprites_of
from encoder.tools import ffmpeg
from lambdas.common.keys import MisplacedReferenceError, PublishedVersion, VersionLayout, referenced
from lambdas.common.ladder import Codec
from lambdas.common.media import UNDETERMINED, AudioRole, ObjectRef, SubtitleKind, SubtitleSource, Tier
from lambdas.encoding.models import (
    AudioTrack,
    CheckedTrack,
    Fault,
    PackageReport,
    RungScore,
    SoundCodec,
    VerificationReport,
)

_FAULTS_TOLD = 5
_DASH, _HLS = "the DASH manifest", "the HLS playlists"
_BEST_VMAF = 100.0
_SOUND_CODECS = {
    SoundCodec.AAC: "mp4a.40.2",
    SoundCodec.HE_AAC: "mp4a.40.5",
    SoundCodec.AC3: "ac-3",
    SoundCodec.EAC3: "ec-3",
}
_PICTURE_CODECS = {Codec.H264: "avc1.", Codec.H265: "hvc1.", Codec.AV1: "av01."}
_TEXT_TOLERANCE_S = 0.002
_SHOWN_TOLERANCE_S = 0.001
# Of what the busiest segment takes: the packager rounds.
_LEAST_BITS, _MOST_BITS = 0.99, 1.5
# A playlist rounds each segment to a millisecond; a timeline counts ticks.
_PLAYLIST_ROUNDING_S = 0.0005


def verify(*, plan: str, store: ObjectStore, claims: Claims, opener: KeyOpener) -> None:
    """Check what was packaged and write the `VerificationReport`, unless it was found good already.

    A bad report is no result: it lies elsewhere, and the next attempt looks again. What was packaged does not count any
    more then: it is packaged anew first.

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

    def make(folder: Path) -> Path:
        package = store.read(work.package_file, PackageReport)
        report = _Verification(work=work, package=package, store=store, opener=opener, folder=folder).report()
        if not report.verified:
            store.write(report, work.faults_file)
            claims.retract(version_id=work.plan.version_id, job=work.jobs.package, target=work.package_file)
            told = "; ".join(f"{fault.subject}: {fault.message}" for fault in report.faults[:_FAULTS_TOLD])
            more = len(report.faults) - _FAULTS_TOLD
            told += f"; and {more} more" if more > 0 else ""
            raise VerificationFailedError(f"{told} (see {work.faults_file.uri})")
        say("verified", objects=report.objects, tracks=[track.track for track in report.tracks])
        written = folder / "report.json"
        written.write_text(report.model_dump_json(indent=2), encoding="utf-8")
        return written

    work.once(work.jobs.verify, target=work.verification_file, claims=claims, make=make)


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
        self._inits: dict[str, bytes] = {}
        self._delivered: dict[ObjectRef, tuple[Cue, ...]] = {}
        self._first_at_s: dict[str, Fraction | None] = {}

    def report(self) -> VerificationReport:
        """Look at everything."""
        dash, hls = self._dash(), self._hls()
        named = {key for track in (*dash, *hls) for key in track.objects} | set(self._thumbnails())
        self._poster()
        present = self._present(named)
        self._encrypted((*dash, *hls), present=present)
        self._announced(dash, formats=frozenset(system.scheme for system in System), of=_DASH)
        self._announced(hls, formats=KEY_FORMATS, of=_HLS)
        self._complete(dash, of=_DASH)
        self._complete(hls, of=_HLS)
        self._light(present)
        self._atmos(present)
        for recipe in self._work.plan.video:
            self._scored(recipe.rung)
        # Both manifests speak of the same segments, but for files of WebVTT.
        tracks = (*dash, *(track for track in hls if track.kind is Kind.TEXT and track.init is None))
        return VerificationReport(
            checked_at=datetime.now(UTC),
            objects=len(present),
            tracks=tuple(self._checked(track, present=present) for track in tracks),
            faults=tuple(self._faults),
        )

    def _fault(self, key: str, message: str) -> None:
        self._faults.append(Fault(subject=key.removeprefix(self._published.prefix), message=message))

    def _read(self, key: str) -> bytes:
        """Return what the version has at `key`; the listing has said how large it is."""
        ref = ObjectRef(bucket=self._work.plan.media_bucket, key=key)
        return b"".join(self._store.blocks(ref, start=0, end=self._sizes[key]))

    def _init(self, key: str) -> bytes:
        """Return an initialisation: small, and read once for all that is asked of it."""
        if key not in self._inits:
            self._inits[key] = self._read(key)
        return self._inits[key]

    def _dash(self) -> tuple[Track, ...]:
        key = self._package.dash
        if not self._present({key}):
            return ()
        manifest = self._read(key)
        for complaint in mpd_complaints(manifest):
            self._fault(key, complaint)
        try:
            return dash_tracks(manifest, published=self._published)
        except ManifestUnreadableError as error:
            self._fault(key, str(error))
            return ()

    def _hls(self) -> tuple[Track, ...]:
        key = self._package.hls
        if not self._present({key}):
            return ()
        text = self._read(key)
        try:
            playlists = hls_playlists(text, published=self._published)
        except ManifestUnreadableError as error:
            self._fault(key, str(error))
            return ()
        for complaint in multivariant_complaints(text.decode()):
            self._fault(key, complaint)
        return tuple(self._media_playlists(playlists))

    def _media_playlists(self, playlists: Mapping[str, Listed]) -> Iterator[Track]:
        for key in sorted(self._present(set(playlists))):
            text = self._read(key)
            try:
                track = hls_track(text, key=key, listed=playlists[key], published=self._published)
            except ManifestUnreadableError as error:
                self._fault(key, str(error))
                continue
            for complaint in media_complaints(text.decode(), listed=playlists[key]):
                self._fault(key, complaint)
            yield track

    def _thumbnails(self) -> Iterator[str]:
        key = self._package.thumbnails
        if key is None:
            if self._work.plan.thumbnails is not None:
                self._fault(self._published.thumbnails, "the plan has seek thumbnails, and the package has none")
            return
        if not self._present({key}):
            return
        yield key
        sprites = sprites_of(self._read(key).decode("utf-8", errors="replace"))
        if not sprites:
            self._fault(key, "it names no picture")
        for sprite in sprites:
            try:
                yield referenced(key, sprite, within=self._published.prefix)
            except MisplacedReferenceError as error:
                self._fault(key, str(error))

    def _poster(self) -> None:
        """See that the poster is a JPEG; it lies outside the version's prefix, so it is read and not listed."""
        key, path = self._package.poster, self._folder / "poster"
        try:
            self._store.fetch(ObjectRef(bucket=self._work.plan.media_bucket, key=key), path)
            ffmpeg("-xerror", "-err_detect", "explode", "-f", "jpeg_pipe", "-i", path, "-f", "null", "-")
        except ObjectMissingError:
            self._fault(key, "it does not exist")
        except ToolFailedError as error:
            self._fault(key, f"it is no picture: {error.complaint}")

    def _encrypted(self, tracks: tuple[Track, ...], *, present: set[str]) -> None:
        """See that the initialisation of picture and sound announces encryption, with the key of the track's tier."""
        keys = {track.init: self._key_of(track) for track in tracks if track.kind is not Kind.TEXT}
        for init, key in keys.items():
            if init is None or init not in present:
                continue
            entries = sample_entries(self._init(init))
            if not entries:
                self._fault(init, "it does not say how its samples are coded")
            for entry in entries:
                if entry.key_id is None:
                    self._fault(init, f"its samples are not encrypted: {entry.coding!r}")
                elif key is None or entry.key_id != key.key_id:
                    self._fault(init, f"it names key {entry.key_id}, which is not the track's")
                elif missing := set(System) - announced(self._init(init), key_id=entry.key_id):
                    names = ", ".join(sorted(system.name for system in missing))
                    self._fault(init, f"it does not announce its key to {names}")

    def _light(self, present: set[str]) -> None:
        """See that the initialisation of AV1 in HDR10 says of the master what the source said."""
        for folder, hdr in told_light(self._work):
            init = self._published.within(f"{folder}/{VersionLayout.INIT}")
            if init in present and light_of(self._init(init)) != light_boxes(hdr):
                self._fault(init, "it does not say of the mastering display and of its light what the source said")

    def _atmos(self, present: set[str]) -> None:
        """See that the initialisation of sound announces Dolby Atmos where it was delivered, and nowhere else."""
        for sound in self._work.plan.audio:
            init = self._published.within(f"{VersionLayout.audio(sound.name)}/{VersionLayout.INIT}")
            if sound.codec is not SoundCodec.EAC3 or init not in present:
                continue
            found = complexity_in(self._init(init))
            if found != sound.atmos:
                self._fault(init, f"it announces {_atmos(found)}, where the plan has {_atmos(sound.atmos)}")

    def _announced(self, tracks: tuple[Track, ...], *, formats: frozenset[str], of: str) -> None:
        """See that a manifest names the key of picture and sound to every protection system."""
        for track in tracks:
            missing = formats - track.key_formats
            if track.kind is not Kind.TEXT and missing:
                folder = track.folder.removeprefix(self._published.prefix)
                self._fault(folder, f"{of} does not name its key to {', '.join(sorted(missing))}")

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
        self._winds([track for track in tracks if track.trick], of=of)
        found = {self._path(track): track for track in tracks if track.kind is not Kind.TEXT and not track.trick}
        pictures = {VersionLayout.video(recipe.rung): recipe for recipe in plan.video}
        expected = [(folder, recipe.tier) for folder, recipe in pictures.items()]
        sounds = {VersionLayout.audio(sound.name): sound for sound in plan.audio}
        expected += [(folder, Tier.AUDIO) for folder in sounds]
        for folder, tier in expected:
            track = found.get(folder)
            if track is None:
                self._fault(folder, f"{of} lacks it")
            elif track.key_id != self._package.key_ids[tier]:
                self._fault(folder, f"{of} names {track.key_id or 'no key'}, which is not the {tier} key")
            elif track.kind is Kind.VIDEO and len(track.segments) != self._segments:
                self._fault(folder, f"{of} lists {len(track.segments)} segments, and the plan says {self._segments}")
            elif track.kind is Kind.VIDEO:
                self._pictures(track, folder, codec=pictures[folder].codec, of=of)
            elif folder in sounds:
                self._sounds(track, sounds[folder], of=of)
        texts = {(self._path(track), track.init is not None): track for track in tracks if track.kind is Kind.TEXT}
        for subtitle in plan.subtitles:
            folder = VersionLayout.subtitles(subtitle.track)
            # Text in MP4 is IMSC1; HLS has it in files of WebVTT as well.
            for in_mp4 in (True, False) if of is _HLS else (True,):
                text = texts.get((folder, in_mp4))
                if text is None:
                    self._fault(folder, f"{of} lacks it in {'IMSC1' if in_mp4 else 'WebVTT'}")
                else:
                    self._says(text, subtitle, of=of)

    def _pictures(self, track: Track, folder: str, *, codec: Codec, of: str) -> None:
        """See that a manifest says how long each segment is shown, in which codec, and how many bits it takes."""
        for index, segment in enumerate(track.segments):
            shown_s = self._shown_frames(index) / self._work.frame_rate
            if abs(segment.duration_s - shown_s) > _SHOWN_TOLERANCE_S:
                told = f"{segment.duration_s:.3f} s, and the plan says {float(shown_s):.3f} s"
                self._fault(folder, f"{of} shows segment {index + 1} for {told}")
                break
        self._coded(track, folder, codec=codec, of=of)
        self._rated(track, folder, of=of)

    def _rated(self, track: Track, path: str, *, of: str) -> None:
        """See that a manifest says how many bits a second a track takes; HLS says it of no sound by itself."""
        sizes = [segment.bytes or self._sizes.get(segment.key, 0) for segment in track.segments]
        if track.picture is None or not all(sizes):
            return
        # The packager leaves out what lasts for less than half of the mean: a last segment of a few frames would be the
        # busiest by far (RFC 8216, 4.3.4.2, counts half of the target duration and more).
        shortest_s = _listed_s(track) / len(sizes) / 2 + _PLAYLIST_ROUNDING_S
        lengths = (segment.duration_s for segment in track.segments)
        bits_s = max(8 * size / lasts_s for size, lasts_s in zip(sizes, lengths, strict=True) if lasts_s >= shortest_s)
        said = track.picture.bits_s
        # A variant of HLS has its sound in it.
        most = inf if track.playlist else _MOST_BITS * bits_s
        if not _LEAST_BITS * bits_s <= said <= most:
            self._fault(path, f"{of} says {said} bits a second, and its busiest segment takes {bits_s:.0f}")

    def _coded(self, track: Track, path: str, *, codec: Codec, of: str) -> None:
        codecs = track.picture.codecs if track.picture else ""
        if not any(said.startswith(_PICTURE_CODECS[codec]) for said in codecs.split(",")):
            self._fault(path, f"{of} names {codecs or 'no codec'}, and it is {codec}")

    def _shown_frames(self, index: int) -> int:
        plan = self._work.plan
        return min(plan.segment_frames, plan.frames - index * plan.segment_frames)

    def _says(self, track: Track, subtitle: SubtitleSource, *, of: str) -> None:
        """See that a track of text lasts until its last cue, and that a manifest says the truth of it."""
        folder = VersionLayout.subtitles(subtitle.track)
        listed_s = _listed_s(track)
        # The packager writes text up to there, and not to the film's end.
        last_s = max((cue.ends_ms for cue in self._cues(subtitle.source)), default=0) / 1000
        if listed_s < last_s - _slack_s(track, _TEXT_TOLERANCE_S):
            self._fault(folder, f"{of} ends it at {listed_s:.3f} s, before the last cue that was delivered does")
        expected = Text(
            language=shortest(subtitle.language),
            codecs=IMSC1 if track.init else None,
            called=hls_name(subtitle) if track.playlist else TEXT_ROLES[subtitle.kind],
            forced=subtitle.kind is SubtitleKind.FORCED,
            transcribes=subtitle.kind is SubtitleKind.SDH,
        )
        self._told(folder, track.text, expected, of=of)

    def _told(self, folder: str, said: Sound | Text | None, expected: Sound | Text, *, of: str) -> None:
        for name, should in expected._asdict().items():
            if (is_said := getattr(said, name, None)) != should:
                self._fault(folder, f"{of}: {name} {is_said!r}, where the plan has {should!r}")

    def _path(self, track: Track) -> str:
        return track.folder.removeprefix(self._published.prefix)

    def _winds(self, tracks: Sequence[Track], *, of: str) -> None:
        """See that there is a key frame of every segment to wind by, of the plan's rungs."""
        found = {self._path(track): track for track in tracks}
        for recipe in self._work.plan.winding:
            folders = VersionLayout.trick(recipe.rung), VersionLayout.video(recipe.rung)
            track = next((found[folder] for folder in folders if folder in found), None)
            if track is None:
                self._fault(folders[0], f"{of} lacks it")
                continue
            path = track.playlist.removeprefix(self._published.prefix) if track.playlist else folders[0]
            if track.key_id != self._package.key_ids[recipe.tier]:
                self._fault(path, f"{of} names {track.key_id or 'no key'}, which is not the {recipe.tier} key")
            self._coded(track, path, codec=recipe.codec, of=of)
            if len(track.segments) != self._segments:
                self._fault(path, f"{of} lists {len(track.segments)} key frames, and the plan says {self._segments}")
            else:
                self._rated(track, path, of=of)
            for segment in {track.segments[index] for index in _first_middle_last(track)}:
                if segment.bytes is not None and segment.key in self._sizes and not self._is_first_frame(segment):
                    self._fault(segment.key, f"the bytes of it that {path} names are not its first frame")

    def _is_first_frame(self, segment: Segment) -> bool:
        """Say whether the bytes of a segment that a playlist names are a movie fragment and its first sample."""
        ends = first_sample_ends(self._read(segment.key), segment.first_byte)
        return ends == segment.first_byte + (segment.bytes or 0)

    def _sounds(self, track: Track, sound: AudioTrack, *, of: str) -> None:
        """See that a track of sound is as long as the film, and that a manifest says the truth of it."""
        folder = VersionLayout.audio(sound.name)
        listed_s, film_s = _listed_s(track), self._work.duration_s
        if abs(listed_s - film_s) > _slack_s(track, BLOCK[sound.codec] / SAMPLE_RATE_HZ):
            self._fault(folder, f"{of} lists {listed_s:.3f} s of sound, and the film lasts {film_s:.3f} s")
        expected = Sound(
            language=None if sound.language == UNDETERMINED else shortest(sound.language),
            codecs=_SOUND_CODECS[sound.codec],
            channels=f"{sound.atmos}/JOC" if sound.atmos and track.playlist else str(_channels(sound)),
            called=sound.label if track.playlist else dash_role(sound, first=self._work.plan.audio[0]),
            describes=sound.role is AudioRole.DESCRIPTION,
            complexity=str(sound.atmos) if sound.atmos and not track.playlist else None,
        )
        self._told(folder, track.sound, expected, of=of)
        self._rated(track, folder, of=of)

    def _cues(self, source: ObjectRef) -> tuple[Cue, ...]:
        """Return the cues of a delivered file, as far as the film goes."""
        if source not in self._delivered:
            path = self._folder / "subtitles"
            self._store.fetch(source, path)
            delivered = path.read_text(encoding="utf-8-sig")
            self._delivered[source] = cues_of(until(delivered, self._work.duration_ms))
        return self._delivered[source]

    @property
    def _segments(self) -> int:
        return -(-self._work.plan.frames // self._work.plan.segment_frames)

    def _scored(self, rung: str) -> None:
        """See that the rung has a VMAF, of every frame, that can be one."""
        folder = VersionLayout.video(rung)
        score = self._store.read(self._work.score_file(rung), RungScore)
        told = next((rendition for rendition in self._package.renditions if rendition.rung == rung), None)
        if told is None or told.vmaf_mean != score.vmaf_mean or told.vmaf_p5 != score.vmaf_p5:
            self._fault(folder, "the package does not say the VMAF that was measured")
        if score.frames != self._work.plan.frames:
            self._fault(folder, f"VMAF was measured on {score.frames} of {self._work.plan.frames} frames")
        if not 0 <= score.vmaf_min <= score.vmaf_mean <= _BEST_VMAF or score.vmaf_mean == 0:
            self._fault(folder, f"VMAF {score.vmaf_mean} (least {score.vmaf_min}) cannot be")

    def _checked(self, track: Track, *, present: set[str]) -> CheckedTrack:
        """Decode the ends of a track, and its middle."""
        segments = len(track.segments)
        first, middle, last = _first_middle_last(track)
        decoded = {index: self._decoded(track, index, present=present) for index in sorted({first, middle, last})}
        return CheckedTrack(
            track=track.folder.removeprefix(self._published.prefix),
            segments=segments,
            first=decoded[first],
            middle=decoded[middle],
            last=decoded[last],
        )

    def _decoded(self, track: Track, index: int, *, present: set[str]) -> int | None:
        """Decode one segment as a player would, with its initialisation and its tier's key; return what came out."""
        segment = track.segments[index]
        if not {segment.key, track.init or segment.key} <= present:
            return None
        path, init, content = (
            self._folder / "segment",
            self._init(track.init) if track.init else b"",
            self._read(segment.key),
        )
        path.write_bytes(init + content)
        try:
            decoded = decode(path, kind=track.kind, key=self._key_of(track))
        except ToolFailedError as error:
            self._fault(segment.key, f"it does not decode: {error.complaint}")
            return None
        # The manifests count the first segment without what is left out, as ffmpeg counts every one.
        lost_s = float(left_out(init)) if index else 0.0
        self._measured(track, segment, index=index, decoded=decoded, lost_s=lost_s)
        if track.kind is Kind.VIDEO:
            wanted_s = index * self._work.plan.segment_frames / self._work.frame_rate
            self._begins(track, index, begins(init, content), wanted_s=wanted_s, tolerance_s=_SHOWN_TOLERANCE_S)
        elif track.kind is Kind.AUDIO:
            wanted_s = Fraction(sum(before.duration_s for before in track.segments[:index]) + lost_s)
            tolerance_s = self._block_of(track) * decoded.tick_s
            self._begins(track, index, begins(init, content), wanted_s=wanted_s, tolerance_s=tolerance_s)
        if track.kind is Kind.TEXT and track.init:
            self._reads(track, index, content)
        return decoded.samples

    def _reads(self, track: Track, index: int, content: bytes) -> None:
        """See that a segment of IMSC1 says what was delivered for its time."""
        segment = track.segments[index]
        delivered = {VersionLayout.subtitles(text.track): text.source for text in self._work.plan.subtitles}
        source = delivered.get(self._path(track))
        try:
            found = paragraphs(content)
        except TextUnreadableError as error:
            self._fault(segment.key, str(error))
            return
        begins_ms = round(1000 * sum(before.duration_s for before in track.segments[:index]))
        ends_ms = round(begins_ms + 1000 * segment.duration_s)
        cues = self._cues(source) if source else ()
        if found != tuple(cue.words for cue in cues if cue.shown(begins_ms, ends_ms)):
            self._fault(segment.key, "it does not show what was delivered for its time")

    def _key_of(self, track: Track) -> OpenKey | None:
        """Return the key of a track: by its tier, and not by what the manifest says of it."""
        if track.kind is Kind.TEXT:
            return None
        folder = track.folder.removeprefix(self._published.prefix)
        tiers = {VersionLayout.video(recipe.rung): recipe.tier for recipe in self._work.plan.video}
        tiers |= {VersionLayout.trick(recipe.rung): recipe.tier for recipe in self._work.plan.winding}
        return self._keys.get(tiers.get(folder, Tier.AUDIO))

    def _block_of(self, track: Track) -> int:
        """Return how many samples of a track of sound are coded together."""
        folder = track.folder.removeprefix(self._published.prefix)
        known = (BLOCK[sound.codec] for sound in self._work.plan.audio if VersionLayout.audio(sound.name) == folder)
        return next(known, BLOCK[SoundCodec.AAC])

    def _measured(self, track: Track, segment: Segment, *, index: int, decoded: Decoded, lost_s: float) -> None:
        if track.kind is Kind.VIDEO:
            frames = 1 if track.trick else self._shown_frames(index)
            if decoded.samples != frames:
                self._fault(segment.key, f"it decodes to {decoded.samples} frames, and the plan says {frames}")
            return
        if track.init is None:
            return  # A text file has the cues that are shown meanwhile; a segment without one is as good.
        tolerance = _TEXT_TOLERANCE_S if track.kind is Kind.TEXT else self._block_of(track) * decoded.tick_s
        lasts_s = decoded.duration_s + lost_s
        if abs(lasts_s - segment.duration_s) > tolerance:
            self._fault(segment.key, f"it lasts {lasts_s:.3f} s, and the manifest says {segment.duration_s:.3f} s")

    def _begins(
        self, track: Track, index: int, at_s: Fraction | None, *, wanted_s: Fraction, tolerance_s: float
    ) -> None:
        """See that a segment begins as long after the first as it should; that one is looked at first."""
        key = track.segments[index].key
        if index == 0:
            self._first_at_s[track.folder] = at_s
        first_s = self._first_at_s.get(track.folder)
        if at_s is None:
            self._fault(key, "it does not say when it is decoded")
        elif first_s is not None and abs(at_s - first_s - wanted_s) > tolerance_s:
            told = f"{float(at_s - first_s):.3f} s after the first segment"
            self._fault(key, f"it begins {told}, and should after {float(wanted_s):.3f} s")


def _first_middle_last(track: Track) -> tuple[int, int, int]:
    return 0, len(track.segments) // 2, len(track.segments) - 1


def _atmos(complexity: int | None) -> str:
    return "no Atmos" if complexity is None else f"Atmos of complexity {complexity}"


def _listed_s(track: Track) -> float:
    return sum(segment.duration_s for segment in track.segments)


def _channels(sound: AudioTrack) -> int:
    """Return of how many channels manifests speak.

    HE-AAC of one may be parametric stereo, which need not be said: packager and decoders make two of it, both the same.
    """
    return 2 if sound.codec is SoundCodec.HE_AAC else sound.channels


def _slack_s(track: Track, tolerance_s: float) -> float:
    """Return `tolerance_s`, and what rounding can add up to if a playlist lists the track."""
    return tolerance_s + (_PLAYLIST_ROUNDING_S * len(track.segments) if track.playlist else 0.0)
