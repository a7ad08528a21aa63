"""Reading a delivery's manifest: the manifest, or every reason why it cannot be one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pydantic import ValidationError

from lambdas.common.events import Finding
from lambdas.common.keys import MANIFEST_NAME, DeliveryLocation
from lambdas.common.strict_json import MalformedJsonError, loads
from lambdas.ingestion.findings import finding, limited
from lambdas.ingestion.models import SCHEMA_VERSION, DeliveryManifest
from lambdas.ingestion.schema import described

MAX_BYTES = 1024 * 1024
_VERSION_FIELD = "schema_version"
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
        If it has more than `MAX_BYTES`, is not JSON, does not fit the schema (one finding a field), or names another
        studio than the one in whose folder it lies.
    """
    if len(raw) > MAX_BYTES:
        raise UnreadableManifestError([too_large()])
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


def _malformed(message: str) -> Finding:
    return finding(
        "MANIFEST_INVALID",
        subject=MANIFEST_NAME,
        message=message,
        remedy=f"Write the manifest as one JSON object in UTF-8, {_AGAIN}.",
    )


def _misfits(error: ValidationError) -> Iterator[Finding]:
    details = error.errors(include_url=False, include_context=False, include_input=False)
    # A list whose elements are all at fault counts as empty, which is no news.
    parents = {detail["loc"][:depth] for detail in details for depth in range(len(detail["loc"]))}
    for detail in details:
        path = detail["loc"]
        if detail["type"] == "too_short" and path in parents:
            continue
        field = ".".join(map(str, path))
        if field == _VERSION_FIELD:
            yield _other_version()
            continue
        yield finding(
            "MANIFEST_INVALID",
            subject=field or MANIFEST_NAME,
            message=detail["msg"].removeprefix("Value error, "),
            remedy=_remedy(detail["type"], field=field, described=described(path)),
        )


def _remedy(kind: str, *, field: str, described: str | None) -> str:
    if kind == "extra_forbidden":
        return f"Leave it out, because version {SCHEMA_VERSION} of the manifest does not know it, {_AGAIN}."
    verb = "Add" if kind == "missing" else "Correct"
    return f"{verb} {field or 'the manifest'}{f' ({described})' if described else ''}, {_AGAIN}."


def _other_version() -> Finding:
    return finding(
        "MANIFEST_VERSION",
        subject=_VERSION_FIELD,
        message=f"only version {SCHEMA_VERSION} of the manifest is taken; version 1 did not say where and when a "
        "title may be shown",
        remedy=f"Set '{_VERSION_FIELD}' to the number {SCHEMA_VERSION}, and add 'rights', a list of windows with "
        f"'territories' and 'starts_at' each; the rest of version 1 is as it was. Correct it, {_AGAIN}.",
    )


def _other_studio(studio: str, *, location: DeliveryLocation) -> Finding:
    return finding(
        "STUDIO_MISMATCH",
        subject="studio",
        message=f"the manifest says {studio!r}, and lies in the folder of {location.studio!r}",
        remedy=f"Set 'studio' to {location.studio!r}, {_AGAIN}; a studio delivers only for itself.",
    )
