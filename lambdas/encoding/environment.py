"""The environment contracts of encoding's functions."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, TypeAdapter, field_validator

from lambdas.common.environment import Environment
from lambdas.encoding.models import VideoRecipe

_LADDER = TypeAdapter(Annotated[tuple[VideoRecipe, ...], Field(min_length=1)])


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
