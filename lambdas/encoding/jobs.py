"""The Batch jobs of a plan: what the encoding state machine maps over."""

from __future__ import annotations

from itertools import chain

from pydantic import BaseModel, ConfigDict

from lambdas.common.batch import Job, scheduling_priority
from lambdas.encoding.models import EncodingPlan


class RungJobs(BaseModel):
    """What is done to a rung when all of its chunks are there: first `join`, then `score`."""

    model_config = ConfigDict(frozen=True)

    join: Job
    score: Job


class Jobs(BaseModel):
    """All jobs of a version, in the order of their phases; within a phase they are independent."""

    model_config = ConfigDict(frozen=True)

    chunk_jobs: tuple[Job, ...]
    rung_jobs: tuple[RungJobs, ...]
    package: Job
    verify: Job

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self.chunk_jobs) + 2 * len(self.rung_jobs) + 2


def jobs_of(plan: EncodingPlan, *, uri: str) -> Jobs:
    """Return the jobs of `plan`, which lies at `uri`.

    Chunks come in the ladder's order and the film's, then the audio track, if there is one. Names are unique
    and fit AWS Batch (letters, digits, hyphens and underscores, at most 128).
    """

    def job(task: str, *arguments: str, label: str) -> Job:
        return Job(
            name=f"{plan.version_id}-{label}",
            command=(task, "--plan", uri, *arguments),
            priority=scheduling_priority(plan.priority),
        )

    rungs = [recipe.rung for recipe in plan.video]
    chunks = (
        job("encode-chunk", "--rung", rung, "--chunk", str(chunk.index), label=f"{rung}-chunk-{chunk.index}")
        for rung in rungs
        for chunk in plan.chunks
    )
    audio = [job("encode-audio", label="audio")] if plan.audio else []
    return Jobs(
        chunk_jobs=tuple(chain(chunks, audio)),
        rung_jobs=tuple(
            RungJobs(
                join=job("join", "--rung", rung, label=f"{rung}-join"),
                score=job("score", "--rung", rung, label=f"{rung}-score"),
            )
            for rung in rungs
        ),
        package=job("package", label="package"),
        verify=job("verify", label="verify"),
    )
