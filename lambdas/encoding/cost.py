"""What a title's encoding cost, by stage and rung, and what one that is planned will cost. Pure."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import date
from enum import StrEnum
from fractions import Fraction
from math import fsum
from typing import NamedTuple

from pydantic import Field

from lambdas.common.errors import PermanentError
from lambdas.common.ladder import DynamicRange
from lambdas.common.media import Record
from lambdas.encoding.claims import Attempt, JobRecord, Outcome, Worker
from lambdas.encoding.models import EncodingPlan, JobSize, VideoRecipe
from lambdas.encoding.prices import PriceList
from lambdas.encoding.speed import MEASURED, Span, SpeedTable

_PIXELS_A_MEGAPIXEL = 1_000_000
_KILOBITS_A_MEGABYTE = 8_000
_PROBES_A_SIZE = 4
"""That a search for a ladder should need: two to begin with, and as many near the rungs that are chosen."""
_SCORED_SHARE = 0.5
"""What comparing every third frame takes, of what it takes to compare all."""
_HEIGHT = re.compile(r"(\d+)p\b")


class UnknownJobError(PermanentError):
    """A job's id does not say which stage the job belongs to."""


class Stage(StrEnum):
    """What a job is for, in the order of the workflow."""

    SEARCH = "search"
    ENCODE = "encode"
    AUDIO = "audio"
    JOIN = "join"
    SCORE = "score"
    PACKAGE = "package"
    VERIFY = "verify"


_THREADED = frozenset({Stage.SEARCH, Stage.ENCODE, Stage.SCORE})
"""Encoders and VMAF use every thread that they get; whatever else a job does, one thread does it."""


class JobSizes(Record):
    """How large the farm's jobs are, by how many threads they can use."""

    threaded: JobSize
    single: JobSize

    def of(self, stage: Stage) -> JobSize:
        """Return the size of a stage's jobs."""
        return self.threaded if stage in _THREADED else self.single


class Place(NamedTuple):
    """Where a job belongs."""

    stage: Stage
    rung: str | None
    """None: the stage is not divided by rungs."""


class CostLine(Record):
    """What the jobs of one stage, or of one stage and rung, used and cost."""

    stage: Stage
    rung: str | None = Field(description="none: the stage is not divided by rungs")
    jobs: int
    attempts: int
    vcpu_seconds: float = Field(description="of all attempts")
    usd: float = Field(description="of all attempts")
    on_demand_usd: float = Field(description="the same attempts, on capacity that AWS does not take back")
    wasted_seconds: float = Field(description="by the clock, of attempts that ended without a result")
    wasted_usd: float


class TitleCost(Record):
    """What was spent up to now; an attempt that is being made counts until it was last heard of, and is no waste."""

    as_of: date = Field(description="the day that the prices are of")
    lines: tuple[CostLine, ...] = Field(description="by stage, then from the highest rung to the lowest")

    @property
    def vcpu_seconds(self) -> float:
        """What was used."""
        return fsum(line.vcpu_seconds for line in self.lines)

    @property
    def usd(self) -> float:
        """What it cost, waste included."""
        return fsum(line.usd for line in self.lines)

    @property
    def on_demand_usd(self) -> float:
        """What the same attempts would have cost on demand."""
        return fsum(line.on_demand_usd for line in self.lines)

    @property
    def saved_usd(self) -> float:
        """By how much spot was cheaper for the same attempts; never negative.

        Some of them were needed only because AWS took a spot host back: those would not have been made on demand, and
        what spot really saved is less by their price there.
        """
        return fsum(line.on_demand_usd - line.usd for line in self.lines)

    @property
    def wasted_seconds(self) -> float:
        """How long attempts worked that ended without a result, by the clock."""
        return fsum(line.wasted_seconds for line in self.lines)

    @property
    def wasted_usd(self) -> float:
        """What they cost, a part of `usd`."""
        return fsum(line.wasted_usd for line in self.lines)


def cost_of(records: Iterable[JobRecord], prices: PriceList) -> TitleCost:
    """Return what the attempts in `records` used and cost.

    Raises
    ------
    UnknownJobError
        If a job's id is none of those that a version's jobs have.
    UnknownCapacityError
        If an attempt ran on what has no price.
    """
    groups: defaultdict[Place, list[JobRecord]] = defaultdict(list)
    for record in records:
        groups[place_of(record.job)].append(record)
    lines = (_line(stage, rung, jobs, prices=prices) for (stage, rung), jobs in groups.items())
    return TitleCost(as_of=prices.as_of, lines=tuple(sorted(lines, key=_order)))


