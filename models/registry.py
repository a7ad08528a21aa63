"""Every model by the name of its command, and where its figures come from."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from models import availability, cost, farm
from models.figures import Figure

MODELS: Mapping[str, Callable[[], Mapping[str, Figure]]] = {
    "availability": availability.figures,
    "cost": cost.figures,
    "farm": farm.figures,
}
