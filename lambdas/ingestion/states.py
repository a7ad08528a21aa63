"""What passes between the steps of the ingestion state machine.

A state holds at most 256 KiB, so it names things and S3 holds them: the manifest is read again, in exactly the version
that arrived, and checks and measurements stay in their reports.
"""

from __future__ import annotations

from typing import Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, model_validator

from lambdas.common.batch import Job
from lambdas.common.events import Finding
from lambdas.common.media import MediaFacts, ObjectRef, Priority
from lambdas.common.qc import Verdict


class State(BaseModel):
    """What one step hands to the next; the state machine may add fields of its own."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Arrival(State):
    """A manifest that has arrived: the input of the state machine."""

    raw_bucket: str
    manifest_key: str
    object_version: str
    version_id: str
    delivered_at: AwareDatetime

    @property
    def manifest_object(self) -> ObjectRef:
        """The manifest, in the version that arrived."""
        return ObjectRef(bucket=self.raw_bucket, key=self.manifest_key, version_id=self.object_version)


class StoredFile(State):
    """A delivered file as it was inspected: that version of it and no other is judged, encoded and kept."""

    name: str
    key: str
    version_id: str | None
    sha256: str


class Delivery(Arrival):
    """A delivery whose manifest parses."""

    studio: str
    delivery_id: str
    title_id: str
    priority: Priority
    feature: str
    """The name of the file that holds the picture."""
    inspect: Job


class ReadableDelivery(Delivery):
    """What `read_manifest` answers of a manifest that parses."""

    verdict: Literal["readable"] = "readable"


class ValidatedDelivery(Delivery):
    """What `validate` answers. The facts are those of the feature; only a valid delivery has a job to analyse it."""

    verdict: Literal["valid", "rejected"]
    findings: tuple[Finding, ...]
    files: tuple[StoredFile, ...]
    facts: MediaFacts | None
    analyse: Job | None


class ValidDelivery(ValidatedDelivery):
    """A delivery that keeps every rule: what `judge` is given."""

    verdict: Literal["valid"] = "valid"
    facts: MediaFacts


class Decision(State):
    """What a person decided on a delivery, and the findings that follow from it."""

    approved: bool
    by: str
    note: str
    findings: tuple[Finding, ...] = ()


class JudgedDelivery(Delivery):
    """What `judge` answers; a review adds its decision. The findings are those of the checks that failed."""

    verdict: Verdict
    findings: tuple[Finding, ...]
    files: tuple[StoredFile, ...]
    facts: MediaFacts
    review: Decision | None = None


class AcceptedDelivery(JudgedDelivery):
    """What `accept` accepts: it passed, or a person approved of it."""

    @model_validator(mode="after")
    def _passed_or_approved(self) -> Self:
        approved = self.review is not None and self.review.approved
        if self.verdict is Verdict.PASS or (self.verdict is Verdict.REVIEW and approved):
            return self
        message = f"the verdict is {self.verdict}, and nobody has approved of the delivery"
        raise ValueError(message)


class RejectedDelivery(Arrival):
    """What `reject` announces; `read_manifest` and `accept` answer it too."""

    verdict: str = "rejected"
    studio: str
    delivery_id: str
    files: tuple[StoredFile, ...] = ()
    findings: tuple[Finding, ...] = ()
    review: Decision | None = None

    @property
    def reasons(self) -> tuple[Finding, ...]:
        """Why it is rejected: what the review found, where there was one."""
        return self.review.findings if self.review else self.findings

    @model_validator(mode="after")
    def _for_a_reason(self) -> Self:
        if not self.reasons:
            message = "a delivery is rejected for a reason, and there is no finding"
            raise ValueError(message)
        return self


class AcceptedSource(State):
    """What `accept` answers of a delivery that is a source now."""

    verdict: Literal["accepted"] = "accepted"
    version_id: str
    title_id: str
    media: ObjectRef
    labelled: bool
    """Whether Rekognition Video reads this kind of file."""


class ReviewRequest(State):
    """What `request_review` is given: the delivery, and the token that answers for it."""

    delivery: JudgedDelivery
    token: str
    escalated: bool
