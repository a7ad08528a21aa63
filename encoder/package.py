"""Task ``package``: encrypt a version, package it, check it, and put it where players find it."""

from __future__ import annotations

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from encoder.audio import BLOCK, SAMPLE_RATE_HZ
from encoder.chunk import NO_METADATA, timescale
from encoder.claims import Claims
from encoder.cues import until
from encoder.errors import PackagingError
from encoder.keys import KeyOpener
from encoder.log import say
from encoder.packager import package_streams
from encoder.plan import Work
from encoder.poster import make_poster
from encoder.storage import ObjectStore
from encoder.thumbnails import fetch_thumbnails
from encoder.tools import ffmpeg
from lambdas.common.keys import PublishedVersion, VersionLayout
from lambdas.common.ladder import Codec, DynamicRange
from lambdas.common.media import ObjectRef, Rendition
from lambdas.encoding.models import PackageReport, RungScore, VideoRecipe

# Segments never change, because a version never does; manifests may be corrected.
_IMMUTABLE = "public, max-age=31536000, immutable"
_SHORT = "public, max-age=60"
_CONTENT_TYPES = {
    ".mpd": "application/dash+xml",
    ".m3u8": "application/vnd.apple.mpegurl",
    ".mp4": "video/mp4",
    ".m4s": "video/iso.segment",
    ".vtt": "text/vtt",
    ".jpg": "image/jpeg",
}
_UPLOADS_AT_ONCE = 8
_MPD_DURATION = re.compile(r'mediaPresentationDuration="PT(?P<seconds>[\d.]+)S"')
_EXTINF = re.compile(r"^#EXTINF:(?P<seconds>[\d.]+)", re.MULTILINE)


class Tracks(NamedTuple):
    """What is packaged, in the clear: the rendition of each rung, and the tracks of sound by their names."""

    video: dict[str, Path]
    audio: dict[str, Path]


def package(*, plan: str, store: ObjectStore, claims: Claims, opener: KeyOpener) -> None:
    """Package every rung of the plan and write the `PackageReport`, once.

    A second attempt writes the same bytes to the same keys: only the report is claimed.

    Raises
    ------
    ObjectMissingError
        If a rendition, a score, a track of sound, a subtitle file or a seek thumbnail is not there.
    PackagingError
        If the packager did not write what the plan says, two subtitle files are in one language and of one kind, or the
        seek thumbnails name what does not lie beside them.
    RefusedError
        If KMS does not open a key.
    """
    work = Work.read(plan, store=store)

    def fetch(folder: Path) -> Tracks:
        return Tracks(
            video={
                recipe.rung: _fetch_rendition(recipe, work=work, store=store, tracks=folder)
                for recipe in work.plan.video
            },
            audio={
                track.name: _fetch_audio(track.name, work=work, store=store, tracks=folder) for track in work.plan.audio
            },
        )

    package_tracks(work, fetch=fetch, store=store, claims=claims, opener=opener)


def package_tracks(
    work: Work, *, fetch: Callable[[Path], Tracks], store: ObjectStore, claims: Claims, opener: KeyOpener
) -> None:
    """Package what `fetch` puts into a folder, and write the `PackageReport`, once; see `package`."""
    published = PublishedVersion(title_id=work.plan.title_id, version_id=work.plan.version_id)

    def make(folder: Path) -> Path:
        keys = [opener.open(key, title_id=work.plan.title_id) for key in work.plan.keys]
        tracks, out, poster = folder / "tracks", folder / "out", folder / "poster.jpg"
        tracks.mkdir()
        video, audio = fetch(tracks)
        package_streams(
            work=work,
            keys=keys,
            video=video,
            audio=audio,
            subtitles=_fetch_subtitles(work, store=store, tracks=tracks),
            out=out,
        )
        if work.plan.thumbnails is not None:
            fetch_thumbnails(work.plan.thumbnails, store=store, out=out)
        _check(out, work=work)
        # A JPEG shows no HDR.
        sdr = [recipe for recipe in work.plan.video if recipe.dynamic_range is DynamicRange.SDR]
        make_poster(video[max(sdr, key=lambda recipe: recipe.height).rung], poster)
        report = PackageReport(
            duration_s=work.duration_s,
            dash=published.dash,
            hls=published.hls,
            poster=published.poster,
            thumbnails=published.thumbnails if work.plan.thumbnails else None,
            renditions=tuple(_rendition(recipe, out=out, work=work, store=store) for recipe in work.plan.video),
            key_ids={key.tier: key.key_id for key in keys},
        )
        _publish(out, poster, work=work, published=published, store=store)
        say("packaged", prefix=published.prefix, rungs=[rendition.rung for rendition in report.renditions])
        written = folder / "report.json"
        written.write_text(report.model_dump_json(indent=2), encoding="utf-8")
        return written

    work.once(work.jobs.package, target=work.package_file, claims=claims, make=make)


def _fetch_rendition(recipe: VideoRecipe, *, work: Work, store: ObjectStore, tracks: Path) -> Path:
    path = tracks / f"{recipe.rung}.mp4"
    store.fetch(work.rendition_file(recipe.rung), path)
    if recipe.codec is Codec.AV1 and recipe.dynamic_range is DynamicRange.HDR10:
        return _without_metadata(path, work=work)
    return path


