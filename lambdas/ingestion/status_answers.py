"""Statuses as the studios' API answers them."""

from __future__ import annotations

from posixpath import basename
from typing import Any

from lambdas.common.errors import NotFoundError
from lambdas.common.keys import Analysis
from lambdas.common.qc import QcCheck
from lambdas.ingestion.status import Status
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


def detailed(status: Status, *, history: tuple[HistoryEntry, ...]) -> dict[str, Any]:
    """Return all that a studio may know of one version of its delivery."""
    review, failure = status.review, status.failure
    return {
        **listed(status),
        "checks": [_check(check) for check in status.checks],
        "findings": [finding.model_dump(mode="json") for finding in status.findings],
        "review": review and review.model_dump(mode="json"),
        "renditions": [rendition.model_dump(mode="json") for rendition in status.renditions],
        "failure": failure and failure.model_dump(mode="json"),
        "history": [entry.model_dump(mode="json") for entry in history],
    }


def still_key(status: Status, name: str) -> str:
    """Return where the still `name` of a delivery lies.

    Raises
    ------
    NotFoundError
        If none of the delivery's checks names it.
    """
    own = Analysis(status.version_id).prefix
    keys = (span.still for check in status.checks for span in check.at if span.still)
    found = next((key for key in keys if basename(key) == name and key.startswith(own)), None)
    if found is None:
        raise NotFoundError(f"the delivery has no still {name!r}")
    return found


def _check(check: QcCheck) -> dict[str, Any]:
    told = check.model_dump(mode="json")
    for span in told["at"]:
        # Where it lies is nobody's business: by its name it is asked for.
        span["still"] = span["still"] and basename(span["still"])
    return told
