"""What passes between the steps of the ingestion state machine."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from lambdas.common.batch import Job
from lambdas.common.events import Finding
from lambdas.common.media import MediaFacts
from lambdas.ingestion.models import DeliveryManifest


class State(BaseModel):
    """What one step hands to the next; the state machine may add fields of its own."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Arrival(State):
    """A manifest that has arrived: the input of the state machine."""

    raw_bucket: str
    manifest_key: str
    object_version: str | None
    version_id: str


class Delivery(State):
    """A delivery whose manifest parses."""

    raw_bucket: str
    studio: str
    delivery_id: str
    version_id: str
    title_id: str
    inspect: Job
    manifest: DeliveryManifest


class ReadableDelivery(Delivery):
    """What `read_manifest` answers of a manifest that parses."""

    verdict: Literal["readable"] = "readable"


class JudgedDelivery(Delivery):
    """What `validate` answers. The facts are those of the feature; a rejected one may have none."""

    verdict: Literal["accepted", "rejected"]
    findings: tuple[Finding, ...]
    facts: MediaFacts | None
    object_versions: dict[str, str]
    """By file name, the S3 versions that were inspected: those and no others are encoded."""


class AcceptedDelivery(Delivery):
    """What `accept` announces."""

    verdict: Literal["accepted"]
    facts: MediaFacts
    object_versions: dict[str, str]


class RejectedDelivery(State):
    """What `read_manifest` answers of a manifest that does not parse, and what `reject` announces."""

    verdict: Literal["rejected"] = "rejected"
    studio: str
    delivery_id: str
    version_id: str
    findings: tuple[Finding, ...]
