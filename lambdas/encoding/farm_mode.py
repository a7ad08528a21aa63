"""The farm's mode: how much trouble is taken over each title. Pure.

While there is more to encode than the farm can do in time, an operator lets it take less trouble: fewer rungs, and a
faster preset. That is *degraded* mode. It always ends by itself, and every change of it is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, RootModel, model_validator

from lambdas.common.events import FarmModeChanged
from lambdas.common.ladder import Codec, DynamicRange
from lambdas.common.media import EncodingMode, Record, Slug
from lambdas.encoding.models import VideoRecipe

FARM = "the farm"
"""Who returns to normal by itself: nobody has to be asked."""
MOST_HOURS = 72
"""That a degraded mode may be asked for at once: the source document wants a backlog cleared in 24 to 48."""
SETTLING = timedelta(hours=1)
"""How long a degraded mode lasts at least, however short the queue is: the backlog may be still to come."""

Reason = Annotated[str, Field(min_length=1, max_length=500)]
Caller = Annotated[str, Field(min_length=1, max_length=2048, description="who asks: an ARN")]


class FarmMode(Record):
    """The document that AppConfig hands out, and the record of the change that made it."""

    revision: Annotated[int, Field(ge=0, description="grows by one with every change; 0: as deployed")] = 0
    degraded: bool = False
    until: AwareDatetime | None = Field(default=None, description="when a degraded mode ends")
    reason: Annotated[str, Field(max_length=500)] = ""
    by: Annotated[str, Field(max_length=2048)] = ""
    at: AwareDatetime | None = Field(default=None, description="when it was set; none: as deployed")

    @model_validator(mode="after")
    def _degraded_ends(self) -> Self:
        if self.degraded and (self.until is None or self.at is None):
            message = "a degraded mode says since when, and until when"
            raise ValueError(message)
        return self

    def in_force(self, now: datetime) -> EncodingMode:
        """Return the mode at `now`: a degraded one whose time is over is none, whether or not anybody has said so."""
        degraded = self.degraded and self.until is not None and now < self.until
        return EncodingMode.DEGRADED if degraded else EncodingMode.NORMAL


class Shortcuts(Record):
    """What degraded mode leaves out."""

    skipped_rungs: tuple[Slug, ...]
    preset: Annotated[str, Field(description="x264's, for every rung of H.264")]
    vmaf_target: Annotated[float, Field(ge=0, le=100)]


def left_by(shortcuts: Shortcuts | None, rungs: Sequence[VideoRecipe]) -> tuple[VideoRecipe, ...]:
    """Return those of a title's `rungs` that are encoded, and how.

    Without shortcuts that is all of them, as they are. With them HDR10 goes, and so do the skipped rungs, but for the
    title's largest, and the largest of a tier that would have none: its content key would open nothing. What stays gets
    the faster preset; with the same bit rate that costs quality, and no bits. Rungs of other codecs keep theirs: their
    encoders have other presets, or mean something else by the same name.
    """
    if shortcuts is None:
        return tuple(rungs)
    rungs = [rung for rung in rungs if rung.dynamic_range is DynamicRange.SDR]
    rising = sorted(rungs, key=lambda rung: (rung.width * rung.height, rung.bitrate_kbps))
    kept = {rung.rung for rung in rungs} - set(shortcuts.skipped_rungs) | {rising[-1].rung}
    tiers = {rung.tier for rung in rungs if rung.rung in kept}
    kept |= {rung.rung for tier, rung in {rung.tier: rung for rung in rising}.items() if tier not in tiers}
    return tuple(
        rung.model_copy(update={"preset": shortcuts.preset}) if rung.codec is Codec.H264 else rung
        for rung in rungs
        if rung.rung in kept
    )


class _Asked(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Show(_Asked):
    """Which mode it is, and what it was."""

    do: Literal["show"]


class Degrade(_Asked):
    """Take less trouble over each title, for some hours. Said again, it begins anew."""

    do: Literal["degrade"]
    hours: Annotated[float, Field(gt=0, le=MOST_HOURS)]
    reason: Reason
    by: Caller


class Normalise(_Asked):
    """Return to normal."""

    do: Literal["normal"]
    reason: Annotated[str, Field(max_length=500)] = ""
    by: Caller


class ModeRequest(RootModel[Annotated[Show | Degrade | Normalise, Field(discriminator="do")]]):
    """Input of `set_farm_mode`."""


def changed(before: FarmMode, asked: Degrade | Normalise, *, now: datetime) -> FarmMode | None:
    """Return the mode after what was `asked`; none, if a normal mode is asked for and is there."""
    if isinstance(asked, Degrade):
        return FarmMode(
            revision=before.revision + 1,
            degraded=True,
            until=now + timedelta(hours=asked.hours),
            reason=asked.reason,
            by=asked.by,
            at=now,
        )
    if not before.degraded:
        return None
    return FarmMode(revision=before.revision + 1, reason=asked.reason, by=asked.by, at=now)


def returned(before: FarmMode, *, waiting: int, drained_below: int, now: datetime) -> FarmMode | None:
    """Return the normal mode that the farm returns to by itself; none, if nothing is to be changed.

    Parameters
    ----------
    waiting
        Jobs in the encoding queue that no machine has taken yet.
    drained_below
        Fewer than these are no backlog.
    """
    if not before.degraded:
        return None
    if before.in_force(now) is EncodingMode.NORMAL:
        reason = "its time was over"
    elif before.at is not None and now - before.at >= SETTLING and waiting < drained_below:
        reason = f"the queue has drained: {waiting} jobs wait, fewer than {drained_below}"
    else:
        return None
    return changed(before, Normalise(do="normal", reason=reason, by=FARM), now=now)


def announced(mode: FarmMode) -> FarmModeChanged:
    """Return the event of a change."""
    return FarmModeChanged(**dict(mode))
