"""The status of a delivery: what the bus has said of it, in whatever order and however often it said it.

A delivery's status is the newest event of each kind, and the time of the first. Adding an event to it is commutative,
associative and idempotent, so a late, repeated or overtaken event can never take a delivery back: the stage is the
furthest one that any of its events tells of.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from pydantic import AwareDatetime, Field

from lambdas.common.events import (
    DeliveryReceived,
    DeliveryRejected,
    EncodingProgressed,
    EncodingStarted,
    Event,
    Finding,
    JobCounts,
    PipelineFailed,
    PoorFrame,
    QualityJudged,
    QueueDepth,
    RenditionRejected,
    ReviewDecided,
    ReviewRequested,
    SourceAccepted,
    TitlePublished,
    TitleRolledBack,
    VersionPackaged,
)
from lambdas.common.media import ObjectRef, Record
from lambdas.common.qc import Complexity, QcCheck

REMEMBERED: tuple[type[Event], ...] = (
    DeliveryReceived,
    QualityJudged,
    ReviewRequested,
    ReviewDecided,
    DeliveryRejected,
    SourceAccepted,
    EncodingStarted,
    RenditionRejected,
    VersionPackaged,
    TitlePublished,
    TitleRolledBack,
    PipelineFailed,
)
"""The events that are each an entry of a delivery's history."""

FOLLOWED: tuple[type[Event], ...] = (*REMEMBERED, EncodingProgressed)
"""The events that a delivery's status is made of."""


class Stage(StrEnum):
    """How far a delivery has come."""

    RECEIVED = "received"
    JUDGED = "judged"
    REVIEW = "in_review"
    REJECTED = "rejected"
    ACCEPTED = "accepted"
    ENCODING = "encoding"
    PACKAGED = "packaged"
    PUBLISHED = "published"
    FAILED = "failed"


_FURTHER_AND_FURTHER: tuple[tuple[str, Stage], ...] = (
    ("DeliveryReceived", Stage.RECEIVED),
    ("QualityJudged", Stage.JUDGED),
    ("ReviewRequested", Stage.REVIEW),
    ("ReviewDecided", Stage.REVIEW),
    # What people have repaired goes on: an end of the same workflow is further than its failure.
    ("PipelineFailed/ingestion", Stage.FAILED),
    ("DeliveryRejected", Stage.REJECTED),
    ("SourceAccepted", Stage.ACCEPTED),
    # Before the one that tells since when: they come again and again.
    ("EncodingProgressed", Stage.ENCODING),
    ("RenditionRejected", Stage.ENCODING),
    ("EncodingStarted", Stage.ENCODING),
    ("PipelineFailed/encoding", Stage.FAILED),
    ("VersionPackaged", Stage.PACKAGED),
    ("TitlePublished", Stage.PUBLISHED),
    ("TitleRolledBack", Stage.PUBLISHED),
)
_OF_A_RUNG = "RenditionRejected"
"""A version may have several, one a rung: each is a kind of its own, such as ``RenditionRejected/1080p``."""
_RANK = {kind: rank for rank, (kind, _) in enumerate(_FURTHER_AND_FURTHER)}
_STAGE = dict(_FURTHER_AND_FURTHER)

_KEPT: Mapping[type[Event], frozenset[str]] = {
    DeliveryReceived: frozenset({"title_id", "title_name", "priority", "delivered_at", "size_bytes"}),
    QualityJudged: frozenset({"title_id", "verdict", "checks", "complexity"}),
    ReviewRequested: frozenset({"title_id", "until", "escalated"}),
    # Who decided is the operators' business, and not the studio's.
    ReviewDecided: frozenset({"title_id", "approved", "note"}),
    DeliveryRejected: frozenset({"findings"}),
    SourceAccepted: frozenset({"title", "priority", "delivered_at"}),
    EncodingStarted: frozenset({"title_id", "rungs"}),
    EncodingProgressed: frozenset({"title_id", "jobs", "chunks", "eta", "usd", "queue"}),
    RenditionRejected: frozenset(
        {
            *("title_id", "rung", "vmaf_mean", "vmaf_p5", "floor_mean", "floor_p5", "raised"),
            *("worst_timecode", "worst_vmaf", "pictures", "others"),
        }
    ),
    VersionPackaged: frozenset({"title_id", "duration_s", "renditions"}),
    TitlePublished: frozenset({"title", "revision"}),
    TitleRolledBack: frozenset({"title", "revision"}),
    PipelineFailed: frozenset({"pipeline", "error", "remedy"}),
}
"""What of each event a status is made of: an item of the table holds 400 KB, and events may be large."""


