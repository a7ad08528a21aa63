"""Telemetry: what a player saw while it played, and the figures that it makes.

A batch says nothing of who watches or what: the session's id leads to that, for who may read the tables, and is gone
with the session.
"""

from __future__ import annotations

from typing import Annotated, Literal, NamedTuple

from pydantic import Field

from lambdas.playback.models import Request

MAX_EVENTS = 50
"""In a batch; the embedded metric format takes 100 values of a metric."""
_LONGEST_MS = 600_000

Milliseconds = Annotated[int, Field(ge=0, le=_LONGEST_MS)]


class Started(Request):
    """The first frame was on the screen."""

    type: Literal["started"]
    start_up_ms: Milliseconds = Field(description="from the viewer's click")


class Stalled(Request):
    """The film stood still for want of segments, and went on."""

    type: Literal["stalled"]
    duration_ms: Milliseconds


class Switched(Request):
    """The player chose another rung, or its first."""

    type: Literal["switched"]
    bitrate_kbps: Annotated[int, Field(ge=1, le=200_000, description="of picture and sound, as the manifest says it")]


class Failed(Request):
    """The film stopped, and the viewer was told why."""

    type: Literal["failed"]
    code: Annotated[str, Field(pattern=r"^[A-Za-z0-9]{1,30}( [A-Za-z0-9]{1,10})?$", description="as `LICENSE 403`")]


Event = Annotated[Started | Stalled | Switched | Failed, Field(discriminator="type")]


class TelemetryBatch(Request):
    """Body of ``POST /api/playback/telemetry``."""

    session_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
    events: Annotated[tuple[Event, ...], Field(min_length=1, max_length=MAX_EVENTS)]


class Figure(NamedTuple):
    """One value of a metric; `unit` is CloudWatch's."""

    metric: str
    unit: str
    value: int


def figure(event: Event) -> Figure:
    """Return the value that an event adds to its metric."""
    match event:
        case Started():
            return Figure("StartUpTime", "Milliseconds", event.start_up_ms)
        case Stalled():
            return Figure("StallTime", "Milliseconds", event.duration_ms)
        case Switched():
            return Figure("BitRate", "Kilobits/Second", event.bitrate_kbps)
        case Failed():
            return Figure("Failures", "Count", 1)
