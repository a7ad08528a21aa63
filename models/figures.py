"""What a model says: figures with their units, for documents and for the command line."""

from __future__ import annotations

from typing import NamedTuple


class Figure(NamedTuple):
    """One figure of a model's run with its default inputs."""

    value: float
    unit: str
    what: str
