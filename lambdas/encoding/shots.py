"""The shots of a film, as the analysis of its delivery has measured it. Pure."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt

from lambdas.common.parsing import parse_json


class Shot(BaseModel):
    """Where a shot begins, and how hard it is to encode beside the film's others."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    first_frame: NonNegativeInt
    complexity: float | None = Field(default=None, description="more is harder; none: nobody has measured it")


class _Report(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    shots: tuple[Shot, ...] = ()


def shots_in(report: bytes) -> tuple[Shot, ...]:
    """Return a film's shots, by the analysis's `report` in JSON.

    Raises
    ------
    InvalidInputError
        If it is no such report.
    """
    return parse_json(_Report, report).shots