def place_of(job: str) -> Place:
    """Return the stage and the rung that the job of an id belongs to.

    Raises
    ------
    UnknownJobError
        If the id is none of those that a version's jobs have.
    """
    match job.split("/"):
        case ["chunk", rung, _, _]:
            return Place(Stage.ENCODE, rung)
        case ["join" | "score" as kind, rung, _]:
            return Place(Stage(kind), rung)
        case ["audio", _, _]:
            return Place(Stage.AUDIO, None)
        case ["search" | "package" | "verify" as kind, _]:
            return Place(Stage(kind), None)
        case _:
            raise UnknownJobError(f"which stage does the job {job!r} belong to? Say so in lambdas/encoding/cost.py")


def _line(stage: Stage, rung: str | None, jobs: Sequence[JobRecord], *, prices: PriceList) -> CostLine:
    attempts = [attempt for job in jobs for attempt in job.attempts]
    wasted = [attempt for attempt in attempts if attempt.outcome not in {Outcome.DONE, Outcome.RUNNING}]

    def usd(some: Iterable[Attempt]) -> float:
        return fsum(prices.price(attempt.worker, attempt.seconds) for attempt in some)

    return CostLine(
        stage=stage,
        rung=rung,
        jobs=len(jobs),
        attempts=len(attempts),
        vcpu_seconds=fsum(attempt.vcpu_seconds for attempt in attempts),
        usd=usd(attempts),
        on_demand_usd=fsum(prices.price_on_demand(attempt.worker, attempt.seconds) for attempt in attempts),
        wasted_seconds=fsum(attempt.seconds for attempt in wasted),
        wasted_usd=usd(wasted),
    )


def _order(line: CostLine) -> tuple[int, int, str]:
    height = _HEIGHT.search(line.rung or "")
    return list(Stage).index(line.stage), -int(height[1]) if height else 0, line.rung or ""


class PredictedLine(Record):
    """What the jobs of one stage, or of one stage and rung, are expected to use and cost, none of them twice."""

    stage: Stage
    rung: str | None = None
    jobs: int
    vcpus: float = Field(default=1.0, gt=0, description="of each job")
    vcpu_seconds: float
    usd_low: float
    usd_expected: float

    @property
    def job_usd(self) -> float:
        """What one of the jobs should cost; they are nearly equal."""
        return self.usd_expected / self.jobs


class Prediction(Record):
    """What a plan will cost, if no attempt is lost."""

    as_of: date = Field(description="the day that the prices are of")
    capacity: str
    lines: tuple[PredictedLine, ...] = Field(description="by stage, then in the ladder's order")

    def of(self, stage: Stage, rung: str | None = None) -> PredictedLine:
        """Return the line of a stage, or of a stage and rung."""
        [line] = [line for line in self.lines if (line.stage, line.rung) == (stage, rung)]
        return line

    @property
    def usd_low(self) -> float:
        """What it costs if the film is easy to encode."""
        return fsum(line.usd_low for line in self.lines)

    @property
    def usd_expected(self) -> float:
        """What it should cost, to a factor of two."""
        return fsum(line.usd_expected for line in self.lines)

    @property
    def vcpu_seconds(self) -> float:
        """What all jobs should use."""
        return fsum(line.vcpu_seconds for line in self.lines)

    @property
    def vcpu_seconds_by_rung(self) -> dict[str, float]:
        """What encoding, joining and scoring of each rung should use, in the ladder's order."""
        rungs = dict.fromkeys(line.rung for line in self.lines if line.rung is not None)
        return {rung: fsum(line.vcpu_seconds for line in self.lines if line.rung == rung) for rung in rungs}


