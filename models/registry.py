"""The models whose figures documents may quote, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from models.figures import Figure

MODELS: Mapping[str, Callable[[], Mapping[str, Figure]]] = {}
