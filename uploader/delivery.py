"""A delivery: a folder with its manifest, or one file of it; and sending it, the manifest last."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from lambdas.common.keys import MANIFEST_NAME, DeliveryLocation, delivery_of
from lambdas.common.strict_json import MalformedJsonError, loads
from lambdas.ingestion import manifest as manifests
from lambdas.ingestion.models import DeliveryManifest
from uploader.api import File
from uploader.errors import RefusedError
from uploader.sending import Means, Tally, send_file


class Delivery(NamedTuple):
    """What is to be sent, and where. Without a manifest nothing begins when it has arrived."""

    location: DeliveryLocation
    files: tuple[Path, ...]
    manifest: DeliveryManifest | None = None

    @property
    def size_bytes(self) -> int:
        """The size of all files together."""
        return sum(path.stat().st_size for path in self.files)


def delivery_at(path: Path, *, studio: str | None, delivery_id: str | None) -> Delivery:
    """Return the delivery in the folder `path`, or of the file `path`.

    The manifest is read as ingestion reads it, and each file has to have the size that it says: what would be
    rejected after an upload of hours is refused before it.

    Parameters
    ----------
    studio
        Whose delivery it is; a folder's manifest says it too.
    delivery_id
        What the delivery is called; by default as the folder, or as the file without its last ending.

    Raises
    ------
    RefusedError
        If ingestion would not take it; the message names every field that is at fault.
    OSError
        If a file cannot be read.
    """
    if path.is_dir():
        return _folder(path, studio=studio, delivery_id=delivery_id or path.resolve().name)
    if studio is None:
        raise RefusedError(f"say whose file {path.name} is, with --studio")
    location = DeliveryLocation(studio=studio, delivery_id=delivery_id or path.stem)
    _check_name(location)
    try:
        location.file(path.name)
    except ValueError as error:
        raise RefusedError(
            f"{path.name!r} cannot be a file's name: letters, digits, dots, hyphens and underscores only"
        ) from error
    return Delivery(location=location, files=(path,))


class Sent(NamedTuple):
    """A delivery that has arrived; of one file, no manifest's version."""

    tally: Tally
    manifest_version: str | None = None


def send(delivery: Delivery, *, means: Means, again: bool) -> Sent:
    """Send what the server does not have of a delivery.

    The manifest is sent last, because its arrival starts the ingestion. It is sent again after any other file, and
    if any has arrived since: then an earlier run ended between the two.

    Parameters
    ----------
    again
        Send the manifest even if everything is there as it is.

    Raises
    ------
    UploadingError
        If that cannot be done, or not now.
    OSError
        If a file cannot be read.
    """
    tally, last_arrival, version = Tally(), None, None
    for path in delivery.files:
        file = File(delivery_id=delivery.location.delivery_id, name=path.name)
        announcing = path.name == MANIFEST_NAME and (again or not tally.was_there)
        arrived = send_file(path, file=file, means=means, anew=announcing)
        if path.name == MANIFEST_NAME:
            if last_arrival and arrived.arrived_at and arrived.arrived_at < last_arrival:
                means.watcher.skipped(-arrived.tally.size_bytes)
                arrived = send_file(path, file=file, means=means, anew=True)
            version = arrived.object_version
        elif arrived.arrived_at:
            last_arrival = max(last_arrival or arrived.arrived_at, arrived.arrived_at)
        tally += arrived.tally
    return Sent(tally, version)


def _folder(path: Path, *, studio: str | None, delivery_id: str) -> Delivery:
    manifest_path = path / MANIFEST_NAME
    raw = _read(manifest_path)
    location = DeliveryLocation(studio=studio or _studio_named(raw), delivery_id=delivery_id)
    try:
        manifest = manifests.read(raw, location=location)
    except manifests.UnreadableManifestError as error:
        told = "\n".join(f"  {finding.subject}: {finding.message}" for finding in error.findings)
        raise RefusedError(f"{manifest_path} is not a delivery manifest, see docs/ingestion.md:\n{told}") from error
    _check_name(location)
    files = tuple(path / file.name for file in manifest.files)
    for file, declared in zip(files, manifest.files, strict=True):
        if not file.is_file():
            raise RefusedError(f"{file} is missing, and {manifest_path} names it")
        if (size := file.stat().st_size) != declared.size_bytes:
            raise RefusedError(
                f"{file} has {size} bytes, and {manifest_path} says {declared.size_bytes}: correct the manifest, or "
                "take the right file"
            )
    return Delivery(location=location, files=(*files, manifest_path), manifest=manifest)


def _read(manifest_path: Path) -> bytes:
    try:
        with manifest_path.open("rb") as file:
            return file.read(manifests.MAX_BYTES + 1)
    except FileNotFoundError as error:
        raise RefusedError(f"{manifest_path} is missing: a delivery has a manifest, see docs/ingestion.md") from error


def _studio_named(raw: bytes) -> str:
    """Return whose delivery a manifest says it is; nobody's, where it does not: it is not accepted then anyway."""
    try:
        content = loads(raw)
    except MalformedJsonError:
        return ""
    return str(content.get("studio", "")) if isinstance(content, dict) else ""


def _check_name(location: DeliveryLocation) -> None:
    try:
        delivery_of(location.manifest)
    except ValueError as error:
        raise RefusedError(
            f"{location.delivery_id!r} cannot be a delivery's name: give it another one with --delivery, of letters, "
            "digits, dots, hyphens and underscores"
        ) from error
