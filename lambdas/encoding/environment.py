"""The environment contracts of encoding's functions."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, TypeAdapter, field_validator

from lambdas.common.environment import Environment
from lambdas.encoding.models import VideoRecipe
from lambdas.encoding.retries import MemorySizes, RetryRules

_LADDER = TypeAdapter(Annotated[tuple[VideoRecipe, ...], Field(min_length=1)])
_MEMORY_SIZES: TypeAdapter[tuple[int, ...]] = TypeAdapter(MemorySizes)


class StartEnvironment(Environment):
    """`start`: one execution a version."""

    state_machine_arn: str


class PlanEnvironment(Environment):
    """`plan`: plans the jobs of a version.

    `ladder` is a JSON list of `VideoRecipe`; their widths and heights are boxes to fit the picture into.
    """

    work_bucket: str
    media_bucket: str
    event_bus: str
    ladder: str
    chunk_segments: Annotated[int, Field(ge=1, description="segments a chunk")]
    segment_s: Annotated[float, Field(gt=0, description="seconds a segment, nominally")]
    capacity: Annotated[str, Field(description="of `prices.json`: what the jobs are expected to run on")]
    job_vcpus: Annotated[float, Field(gt=0)]
    job_memory_mib: Annotated[int, Field(gt=0)]

    @field_validator("ladder")
    @classmethod
    def _ladder_is_recipes(cls, value: str) -> str:
        rungs = [recipe.rung for recipe in _LADDER.validate_json(value)]
        if len(set(rungs)) != len(rungs):
            message = "a rung stands twice in the ladder"
            raise ValueError(message)
        return value

    @property
    def recipes(self) -> tuple[VideoRecipe, ...]:
        """The ladder, parsed."""
        return _LADDER.validate_json(self.ladder)


class RegisterEnvironment(Environment):
    """`register`: announces what was packaged."""

    work_bucket: str
    event_bus: str


class JobsEnvironment(Environment):
    """`jobs`: tells what was done for a version, and what it cost."""

    jobs_table: str
    work_bucket: str


class RetryEnvironment(Environment):
    """`decide_retry`: says what becomes of a failed job.

    `memory_sizes` is a JSON list of MiB, smallest first; the first is what the job definition gives a job.
    """

    first_pause_s: Annotated[int, Field(ge=0, description="the longest first pause, in seconds; it doubles every time")]
    memory_sizes: str

    @field_validator("memory_sizes")
    @classmethod
    def _memory_sizes_rise(cls, value: str) -> str:
        _MEMORY_SIZES.validate_json(value)
        return value

    @property
    def rules(self) -> RetryRules:
        """How often a job is tried again, and after how long a pause."""
        return RetryRules(first_pause_s=self.first_pause_s, memory_sizes=_MEMORY_SIZES.validate_json(self.memory_sizes))
