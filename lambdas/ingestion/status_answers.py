"""Statuses as the studios' API answers them."""

from __future__ import annotations

from posixpath import basename
from typing import Any

from lambdas.common.errors import NotFoundError
from lambdas.common.keys import Analysis, Workspace
from lambdas.common.ladder import LadderReport
from lambdas.common.qc import QcCheck
from lambdas.ingestion.status import Rejection, Status
from lambdas.ingestion.status_store import HistoryEntry


def listed(status: Status) -> dict[str, Any]:
    """Return a status as one line of a list."""
    encoding = status.encoding
    return {
        "delivery_id": status.delivery_id,
        "version_id": status.version_id,
        "stage": status.stage.value,
        "since": status.since.isoformat(),
        "updated_at": status.updated_at.isoformat(),
        "delivered_at": status.delivered_at.isoformat(),
        "title_id": status.title_id,
        "title_name": status.title_name,
        "priority": status.priority,
        "size_bytes": status.size_bytes,
        "verdict": status.verdict,
        "findings_count": len(status.findings),
        "encoding": encoding and encoding.model_dump(mode="json"),
    }


def detailed(status: Status, *, history: tuple[HistoryEntry, ...], ladder: LadderReport | None) -> dict[str, Any]:
    """Return all that a studio may know of one version of its delivery."""
    complexity, review, failure = status.complexity, status.review, status.failure
    return {
        **listed(status),
        "checks": [_check(check) for check in status.checks],
        "complexity": complexity and complexity.model_dump(mode="json"),
        "findings": [finding.model_dump(mode="json") for finding in status.findings],
        "review": review and review.model_dump(mode="json"),
        "renditions": [rendition.model_dump(mode="json") for rendition in status.renditions],
        "ladder": ladder and ladder.model_dump(mode="json"),
        "rejections": [_rejection(rejection) for rejection in status.rejections],
        "failure": failure and failure.model_dump(mode="json"),
        "history": [entry.model_dump(mode="json") for entry in history],
    }


def still_key(status: Status, name: str) -> str:
    """Return where the still `name` of a delivery lies: of a check, or of what the quality gate has rejected.

    Raises
    ------
    NotFoundError
        If nothing that is known of the delivery names it.
    """
    own, workspace = Analysis(status.version_id).prefix, Workspace(status.version_id)
    stills = (span.still for check in status.checks for span in check.at if span.still)
    pictures = (picture.key for rejection in status.rejections for picture in rejection.pictures)
    keys = (*filter(lambda key: key.startswith(own), stills), *filter(workspace.has_picture, pictures))
    found = next((key for key in keys if basename(key) == name), None)
    if found is None:
        raise NotFoundError(f"the delivery has no still {name!r}")
    return found


def _check(check: QcCheck) -> dict[str, Any]:
    told = check.model_dump(mode="json")
    for span in told["at"]:
        # Where it lies is nobody's business: by its name it is asked for.
        span["still"] = span["still"] and basename(span["still"])
    return told


def _rejection(rejection: Rejection) -> dict[str, Any]:
    told = rejection.model_dump(mode="json", exclude={"pictures"})
    return told | {"stills": [basename(picture.key) for picture in rejection.pictures]}
