"""Where the shots of a film begin, as the analysis of its delivery has measured it. Pure."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, NonNegativeInt

from lambdas.common.parsing import parse_json


class _Shot(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    first_frame: NonNegativeInt


class _Report(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    shots: tuple[_Shot, ...] = ()


def cuts_in(report: bytes) -> tuple[int, ...]:
    """Return the first frames of a film's shots, by the analysis's `report` in JSON.

    Raises
    ------
    InvalidInputError
        If it is no such report.
    """
    return tuple(shot.first_frame for shot in parse_json(_Report, report).shots)
