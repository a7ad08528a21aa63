"""What a state machine submits to AWS Batch, and how soon it is wanted."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from lambdas.common.media import Priority

SHARE = "studios"
"""The share identifier of every job. Batch orders jobs by their priority within one share, so there is just one."""

_PRIORITIES = {Priority.ORIGINAL: 100, Priority.LICENSED: 10, Priority.CAMPAIGN: 1}


class InputRange(BaseModel):
    """What of a source a job works on."""

    model_config = ConfigDict(frozen=True)

    source: str = Field(description="its address, ``s3://bucket/key``")
    source_version: str | None = Field(description="of the object")
    first_frame: int
    frames: int


class Job(BaseModel):
    """A job: its name (letters, digits, hyphens, underscores, at most 128), and the encoder's arguments."""

    model_config = ConfigDict(frozen=True)

    name: str
    command: tuple[str, ...]
    priority: Annotated[int, Field(ge=0, le=9999, description="the higher one is served first")]


def scheduling_priority(priority: Priority) -> int:
    """Return the scheduling priority of the jobs of a delivery: originals, then licensed titles, then campaigns.

    A title's later jobs may have up to 8 more, and still come after those of a more urgent one.
    """
    return _PRIORITIES[priority]
