"""Task ``inspect``: measure every file of a delivery. It measures and never judges; ingestion does that."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

from encoder.errors import AddressError, ObjectMissingError, ToolFailedError
from encoder.log import say
from encoder.probe import Probe, Stream, probe
from encoder.storage import ObjectStore, parse_uri
from encoder.tools import UNTRUSTED_INPUT, ffmpeg, threads
from lambdas.common.keys import delivery_of
from lambdas.common.media import AudioFacts, MediaFacts, ObjectRef, VideoFacts
from lambdas.ingestion.models import DeliveryManifest, FileInspection, InspectionReport, ManifestFile, Role

_FRAME = re.compile(r"^frame=(\d+)$", re.MULTILINE)
_RATIONAL = re.compile(r"[1-9]\d*/[1-9]\d*")
_CUE = re.compile(r"^.*-->.*$", re.MULTILINE)


class _UnreadableError(Exception):
    """A file is not what its role says; the message is the report's `error`."""


def inspect(*, manifest: str, manifest_version: str | None, report: str, store: ObjectStore) -> None:
    """Measure the files that `manifest` (``s3://…``) names and write an `InspectionReport` to `report`.

    A file that is missing, empty or not media is an entry with its `error`, and no failure of the task. Each entry
    names the S3 version that was measured, because a studio may send a file again at any time.

    Raises
    ------
    AddressError
        If `manifest` is not the manifest of a delivery.
    DocumentInvalidError
        If the manifest is not a `DeliveryManifest`.
    """
    source = parse_uri(manifest).model_copy(update={"version_id": manifest_version})
    try:
        delivery = delivery_of(source.key)
    except ValueError as error:
        raise AddressError(f"{manifest}: {error}") from error
    entries = []
    for file in store.read(source, DeliveryManifest).files:
        entry = _inspect_file(file, ref=ObjectRef(bucket=source.bucket, key=delivery.file(file.name)), store=store)
        say("inspected", file=file.name, present=entry.present, bytes=entry.size_bytes, error=entry.error)
        entries.append(entry)
    store.write(InspectionReport(files=tuple(entries)), parse_uri(report))


def _inspect_file(file: ManifestFile, *, ref: ObjectRef, store: ObjectStore) -> FileInspection:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / file.name
        try:
            fetched = store.fetch(ref, path)
        except ObjectMissingError:
            return FileInspection(name=file.name, present=False, error="the file is not in the delivery")
        facts, error = (None, "the file is empty") if not fetched.size_bytes else _measure(path, role=file.role)
        return FileInspection(
            name=file.name,
            present=True,
            size_bytes=fetched.size_bytes,
            sha256=fetched.sha256,
            version_id=fetched.version_id,
            facts=facts,
            error=error,
        )


def _measure(path: Path, *, role: Role) -> tuple[MediaFacts | None, str | None]:
    try:
        if role is Role.SUBTITLES:
            _read_subtitles(path)
            return None, None
        found = probe(path, *UNTRUSTED_INPUT)
        frames, damage = _decode(path, picture=found.picture)
        return _facts(found, frames=frames), damage
    except ToolFailedError as error:
        return None, _named_plainly(error.complaint, path=path)
    except _UnreadableError as error:
        return None, str(error)


def _decode(path: Path, *, picture: Stream | None) -> tuple[int, str | None]:
    """Decode every frame of picture and sound; return the frames of picture and the first complaint."""
    complaint = None
    strict = ("-xerror", "-err_detect", "explode", *UNTRUSTED_INPUT, "-threads", str(threads()))
    every_frame = ("-map", "0:v:0?", "-map", "0:a?", "-fps_mode", "passthrough", "-f", "null")
    try:
        progress = ffmpeg(*strict, "-i", path, *every_frame, "-progress", "pipe:1", "-")
    except ToolFailedError as error:
        progress, complaint = error.output, _named_plainly(error.complaint, path=path)
    counts = _FRAME.findall(progress)
    frames = int(counts[-1]) if counts else 0
    declared = picture.nb_frames if picture else None
    # Some decoders pass over a cut-off end in silence; the container's own count shows it.
    if complaint is None and declared is not None and frames < declared:
        complaint = f"{frames} of {declared} frames can be decoded"
    return frames, complaint


def _facts(found: Probe, *, frames: int) -> MediaFacts:
    return MediaFacts(
        container=found.format.format_name,
        duration_s=found.format.duration,
        video=_video_facts(found.picture, frames=frames) if found.picture else None,
        audio=tuple(
            AudioFacts(
                codec=stream.codec_name,
                channels=stream.channels,
                sample_rate_hz=stream.sample_rate,
                language=stream.tags.get("language"),
            )
            for stream in found.sound
        ),
    )


def _video_facts(picture: Stream, *, frames: int) -> VideoFacts:
    if not _RATIONAL.fullmatch(picture.avg_frame_rate):
        raise _UnreadableError("the picture has no frame rate")
    return VideoFacts(
        codec=picture.codec_name,
        profile=picture.profile,
        width=picture.width,
        height=picture.height,
        pixel_format=picture.pix_fmt,
        frame_rate=picture.avg_frame_rate,
        frames=frames,
        color_primaries=picture.color_primaries,
        color_transfer=picture.color_transfer,
        color_space=picture.color_space,
    )


def _read_subtitles(path: Path) -> None:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise _UnreadableError(f"not UTF-8: {error.reason} at byte {error.start}") from error
    if not re.match(r"WEBVTT(?:[ \t\n]|$)", text):
        raise _UnreadableError("the file does not begin with WEBVTT")
    written = len(_CUE.findall(text))
    if not written:
        raise _UnreadableError("the file has no cue")
    read = _cues(path)
    if read < written:
        raise _UnreadableError(f"{read} of {written} cues can be read: a time is malformed")


def _cues(path: Path) -> int:
    found = probe(path, "-protocol_whitelist", "file", "-f", "webvtt", "-count_packets")
    return found.streams[0].nb_read_packets if found.streams else 0


def _named_plainly(complaint: str, *, path: Path) -> str:
    # The studio knows its file by its name; where it lay on our disk for a minute says nothing to it.
    return complaint.replace(str(path), path.name)