def _without_metadata(rendition: Path, *, work: Work) -> Path:
    """Leave the metadata OBUs out of an AV1 track: Shaka Packager 3.8.0 cannot encrypt it with them.

    Its pull request 1611 mends that. What they say of the master stands in the initialisation (`encoder.light`).
    """
    bare = rendition.with_name(f"bare-{rendition.name}")
    ffmpeg(
        *("-i", rendition, "-map", "0:v:0", "-c", "copy", "-bsf:v", "filter_units=remove_types=5", *NO_METADATA),
        *("-video_track_timescale", str(timescale(work)), bare),
    )
    rendition.unlink()
    return bare


def _fetch_audio(track: str, *, work: Work, store: ObjectStore, tracks: Path) -> Path:
    path = tracks / f"audio_{track}.mp4"
    store.fetch(work.audio_file(track), path)
    return path


def _fetch_subtitles(work: Work, *, store: ObjectStore, tracks: Path) -> dict[str, Path]:
    paths: dict[str, Path] = {}
    for subtitle in work.plan.subtitles:
        if subtitle.track in paths:
            raise PackagingError(
                f"two subtitle files are in {subtitle.language!r} and {subtitle.kind}; deliver one a language and kind"
            )
        path = paths[subtitle.track] = tracks / f"{subtitle.track}.vtt"
        store.fetch(subtitle.source, path)
        # The packager would write segments up to the last cue, however far behind the film's end that is.
        path.write_text(until(path.read_text(encoding="utf-8-sig"), work.duration_ms), encoding="utf-8")
    return paths


def _check(out: Path, *, work: Work) -> None:
    """Hold the packaged files against the plan: a player would find out only in the middle of the film."""
    plan = work.plan
    expected = -(-plan.frames // plan.segment_frames)
    frame_s = float(1 / work.frame_rate)
    for recipe in plan.video:
        found = len(list((out / VersionLayout.video(recipe.rung)).glob("seg_*.m4s")))
        if found != expected:
            raise PackagingError(f"{recipe.rung} has {found} segments, and the plan says {expected}")
        playlist = (out / VersionLayout.playlist(f"video_{recipe.rung}")).read_text(encoding="utf-8")
        listed_s = sum(float(entry["seconds"]) for entry in _EXTINF.finditer(playlist))
        # A playlist rounds each segment to a millisecond.
        if abs(listed_s - work.duration_s) > frame_s / 2 + expected / 1000:
            raise PackagingError(f"{recipe.rung} lasts {listed_s} s, and the plan says {work.duration_s} s")
    for recipe in plan.winding:
        found = len(list((out / VersionLayout.trick(recipe.rung)).glob("seg_*.m4s")))
        if found != expected:
            raise PackagingError(f"{found} segments wind {recipe.rung}, and the plan says {expected}")
    for track in plan.audio:
        if not any((out / VersionLayout.audio(track.name)).glob("seg_*.m4s")):
            raise PackagingError(f"the track {track.name} has no segment")
    stated = _MPD_DURATION.search((out / VersionLayout.DASH).read_text(encoding="utf-8"))
    # Sound ends on a block of its own, which may be longer than a frame.
    slack_s = max(frame_s, *(BLOCK[track.codec] / SAMPLE_RATE_HZ for track in plan.audio), 0.0)
    if stated is None or abs(float(stated["seconds"]) - work.duration_s) > slack_s:
        found_s = stated["seconds"] if stated else "no"
        raise PackagingError(f"the DASH manifest says {found_s} s, and the plan says {work.duration_s} s")


def _rendition(recipe: VideoRecipe, *, out: Path, work: Work, store: ObjectStore) -> Rendition:
    score = store.read(work.score_file(recipe.rung), RungScore)
    size_bytes = sum(path.stat().st_size for path in (out / VersionLayout.video(recipe.rung)).iterdir())
    return Rendition(
        rung=recipe.rung,
        codec=recipe.codec,
        width=recipe.width,
        height=recipe.height,
        bitrate_kbps=round(size_bytes * 8 / work.duration_s / 1000, 1),
        vmaf_mean=score.vmaf_mean,
        vmaf_p5=score.vmaf_p5,
        tier=recipe.tier,
    )


def _publish(out: Path, poster: Path, *, work: Work, published: PublishedVersion, store: ObjectStore) -> None:
    """Upload everything, what points to other objects after what it points to."""
    manifests = out / VersionLayout.MANIFESTS
    media = [path for path in sorted(out.rglob("*")) if path.is_file() and manifests not in path.parents]
    playlists = sorted((out / VersionLayout.MEDIA_PLAYLISTS).iterdir())

    def put(path: Path, key: str, cache_control: str) -> None:
        store.put(
            path,
            ObjectRef(bucket=work.plan.media_bucket, key=key),
            content_type=_CONTENT_TYPES[path.suffix],
            cache_control=cache_control,
        )

    def key_of(path: Path) -> str:
        return published.within(path.relative_to(out).as_posix())

    with ThreadPoolExecutor(_UPLOADS_AT_ONCE) as pool:
        list(pool.map(lambda path: put(path, key_of(path), _IMMUTABLE), media))
    put(poster, published.poster, _IMMUTABLE)
    for path in (*playlists, out / VersionLayout.HLS, out / VersionLayout.DASH):
        put(path, key_of(path), _SHORT)
