"""Statuses as the studios' API answers them."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from posixpath import basename

from pydantic import AwareDatetime, Field

from lambdas.common.errors import NotFoundError
from lambdas.common.events import Finding
from lambdas.common.keys import Analysis, Workspace
from lambdas.common.ladder import LadderReport
from lambdas.common.media import ObjectRef, Record
from lambdas.common.qc import Complexity, QcCheck
from lambdas.ingestion.status import (
    EncodingStatus,
    Failure,
    RejectedRung,
    Rejection,
    RenditionStatus,
    ReviewStatus,
    Stage,
    Status,
)
from lambdas.ingestion.status_store import HistoryEntry


class ListedDelivery(Record):
    """A version of a delivery, as one line of a list."""

    delivery_id: str
    version_id: str
    stage: Stage
    since: AwareDatetime = Field(description="when it came to its stage")
    updated_at: AwareDatetime
    delivered_at: AwareDatetime
    title_id: str | None
    title_name: str | None
    priority: str | None
    size_bytes: int | None
    verdict: str | None = Field(description="quality control's, once it has one")
    findings_count: int
    encoding: EncodingStatus | None


class Deliveries(Record):
    """Answer of ``GET /api/ingest/deliveries``."""

    deliveries: tuple[ListedDelivery, ...] = Field(description="the newest first")
    cursor: str | None = Field(description="where the next ones begin; none: these are the last")


class ToldFrame(Record):
    """A frame of a rejected rung, and its stills."""

    timecode: str
    vmaf: float
    stills: tuple[str, ...] = Field(description="of the source and of the rendition, by name")


class ToldRejection(RejectedRung):
    """A rung that is not good enough, and the stills of its worst frame."""

    stills: tuple[str, ...] = Field(description="by name, each asked for at its own address")
    others: tuple[ToldFrame, ...] = Field(description="the worst frames of other chunks, the worst first")


class DeliveredVersion(ListedDelivery):
    """All that a studio may know of one version of its delivery."""

    checks: tuple[QcCheck, ...] = Field(description="stills by name, each asked for at its own address")
    complexity: Complexity | None
    findings: tuple[Finding, ...]
    review: ReviewStatus | None
    renditions: tuple[RenditionStatus, ...]
    ladder: LadderReport | None
    rejections: tuple[ToldRejection, ...]
    failure: Failure | None
    history: tuple[HistoryEntry, ...]


class Delivery(Record):
    """Answer of ``GET /api/ingest/deliveries/{delivery_id}``."""

    delivery_id: str
    versions: tuple[DeliveredVersion, ...] = Field(description="the newest first")


def listed(status: Status) -> ListedDelivery:
    """Return a status as one line of a list."""
    return ListedDelivery.model_validate(_line(status))


def detailed(status: Status, *, history: tuple[HistoryEntry, ...], ladder: LadderReport | None) -> DeliveredVersion:
    """Return all that a studio may know of one version of its delivery."""
    return DeliveredVersion.model_validate(
        {
            **_line(status),
            "checks": tuple(_check(check) for check in status.checks),
            "complexity": status.complexity,
            "findings": status.findings,
            "review": status.review,
            "renditions": status.renditions,
            "ladder": ladder,
            "rejections": tuple(_rejection(rejection) for rejection in status.rejections),
            "failure": status.failure,
            "history": history,
        }
    )


def still_key(status: Status, name: str) -> str:
    """Return where the still `name` of a delivery lies: of a check, or of what the quality gate has rejected.

    Raises
    ------
    NotFoundError
        If nothing that is known of the delivery names it.
    """
    own, workspace = Analysis(status.version_id).prefix, Workspace(status.version_id)
    stills = (span.still for check in status.checks for span in check.at if span.still)
    rejected = chain.from_iterable(
        (*rejection.pictures, *(picture for frame in rejection.others for picture in frame.pictures))
        for rejection in status.rejections
    )
    pictures = (picture.key for picture in rejected)
    keys = (*filter(lambda key: key.startswith(own), stills), *filter(workspace.has_picture, pictures))
    found = next((key for key in keys if basename(key) == name), None)
    if found is None:
        raise NotFoundError(f"the delivery has no still {name!r}")
    return found


def _line(status: Status) -> dict[str, object]:
    return {
        "delivery_id": status.delivery_id,
        "version_id": status.version_id,
        "stage": status.stage,
        "since": status.since,
        "updated_at": status.updated_at,
        "delivered_at": status.delivered_at,
        "title_id": status.title_id,
        "title_name": status.title_name,
        "priority": status.priority,
        "size_bytes": status.size_bytes,
        "verdict": status.verdict,
        "findings_count": len(status.findings),
        "encoding": status.encoding,
    }


def _check(check: QcCheck) -> QcCheck:
    # Where a still lies is nobody's business: by its name it is asked for.
    spans = (span.model_copy(update={"still": span.still and basename(span.still)}) for span in check.at)
    return check.model_copy(update={"at": tuple(spans)})


def _rejection(rejection: Rejection) -> ToldRejection:
    facts = rejection.model_dump(exclude={"pictures", "others"})
    others = tuple(
        ToldFrame(timecode=frame.timecode, vmaf=frame.vmaf, stills=_stills(frame.pictures))
        for frame in rejection.others
    )
    return ToldRejection(**facts, stills=_stills(rejection.pictures), others=others)


def _stills(pictures: Iterable[ObjectRef]) -> tuple[str, ...]:
    return tuple(basename(picture.key) for picture in pictures)
