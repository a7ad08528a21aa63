"""The rules that a delivered file must keep. One function a rule; every broken rule is reported."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction

from lambdas.common.events import Finding
from lambdas.common.media import MediaFacts, VideoFacts
from lambdas.ingestion.findings import finding, limited
from lambdas.ingestion.models import DeliveryManifest, FileInspection, InspectionReport, ManifestFile, Role

CODECS = ("prores", "dnxhd", "h264", "hevc")
MIN_WIDTH, MIN_HEIGHT = 640, 360
MIN_DURATION_S = 4.0
"""One segment: a shorter film cannot be packaged."""
FRAME_RATES = tuple(Fraction(rate) for rate in ("24000/1001", "24", "25", "30000/1001", "30", "50", "60000/1001", "60"))

_RESEND = "upload the file again, then manifest.json again"
_EXPORT_AGAIN = "export the file again, and deliver it with a manifest of its new size and checksum"


def validate(manifest: DeliveryManifest, report: InspectionReport) -> tuple[Finding, ...]:
    """Return why a delivery cannot be accepted: nothing, if it can.

    Parameters
    ----------
    manifest
        What the studio says of its files.
    report
        What the inspection measured. A file that it does not mention counts as missing.
    """
    measured = {inspection.name: inspection for inspection in report.files}
    return limited(
        found
        for file in manifest.files
        for found in _of_file(file, measured.get(file.name) or FileInspection(name=file.name, present=False))
    )


def _of_file(file: ManifestFile, measured: FileInspection) -> Iterator[Finding]:
    # What is not there, or is empty, breaks every other rule as well: saying so once is enough.
    absent = _missing(file, measured) or _empty(file, measured)
    if absent:
        yield absent
        return
    integrity = _size(file, measured) or _checksum(file, measured)
    if integrity:
        yield integrity
    if file.role is Role.SUBTITLES:
        yield from _broken(_SUBTITLE_RULES, file, measured)
        return
    yield from _broken(_FEATURE_RULES, file, measured)
    if measured.facts:
        yield from (found for rule in _MEDIA_RULES if (found := rule(file.name, measured.facts)))
    if measured.facts and measured.facts.video:
        yield from (found for rule in _VIDEO_RULES if (found := rule(file.name, measured.facts.video)))


def _broken(rules: tuple[FileRule, ...], file: ManifestFile, measured: FileInspection) -> Iterator[Finding]:
    return (found for rule in rules if (found := rule(file, measured)))


def _missing(file: ManifestFile, measured: FileInspection) -> Finding | None:
    if measured.present:
        return None
    return finding(
        "FILE_MISSING",
        subject=file.name,
        message="the manifest names this file, and it is not in the delivery",
        remedy="Upload the file beside the manifest, under exactly this name, then manifest.json again.",
    )


def _empty(file: ManifestFile, measured: FileInspection) -> Finding | None:
    if measured.size_bytes:
        return None
    return finding(
        "FILE_EMPTY",
        subject=file.name,
        message="the file has no bytes",
        remedy=f"The upload broke off or the export failed: {_RESEND}.",
    )


def _size(file: ManifestFile, measured: FileInspection) -> Finding | None:
    if measured.size_bytes == file.size_bytes:
        return None
    return finding(
        "SIZE_MISMATCH",
        subject=file.name,
        message=f"{measured.size_bytes} bytes arrived, and the manifest says {file.size_bytes}",
        remedy=f"If the upload broke off, {_RESEND}; if the file has changed, correct the manifest.",
    )


def _checksum(file: ManifestFile, measured: FileInspection) -> Finding | None:
    if measured.sha256 == file.sha256:
        return None
    return finding(
        "CHECKSUM_MISMATCH",
        subject=file.name,
        message=f"the SHA-256 of what arrived is {measured.sha256}, and the manifest says {file.sha256}",
        remedy=f"If the file is right, correct the manifest; if it was damaged on its way, {_RESEND}.",
    )


def _subtitles(file: ManifestFile, measured: FileInspection) -> Finding | None:
    if measured.error is None:
        return None
    return finding(
        "SUBTITLES_INVALID",
        subject=file.name,
        message=measured.error,
        remedy="Deliver subtitles as WebVTT in UTF-8, beginning with the line WEBVTT.",
    )


def _not_media(file: ManifestFile, measured: FileInspection) -> Finding | None:
    if measured.facts:
        return None
    return finding(
        "NOT_MEDIA",
        subject=file.name,
        message=f"the file cannot be read as media: {measured.error or 'no stream was found'}",
        remedy=f"Deliver the feature in a MOV, MXF or MP4 container: {_EXPORT_AGAIN}.",
    )


def _damaged(file: ManifestFile, measured: FileInspection) -> Finding | None:
    if not measured.facts or measured.error is None:
        return None
    return finding(
        "DAMAGED",
        subject=file.name,
        message=f"the file does not decode to its end: {measured.error}",
        remedy=f"Play the file to its end where it was made; {_EXPORT_AGAIN}.",
    )


def _no_video(name: str, facts: MediaFacts) -> Finding | None:
    if facts.video:
        return None
    return finding(
        "NO_VIDEO",
        subject=name,
        message="the feature has no video stream",
        remedy=f"Include the picture: {_EXPORT_AGAIN}.",
    )


def _too_short(name: str, facts: MediaFacts) -> Finding | None:
    if facts.duration_s >= MIN_DURATION_S:
        return None
    return finding(
        "TOO_SHORT",
        subject=name,
        message=f"the feature lasts {facts.duration_s:.2f} s, and the least is {MIN_DURATION_S:g} s",
        remedy=f"Check that the whole film was exported: {_EXPORT_AGAIN}.",
    )


def _codec(name: str, video: VideoFacts) -> Finding | None:
    if video.codec in CODECS:
        return None
    return finding(
        "CODEC_NOT_ALLOWED",
        subject=name,
        message=f"the video codec is {video.codec}; allowed are {', '.join(CODECS)}",
        remedy=f"Choose ProRes 422 HQ or DNxHR where you can: {_EXPORT_AGAIN}.",
    )


def _resolution(name: str, video: VideoFacts) -> Finding | None:
    if video.width >= MIN_WIDTH and video.height >= MIN_HEIGHT:
        return None
    return finding(
        "RESOLUTION_TOO_SMALL",
        subject=name,
        message=f"the picture has {video.width}x{video.height}, and the least is {MIN_WIDTH}x{MIN_HEIGHT}",
        remedy=f"Deliver the picture at the resolution of its master: {_EXPORT_AGAIN}.",
    )


def _frame_rate(name: str, video: VideoFacts) -> Finding | None:
    if Fraction(video.frame_rate) in FRAME_RATES:
        return None
    allowed = ", ".join(str(rate) for rate in FRAME_RATES)
    return finding(
        "FRAME_RATE_NOT_ALLOWED",
        subject=name,
        message=f"the frame rate is {video.frame_rate}; allowed are {allowed} frames a second",
        remedy=f"Conform the film to a constant frame rate: {_EXPORT_AGAIN}.",
    )


FileRule = Callable[[ManifestFile, FileInspection], Finding | None]
_SUBTITLE_RULES: tuple[FileRule, ...] = (_subtitles,)
_FEATURE_RULES: tuple[FileRule, ...] = (_not_media, _damaged)
_MEDIA_RULES: tuple[Callable[[str, MediaFacts], Finding | None], ...] = (_no_video, _too_short)
_VIDEO_RULES: tuple[Callable[[str, VideoFacts], Finding | None], ...] = (_codec, _resolution, _frame_rate)