class Seen(Record):
    """An event as a status keeps it."""

    at: AwareDatetime = Field(description="when the bus took it, or what it says was so")
    facts: dict[str, Any]

    @property
    def age(self) -> tuple[int, datetime, str]:
        """What of two events of one kind the greater is the newer of; equal only if they are equal."""
        return int(self.facts.get("revision", 0)), self.at, json.dumps(self.facts, sort_keys=True)


class ReviewStatus(Record):
    """A review of a delivery, as its studio sees it."""

    until: AwareDatetime | None = None
    escalated: bool = False
    approved: bool | None = Field(default=None, description="none: nobody has decided yet")
    note: str = ""


class EncodingStatus(Record):
    """How far the encoding of a version is."""

    at: AwareDatetime = Field(description="when somebody looked")
    finished: bool = Field(description="the version is packaged, and checked")
    jobs: JobCounts
    chunks: JobCounts = Field(description="those of the jobs that encode chunks")
    eta: AwareDatetime | None = Field(description="when all should be done; none: nobody can say, or all is")
    usd: float | None = Field(description="what was spent up to then; none: not known")
    queue: QueueDepth


class RenditionStatus(Record):
    """A rung of the published film."""

    rung: str
    codec: str
    width: int
    height: int
    bitrate_kbps: float
    vmaf_mean: float


class RejectedRung(Record):
    """A rung that is not good enough, and where its worst frame is."""

    rung: str
    vmaf_mean: float
    vmaf_p5: float
    floor_mean: float
    floor_p5: float
    raised: int = Field(description="chunks that were encoded again with more bits, each time counted")
    worst_timecode: str
    worst_vmaf: float


class Rejection(RejectedRung):
    """The same, and pictures of that frame."""

    pictures: tuple[ObjectRef, ...] = Field(description="of the source and of the rendition")
    others: tuple[PoorFrame, ...] = Field(default=(), description="of other chunks, the worst first")


class Failure(Record):
    """Why the processing stopped, for a reason that is not the studio's."""

    error: str
    remedy: str


