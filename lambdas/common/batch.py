"""What a state machine submits to AWS Batch."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Job(BaseModel):
    """A job: its name (letters, digits, hyphens, underscores, at most 128), and the encoder's arguments."""

    model_config = ConfigDict(frozen=True)

    name: str
    command: tuple[str, ...]
