"""The rules that a delivered file must keep. One function a rule; every broken rule is reported."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from lambdas.common.events import Finding
from lambdas.ingestion import atmos_rules, color_rules, media_rules, picture_rules, sound_rules
from lambdas.ingestion.findings import EXPORT_AGAIN, finding, limited
from lambdas.ingestion.models import DeliveryManifest, FileInspection, InspectionReport, ManifestFile, Role

IMF_EXTENSION = ".xml"
_RESEND = "upload the file again, then manifest.json again"


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


def _imf(file: ManifestFile, measured: FileInspection) -> Finding | None:
    if measured.facts or not file.name.lower().endswith(IMF_EXTENSION):
        return None
    return finding(
        "IMF_NOT_TAKEN",
        subject=file.name,
        message="the feature is XML, as the playlists and maps of an IMF package are, which is not taken yet",
        remedy="Send one MOV or MXF with ProRes 422 HQ, ProRes 4444 or DNxHR HQX, made of the package, as the feature.",
    )


def _not_media(file: ManifestFile, measured: FileInspection) -> Finding | None:
    if measured.facts or file.name.lower().endswith(IMF_EXTENSION):
        return None
    return finding(
        "NOT_MEDIA",
        subject=file.name,
        message=f"the file cannot be read as media: {measured.error or 'no stream was found'}",
        remedy=f"Deliver the feature in a MOV, MXF or MP4 container: {EXPORT_AGAIN}.",
    )


def _damaged(file: ManifestFile, measured: FileInspection) -> Finding | None:
    if not measured.facts or measured.error is None:
        return None
    return finding(
        "DAMAGED",
        subject=file.name,
        message=f"the file is damaged: {measured.error}",
        remedy=f"Play the file to its end where it was made; {EXPORT_AGAIN}.",
    )


FileRule = Callable[[ManifestFile, FileInspection], Finding | None]
_SUBTITLE_RULES: tuple[FileRule, ...] = (_subtitles,)
_FEATURE_RULES: tuple[FileRule, ...] = (_imf, _not_media, _damaged)
_MEDIA_RULES = (*media_rules.RULES, *sound_rules.RULES, *atmos_rules.RULES)
_VIDEO_RULES = (*picture_rules.RULES, *color_rules.RULES)
