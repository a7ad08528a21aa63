"""A manifest in the wrong place: whose it is, and what that studio is told."""

from __future__ import annotations

from pydantic import TypeAdapter, ValidationError

from lambdas.common.events import DeliveryRejected
from lambdas.common.keys import MANIFEST_NAME, is_plain_name
from lambdas.common.media import Slug
from lambdas.ingestion.arrival import MisplacedManifestError
from lambdas.ingestion.findings import finding

_STUDIO: TypeAdapter[str] = TypeAdapter(Slug)
_NAMELESS = "misplaced"
"""The delivery of a manifest that lies in no folder, or in none that can be a delivery's."""


def misplaced(error: MisplacedManifestError) -> DeliveryRejected:
    """Return the event that tells a studio of its misplaced manifest.

    Whoever can write below a studio's folder is that studio, or acts for it.

    Raises
    ------
    MisplacedManifestError
        If it lies in no studio's folder: then there is nobody to tell.
    """
    first, _, path = error.key.partition("/")
    try:
        studio = _STUDIO.validate_python(first)
    except ValidationError:
        raise error from None
    folders = path.split("/")[:-1]
    return DeliveryRejected(
        studio=studio,
        delivery_id=next((name for name in folders if is_plain_name(name)), _NAMELESS),
        version_id=error.version_id,
        findings=(
            finding(
                "MANIFEST_MISPLACED",
                subject=path,
                message=f"{path} is not the manifest of a delivery: that lies in a folder at the top of yours, whose "
                "name has at most 128 letters, digits, dots, hyphens and underscores",
                remedy=f"Put all files of the delivery into one such folder, for example delivery-1, and then "
                f"{MANIFEST_NAME} beside them.",
            ),
        ),
    )
