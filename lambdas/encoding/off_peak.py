"""Off-peak hours: when machines are cheaper, and nobody else wants them. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Annotated, Self

from pydantic import Field, model_validator

from lambdas.common.media import Record

Hour = Annotated[int, Field(ge=0, le=23, description="of the day, UTC")]


class OffPeak(Record):
    """A part of every day, from the beginning of one hour to the beginning of another; it may lie around midnight."""

    begins: Hour
    ends: Hour

    @model_validator(mode="after")
    def _is_a_part(self) -> Self:
        if self.begins == self.ends:
            message = "an off-peak window ends at another hour than it begins; for always, leave it out"
            raise ValueError(message)
        return self

    def holds(self, at: datetime) -> bool:
        """Say whether a moment lies within, its first moment included and its last not."""
        hour = at.astimezone(UTC).hour
        if self.begins < self.ends:
            return self.begins <= hour < self.ends
        return hour >= self.begins or hour < self.ends


def next_off_peak(at: datetime, window: OffPeak) -> datetime:
    """Return `at` if it is off-peak, and else when it will be: within a day, in UTC."""
    at = at.astimezone(UTC)
    if window.holds(at):
        return at
    today = datetime.combine(at.date(), time(window.begins), tzinfo=UTC)
    return today if today >= at else today + timedelta(days=1)
