"""Every model by the name of its command, and where its figures come from."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from models import audit
from models.figures import Figure

MODELS: Mapping[str, Callable[[], Mapping[str, Figure]]] = {
    "audit": audit.figures,
}
