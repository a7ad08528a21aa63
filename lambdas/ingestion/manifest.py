"""Reading a delivery's manifest: the manifest, or every reason why it cannot be one."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import ValidationError

from lambdas.common.batch import Job
from lambdas.common.events import Finding
from lambdas.common.keys import MANIFEST_NAME, DeliveryLocation, Workspace
from lambdas.common.parsing import field_errors
from lambdas.common.strict_json import MalformedJsonError, loads
from lambdas.ingestion.findings import finding, limited
from lambdas.ingestion.models import DeliveryManifest
from lambdas.ingestion.states import Arrival, ReadableDelivery, RejectedDelivery

MAX_BYTES = 1024 * 1024
_AGAIN = "and upload manifest.json again: its arrival starts a new check"


class UnreadableManifestError(Exception):
    """A manifest cannot be accepted as it stands; `findings` say why."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        super().__init__(", ".join(sorted({found.code for found in findings})))
        self.findings = tuple(findings)


def read(raw: bytes, *, location: DeliveryLocation) -> DeliveryManifest:
    """Return the manifest in `raw`, delivered at `location`.

    Raises
    ------
    UnreadableManifestError
        If it is not JSON, does not fit the schema (one finding a field), or names another studio than the one
        in whose folder it lies.
    """
    try:
        loads(raw)
        manifest = DeliveryManifest.model_validate_json(raw, strict=True)
    except MalformedJsonError as error:
        raise UnreadableManifestError([_malformed(str(error))]) from error
    except ValidationError as error:
        raise UnreadableManifestError(limited(_misfits(error))) from error
    if manifest.studio != location.studio:
        raise UnreadableManifestError([_other_studio(manifest.studio, location=location)])
    return manifest


def too_large() -> Finding:
    """Return the finding of a manifest of more than `MAX_BYTES`, which is not read at all."""
    return finding(
        "MANIFEST_TOO_LARGE",
        subject=MANIFEST_NAME,
        message=f"the manifest is larger than {MAX_BYTES} bytes",
        remedy=f"Send a manifest that lists at most 100 files, {_AGAIN}.",
    )


def readable(
    manifest: DeliveryManifest, *, arrival: Arrival, location: DeliveryLocation, work_bucket: str
) -> ReadableDelivery:
    """Return what the state machine needs to inspect the delivery of `manifest`."""
    report = f"s3://{work_bucket}/{Workspace(arrival.version_id).inspection}"
    return ReadableDelivery(
        raw_bucket=arrival.raw_bucket,
        studio=manifest.studio,
        delivery_id=location.delivery_id,
        version_id=arrival.version_id,
        title_id=manifest.title.title_id,
        inspect=Job(
            name=f"inspect-{arrival.version_id}",
            command=(
                "inspect",
                "--manifest",
                f"s3://{arrival.raw_bucket}/{arrival.manifest_key}",
                *(("--manifest-version", arrival.object_version) if arrival.object_version else ()),
                "--report",
                report,
            ),
        ),
        manifest=manifest,
    )


def rejected(findings: tuple[Finding, ...], *, arrival: Arrival, location: DeliveryLocation) -> RejectedDelivery:
    """Return what the state machine needs to reject a delivery whose manifest cannot be read."""
    return RejectedDelivery(
        studio=location.studio,
        delivery_id=location.delivery_id,
        version_id=arrival.version_id,
        findings=findings,
    )


def _malformed(message: str) -> Finding:
    return finding(
        "MANIFEST_INVALID",
        subject=MANIFEST_NAME,
        message=message,
        remedy=f"Write the manifest as one JSON object in UTF-8, {_AGAIN}.",
    )


def _misfits(error: ValidationError) -> list[Finding]:
    return [
        finding(
            "MANIFEST_INVALID",
            subject=misfit.field or MANIFEST_NAME,
            message=misfit.message,
            remedy=f"Correct {misfit.field or 'the manifest'}, {_AGAIN}.",
        )
        for misfit in field_errors(error)
    ]


def _other_studio(studio: str, *, location: DeliveryLocation) -> Finding:
    return finding(
        "STUDIO_MISMATCH",
        subject="studio",
        message=f"the manifest says {studio!r}, and lies in the folder of {location.studio!r}",
        remedy=f"Set 'studio' to {location.studio!r}, {_AGAIN}; a studio delivers only for itself.",
    )