class Status(Record):
    """What is known of one version of a delivery."""

    studio: str
    delivery_id: str
    version_id: str
    first_at: AwareDatetime = Field(description="when the oldest of all its events was told")
    seen: dict[str, Seen] = Field(min_length=1, description="the newest event of each kind")

    @property
    def stage(self) -> Stage:
        """The furthest stage that any of the events tells of."""
        return _STAGE[_family(self._furthest)]

    @property
    def since(self) -> datetime:
        """When the delivery came to its stage."""
        return self.seen[self._furthest].at

    @property
    def updated_at(self) -> datetime:
        """When the newest of the events was told."""
        return max(seen.at for seen in self.seen.values())

    @property
    def delivered_at(self) -> datetime:
        """When the manifest arrived; where no event says it, when the first of them was told."""
        said = self._first("delivered_at", of=("DeliveryReceived", "SourceAccepted"))
        return datetime.fromisoformat(said) if said else self.first_at

    @property
    def title_id(self) -> str | None:
        """The title, once a manifest that parses has said it."""
        said: str | None = self._first("title_id") or self._title.get("title_id")
        return said

    @property
    def title_name(self) -> str | None:
        """The title's name, the same."""
        said: str | None = self._first("title_name") or self._title.get("name")
        return said

    @property
    def priority(self) -> str | None:
        """How soon the delivery is wanted, the same."""
        said: str | None = self._first("priority")
        return said

    @property
    def size_bytes(self) -> int | None:
        """The bytes of all its files together, the same."""
        said: int | None = self._first("size_bytes")
        return said

    @property
    def verdict(self) -> str | None:
        """What quality control said of it, once it has."""
        said: str | None = self._first("verdict")
        return said

    @property
    def checks(self) -> tuple[QcCheck, ...]:
        """What quality control measured."""
        return tuple(QcCheck.model_validate(check) for check in self._first("checks") or ())

    @property
    def complexity(self) -> Complexity | None:
        """How hard its picture is to encode, where the analysis measured it."""
        said = self._first("complexity")
        return said and Complexity.model_validate(said)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Why it was rejected."""
        return tuple(Finding.model_validate(found) for found in self._first("findings") or ())

    @property
    def review(self) -> ReviewStatus | None:
        """What became of its review, if a person was asked."""
        asked, decided = self.seen.get("ReviewRequested"), self.seen.get("ReviewDecided")
        if not asked and not decided:
            return None
        return ReviewStatus(
            until=asked.facts["until"] if asked else None,
            escalated=asked.facts["escalated"] if asked else False,
            approved=decided.facts["approved"] if decided else None,
            note=decided.facts["note"] if decided else "",
        )

    @property
    def encoding(self) -> EncodingStatus | None:
        """How far its encoding is, once somebody has looked. A version that is packaged needs no other proof."""
        seen = self.seen.get("EncodingProgressed")
        if seen is None:
            return None
        finished = "VersionPackaged" in self.seen
        facts = {name: fact for name, fact in seen.facts.items() if name in EncodingStatus.model_fields}
        told = EncodingStatus(at=seen.at, finished=finished, **facts)
        if not finished:
            return told.model_copy(update={"eta": None}) if self.stage is Stage.FAILED else told
        return told.model_copy(update={"jobs": _all_done(told.jobs), "chunks": _all_done(told.chunks), "eta": None})

    @property
    def renditions(self) -> tuple[RenditionStatus, ...]:
        """What it was encoded to, once it is packaged."""
        known = RenditionStatus.model_fields
        return tuple(
            RenditionStatus.model_validate({name: rung[name] for name in known})
            for rung in self._first("renditions") or ()
        )

    @property
    def rejections(self) -> tuple[Rejection, ...]:
        """The rungs that the quality gate has rejected, by name, unless its encoding has begun again since."""
        started = self.seen.get("EncodingStarted")
        found = (seen for kind, seen in sorted(self.seen.items()) if _family(kind) == _OF_A_RUNG)
        known = Rejection.model_fields
        return tuple(
            Rejection.model_validate({name: fact for name, fact in seen.facts.items() if name in known})
            for seen in found
            if started is None or seen.at >= started.at
        )

    @property
    def failure(self) -> Failure | None:
        """Why its processing stopped, while it has not gone on since."""
        if self.stage is not Stage.FAILED:
            return None
        facts = self.seen[self._furthest].facts
        return Failure(error=facts["error"], remedy=facts["remedy"])

    @property
    def _furthest(self) -> str:
        kinds = set(self.seen)
        failed, started = self.seen.get("PipelineFailed/encoding"), self.seen.get("EncodingStarted")
        if failed and started and started.at > failed.at:
            # Operators have started it again.
            kinds.remove("PipelineFailed/encoding")
        return max(kinds, key=_rank)

    @property
    def _title(self) -> dict[str, Any]:
        return self._first("title") or {}

    def _first(self, fact: str, *, of: tuple[str, ...] | None = None) -> Any:  # noqa: ANN401 - a JSON value
        """Return a fact from the earliest kind of event that tells it."""
        telling = (self.seen[kind].facts for kind in of or sorted(self.seen, key=_rank) if kind in self.seen)
        return next((facts[fact] for facts in telling if fact in facts), None)


def followed(event: Event, *, at: datetime) -> Status:
    """Return what one event says of its delivery.

    Parameters
    ----------
    at
        When the bus took it. Of progress, which may overtake itself, the time counts at which it was so.
    """
    if isinstance(event, EncodingProgressed):
        at = event.at
    facts = event.model_dump(mode="json")
    return Status(
        studio=facts["studio"],
        delivery_id=facts["delivery_id"],
        version_id=facts["version_id"],
        first_at=at,
        seen={_kind(event): Seen(at=at, facts={name: facts[name] for name in sorted(_KEPT[type(event)])})},
    )


def together(one: Status, other: Status) -> Status:
    """Return what two statuses of the same delivery say together, whichever came first.

    Raises
    ------
    ValueError
        If they are of different deliveries.
    """
    if (one.studio, one.delivery_id, one.version_id) != (other.studio, other.delivery_id, other.version_id):
        message = f"{one.version_id} and {other.version_id} are different deliveries"
        raise ValueError(message)
    seen = {
        kind: max((status.seen[kind] for status in (one, other) if kind in status.seen), key=lambda seen: seen.age)
        for kind in sorted({*one.seen, *other.seen})
    }
    return one.model_copy(update={"seen": seen, "first_at": min(one.first_at, other.first_at)})


def listed_at(status: Status) -> str:
    """Return what a list of deliveries is ordered by: the time of the delivery, as text that sorts."""
    return status.delivered_at.astimezone(UTC).isoformat(timespec="milliseconds")


def _kind(event: Event) -> str:
    kind = event.detail_type()
    match event:
        case PipelineFailed():
            return f"{kind}/{event.pipeline}"
        case RenditionRejected():
            return f"{kind}/{event.rung}"
        case _:
            return kind


def _family(kind: str) -> str:
    """Return what of a kind of events its rank goes by."""
    family, _, _ = kind.partition("/")
    return family if family == _OF_A_RUNG else kind


def _rank(kind: str) -> tuple[int, str]:
    return _RANK[_family(kind)], kind


def _all_done(counts: JobCounts) -> JobCounts:
    return JobCounts(total=counts.total, done=counts.total, running=0, failed=0)