def predict(
    plan: EncodingPlan,
    *,
    worker_capacity: str,
    sizes: JobSizes,
    prices: PriceList,
    speed: SpeedTable = MEASURED,
) -> Prediction:
    """Return what the jobs of `plan` will use and cost on workers of `sizes`.

    A job lasts as long as its start, and its work on one vCPU times ``(1 - p) + p / vcpus`` (Amdahl's law), where p is
    the table's `parallel_share` for encoding and scoring, and 0 for the rest; it pays for every vCPU all the while.

    Raises
    ------
    UnknownPresetError
        If nobody has measured a rung's preset.
    UnknownCapacityError
        If `worker_capacity` has no price.
    """
    source_mpx = plan.width * plan.height / _PIXELS_A_MEGAPIXEL
    duration_s = float(plan.frames / Fraction(plan.frame_rate))
    sound_mb = fsum(track.bitrate_kbps for track in plan.audio) * duration_s / _KILOBITS_A_MEGABYTE
    size_mb = {recipe.rung: recipe.bitrate_kbps * duration_s / _KILOBITS_A_MEGABYTE for recipe in plan.video}

    hdr = plan.picture.hdr

    tone_map_s = speed.tone_map_s[hdr.transfer] if hdr else Span(low=0, expected=0)

    def frame_of(recipe: VideoRecipe) -> Span:
        rung_mpx = recipe.width * recipe.height / _PIXELS_A_MEGAPIXEL
        mapped_mpx = rung_mpx if recipe.dynamic_range is DynamicRange.SDR else 0
        return speed.read_s * source_mpx + speed.encode(recipe) * rung_mpx + tone_map_s * mapped_mpx

    def meant_of(recipe: VideoRecipe) -> Span:
        """What a frame is compared with; of HDR10 what it is compared as, too."""
        width, height = plan.display_of(recipe.codec)
        sides = 1 if recipe.dynamic_range is DynamicRange.SDR else 2
        return tone_map_s * (sides * width * height / _PIXELS_A_MEGAPIXEL)

    def line(stage: Stage, *works: tuple[int, Span], rung: str | None = None) -> PredictedLine:
        size = sizes.of(stage)
        vcpus = size.vcpus
        worker = Worker(
            batch_job="predicted",
            batch_attempt=1,
            vcpus=vcpus,
            memory_mib=size.memory_mib,
            capacity=worker_capacity,
        )
        shared = speed.parallel_share if stage in _THREADED else 0.0
        factor = (1 - shared) + shared / vcpus
        jobs = [(count, speed.job_start_s + work * factor) for count, work in works]
        return PredictedLine(
            stage=stage,
            rung=rung,
            jobs=sum(count for count, _ in jobs),
            vcpus=vcpus,
            vcpu_seconds=fsum(count * job.expected * vcpus for count, job in jobs),
            usd_low=fsum(count * prices.price(worker, job.low) for count, job in jobs),
            usd_expected=fsum(count * prices.price(worker, job.expected) for count, job in jobs),
        )

    def encoding(recipe: VideoRecipe) -> PredictedLine:
        frame = frame_of(recipe)
        # Nearly all chunks are equally long.
        lengths = Counter(chunk.frames for chunk in plan.chunks)
        return line(Stage.ENCODE, *((count, frame * frames) for frames, count in lengths.items()), rung=recipe.rung)

    def searching() -> PredictedLine:
        searched = [recipe for recipe in plan.fixed if recipe.dynamic_range is DynamicRange.SDR]
        of_size = {(recipe.codec, recipe.width, recipe.height): recipe for recipe in reversed(searched)}
        trials = [*plan.fixed, *(recipe for recipe in of_size.values() for _ in range(_PROBES_A_SIZE))]
        frames = sum(excerpt.frames for excerpt in plan.excerpts)
        cut = speed.read_s * source_mpx
        compared = speed.score_s * (source_mpx * _SCORED_SHARE)
        work = sum((frame_of(recipe) + compared + meant_of(recipe) for recipe in trials), start=cut) * frames
        return line(Stage.SEARCH, (1, work))

    rungs = plan.video
    finishing = (
        line(Stage.PACKAGE, (1, speed.package_s * (fsum(size_mb.values()) + sound_mb))),
        line(Stage.VERIFY, (1, speed.verify_s * (len(rungs) + len(plan.audio)))),
    )
    if plan.repackages:
        return Prediction(as_of=prices.as_of, capacity=worker_capacity, lines=finishing)

    def scoring(recipe: VideoRecipe) -> Span:
        return (speed.score_s * source_mpx + meant_of(recipe)) * plan.frames

    sound = speed.skim_s * (source_mpx * plan.frames) + speed.audio_s * duration_s
    lines = (
        *([searching()] if plan.search else []),
        *(encoding(recipe) for recipe in rungs),
        *([line(Stage.AUDIO, (len(plan.audio), sound))] if plan.audio else []),
        *(line(Stage.JOIN, (1, speed.join_s * size_mb[recipe.rung]), rung=recipe.rung) for recipe in rungs),
        *(line(Stage.SCORE, (1, scoring(recipe)), rung=recipe.rung) for recipe in rungs),
        *finishing,
    )
    return Prediction(as_of=prices.as_of, capacity=worker_capacity, lines=lines)
