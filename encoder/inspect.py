"""Task ``inspect``: measure every file of a delivery. It measures and never judges; ingestion does that."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from encoder import eac3, mediainfo
from encoder.errors import (
    AddressError,
    ObjectMissingError,
    SoundUnreadableError,
    ToolFailedError,
    ToolKilledError,
)
from encoder.facts import frame_rate, media_facts, video_facts
from encoder.log import say
from encoder.mediainfo import MediaInfo
from encoder.probe import SideData, Stream, constant_rate, first_frame, presentation_times, probe
from encoder.storage import ObjectStore, parse_uri
from encoder.tools import Media, ffmpeg, threads, untrusted
from encoder.window import Window
from lambdas.common.keys import delivery_of
from lambdas.common.media import Eac3Facts, MediaFacts, ObjectRef, VideoFacts
from lambdas.ingestion.models import (
    MAX_AUDIO_TRACKS,
    DeliveryManifest,
    FileInspection,
    InspectionReport,
    ManifestFile,
    Role,
)

AnswerT = TypeVar("AnswerT")

_EAC3 = "eac3"
_FRAME = re.compile(r"^frame=(\d+)$", re.MULTILINE)
_MOST_SUBTITLES_BYTES = 16 * 1024**2
_CUE = re.compile(r"^.*-->.*$", re.MULTILINE)
_PROBE_TIMEOUT_S = 120.0
_SLOW_READING_BYTES_S = 20_000_000
_SLOWEST_DECODER, _DECODING_LIMIT_S = 30, 12 * 3600.0
"""The least speed of decoding, in seconds a second of film; and the end of it, whatever the file says of its length."""


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
    try:
        fetched = store.measure(ref)
    except ObjectMissingError:
        return FileInspection(name=file.name, present=False, error="the file is not in the delivery")
    measured = ref.model_copy(update={"version_id": fetched.version_id})
    facts: MediaFacts | None = None
    error: str | None = "the file is empty"
    if fetched.size_bytes and file.role is Role.SUBTITLES:
        error = _subtitles_error(measured, size_bytes=fetched.size_bytes, store=store)
    elif fetched.size_bytes:
        with Window(store, measured, name=file.name) as window:
            facts, error = _measure(window.url, name=file.name, size_bytes=window.size_bytes)
            if error:
                window.vouch()
    return FileInspection(
        name=file.name,
        present=True,
        size_bytes=fetched.size_bytes,
        sha256=fetched.sha256,
        version_id=fetched.version_id,
        facts=facts,
        error=error,
    )


def _measure(film: Media, *, name: str, size_bytes: int) -> tuple[MediaFacts | None, str | None]:
    try:
        return _Inspection(film, name=name, size_bytes=size_bytes).result()
    except (ToolFailedError, ToolKilledError) as error:
        return None, _complaint(error, film=film, name=name)
    except _UnreadableError as error:
        return None, str(error)


class _Inspection:
    """The inspection of a file that should be media.

    What begins as a container is read on, whatever one of the tools says of it: the studio shall learn at once all
    that is wrong. The first complaint is kept.
    """

    def __init__(self, film: Media, *, name: str, size_bytes: int) -> None:
        self._film, self._name = film, name
        self._error: str | None = None
        self._found = probe(self._film, *untrusted(self._film), timeout_s=_PROBE_TIMEOUT_S)
        # Whoever reads every packet takes as long as S3 takes.
        self._reading_s = _PROBE_TIMEOUT_S + size_bytes / _SLOW_READING_BYTES_S

    def result(self) -> tuple[MediaFacts, str | None]:
        """Return the facts, and the first complaint.

        Raises
        ------
        _UnreadableError
            If there is picture that has no frame rate.
        """
        picture = self._found.picture
        rate = frame_rate(picture) if picture else None
        if picture and not rate:
            raise _UnreadableError("the picture has no frame rate")
        with tempfile.TemporaryDirectory() as folder:
            compressed = {
                stream.index: Path(folder) / f"{stream.index}.eac3"
                for stream in self._found.sound[:MAX_AUDIO_TRACKS]
                if stream.codec_name == _EAC3
            }
            frames = self._decode(picture, compressed)
            said = {index: self._eac3(path) for index, path in compressed.items()}
        media_info = self._asked(lambda: mediainfo.read(self._film, timeout_s=_PROBE_TIMEOUT_S), otherwise=MediaInfo())
        facts = media_facts(
            self._found,
            media_info=media_info,
            video=self._video(picture, rate=rate, frames=frames, media_info=media_info) if picture and rate else None,
            most_audio_tracks=MAX_AUDIO_TRACKS + 1,
            eac3={index: found for index, found in said.items() if found},
        )
        return facts, self._error

    def _video(self, picture: Stream, *, rate: str, frames: int, media_info: MediaInfo) -> VideoFacts:
        times = self._asked(
            lambda: presentation_times(
                self._film, *untrusted(self._film), stream=picture.index, timeout_s=self._reading_s
            ),
            otherwise=None,
        )
        nothing: tuple[SideData, ...] = ()
        side_data = self._asked(
            lambda: first_frame(self._film, *untrusted(self._film), stream=picture.index, timeout_s=_PROBE_TIMEOUT_S),
            otherwise=nothing,
        )
        return video_facts(
            picture,
            rate=rate,
            frames=frames,
            constant=constant_rate(times) if times else None,
            side_data=(*side_data, *picture.side_data_list),
            track=media_info.picture,
        )

    def _eac3(self, stream: Path) -> Eac3Facts | None:
        try:
            return eac3.facts(stream) if stream.is_file() else None
        except SoundUnreadableError as error:
            self._complain(str(error))
            return None

    def _asked(self, ask: Callable[[], AnswerT], *, otherwise: AnswerT) -> AnswerT:
        try:
            return ask()
        except (ToolFailedError, ToolKilledError) as error:
            self._complain(self._said(error))
            return otherwise

    def _said(self, error: ToolFailedError | ToolKilledError) -> str:
        return _complaint(error, film=self._film, name=self._name)

    def _complain(self, complaint: str) -> None:
        self._error = self._error or complaint

    def _decode(self, picture: Stream | None, compressed: Mapping[int, Path]) -> int:
        """Decode every frame of picture and sound; return the frames of picture.

        Streams of sound that are `compressed` are written to files as they are, by their indices, so that the source is
        read once.
        """
        strict = ("-xerror", "-err_detect", "explode", *untrusted(self._film), "-threads", str(threads()))
        which = (*(("-map", f"0:{picture.index}") if picture else ()), "-map", "0:a?")
        quietly = ("-fps_mode", "passthrough", "-f", "null", "-progress", "pipe:1", "-")
        kept = [part for index, path in compressed.items() for part in ("-map", f"0:{index}", "-c", "copy", path)]
        limit_s = min(self._reading_s + _SLOWEST_DECODER * self._found.format.duration, _DECODING_LIMIT_S)
        try:
            progress = ffmpeg(*strict, "-i", self._film, *which, *quietly, *kept, timeout_s=limit_s)
        except ToolFailedError as error:
            progress = error.output
            self._complain(self._said(error))
        except ToolKilledError as error:
            progress = ""
            self._complain(self._said(error))
        counts = _FRAME.findall(progress)
        frames = int(counts[-1]) if counts else 0
        declared = picture.nb_frames if picture else None
        # Some decoders pass over a cut-off end in silence; the container's own count shows it.
        if declared is not None and frames < declared:
            self._complain(f"{frames} of {declared} frames can be decoded")
        return frames


def _complaint(error: ToolFailedError | ToolKilledError, *, film: Media, name: str) -> str:
    """Return what the studio is told of a tool's error.

    Raises
    ------
    ToolKilledError
        If it was the machine that ended the tool, and not the file.
    """
    if isinstance(error, ToolKilledError):
        if not error.crashed:
            raise error
        return "a reader of its format falls over the file"
    # The studio knows its file by its name; where we read it for a minute says nothing to it.
    return error.complaint.replace(str(film), name)


def _subtitles_error(ref: ObjectRef, *, size_bytes: int, store: ObjectStore) -> str | None:
    if size_bytes > _MOST_SUBTITLES_BYTES:
        return f"the file is larger than {_MOST_SUBTITLES_BYTES // 1024**2} MiB"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "subtitles.vtt"
        store.fetch(ref, path)
        try:
            _read_subtitles(path)
        except (ToolFailedError, ToolKilledError) as error:
            return _complaint(error, film=path, name=ref.key.rpartition("/")[2])
        except _UnreadableError as error:
            return str(error)
    return None


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
    options = ("-f", "webvtt", "-count_packets")
    found = probe(path, *untrusted(path, formats="webvtt"), *options, timeout_s=_PROBE_TIMEOUT_S)
    return found.streams[0].nb_read_packets if found.streams else 0
