"""The Batch jobs of a plan: what the encoding state machine maps over."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import chain

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter

from lambdas.common.batch import InputRange, Job, scheduling_priority
from lambdas.encoding.cost import JobSizes, Prediction, Stage
from lambdas.encoding.models import Chunk, EncodingPlan

NEVER = datetime(9999, 12, 31, tzinfo=UTC)
"""It is never too late."""
_STAGES = list(Stage)


class FarmJob(Job):
    """A job of an encode: how large it is, what it should cost, and how long it may wait for spot capacity.

    None of it is in the job's id: a result is the same, whatever machine made it.
    """

    vcpus: int
    memory_mib: int
    reads: InputRange | None = Field(
        default=None,
        description="which part of the film: of a chunk its own, else all of it; none: it was planned before this",
    )
    usd: float | None = Field(description="what an attempt should cost; none: nobody can say")
    spot_until: AwareDatetime = Field(description="when it has to be on demand, so that the title is ready in time")


JOB_LIST = TypeAdapter(tuple[FarmJob, ...])
"""What a state machine maps over, as it lies in S3."""


class RungJobs(BaseModel):
    """What is done to a rung when all of its chunks are there: first `join`, then `score`."""

    model_config = ConfigDict(frozen=True)

    join: FarmJob
    score: FarmJob


class Jobs(BaseModel):
    """All jobs of a version, in the order of their phases; within a phase they are independent."""

    model_config = ConfigDict(frozen=True)

    search: FarmJob | None = Field(description="none: the plan searches nothing")
    chunk_jobs: tuple[FarmJob, ...]
    rung_jobs: tuple[RungJobs, ...]
    package: FarmJob
    verify: FarmJob

    @property
    def count(self) -> int:
        """How many there are."""
        return (self.search is not None) + len(self.chunk_jobs) + 2 * len(self.rung_jobs) + 2


def jobs_of(
    plan: EncodingPlan,
    *,
    uri: str,
    sizes: JobSizes,
    prediction: Prediction | None = None,
    spot_until: Mapping[Stage, datetime] | None = None,
) -> Jobs:
    """Return the jobs of `plan`, which lies at `uri`.

    Chunks come in the ladder's order and the film's, then the tracks of sound. Names are unique
    and fit AWS Batch (letters, digits, hyphens and underscores, at most 128).

    A later stage goes before an earlier one of another title that is as urgent: of many titles the first is ready soon,
    and not all of them at the end.

    Parameters
    ----------
    sizes
        How large the jobs are.
    prediction
        What they should cost, where that can be said.
    spot_until
        When it is too late to wait for spot capacity, by stage; without it, never.
    """
    whole = Chunk(index=0, first_frame=0, frames=plan.frames)

    def job(
        stage: Stage, task: str, *arguments: str, label: str, rung: str | None = None, piece: Chunk = whole
    ) -> FarmJob:
        size = sizes.of(stage)
        return FarmJob(
            name=f"{plan.version_id}-{label}",
            command=(task, "--plan", uri, *(("--rung", rung) if rung else ()), *arguments),
            priority=scheduling_priority(plan.priority) + _STAGES.index(stage),
            vcpus=size.vcpus,
            memory_mib=size.memory_mib,
            reads=InputRange(
                source=plan.source.uri,
                source_version=plan.source.version_id,
                first_frame=piece.first_frame,
                frames=piece.frames,
            ),
            usd=prediction.of(stage, rung).job_usd if prediction else None,
            spot_until=(spot_until or {}).get(stage, NEVER),
        )

    package = job(Stage.PACKAGE, "repackage" if plan.repackages else "package", label="package")
    verify = job(Stage.VERIFY, "verify", label="verify")
    if plan.repackages:
        return Jobs(search=None, chunk_jobs=(), rung_jobs=(), package=package, verify=verify)
    rungs = [recipe.rung for recipe in plan.video]
    chunks = (
        job(
            Stage.ENCODE,
            "encode-chunk",
            *("--chunk", str(chunk.index)),
            rung=rung,
            label=f"{rung}-chunk-{chunk.index}",
            piece=chunk,
        )
        for rung in rungs
        for chunk in plan.chunks
    )
    audio = (
        job(Stage.AUDIO, "encode-audio", "--track", track.name, label=f"audio-{track.name}") for track in plan.audio
    )
    return Jobs(
        search=job(Stage.SEARCH, "search", label="search") if plan.search else None,
        chunk_jobs=tuple(chain(chunks, audio)),
        rung_jobs=tuple(
            RungJobs(
                join=job(Stage.JOIN, "join", rung=rung, label=f"{rung}-join"),
                score=job(Stage.SCORE, "score", rung=rung, label=f"{rung}-score"),
            )
            for rung in rungs
        ),
        package=package,
        verify=verify,
    )
