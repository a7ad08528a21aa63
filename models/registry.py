"""Every model by the name of its command, and where its figures come from."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from models import (
    account_sharing,
    audit,
    av1_migration,
    availability,
    bandwidth,
    cost,
    country_launch,
    farm,
    mars,
    session_calls,
    startup,
    storage,
    watermark,
)
from models.figures import Figure

MODELS: Mapping[str, Callable[[], Mapping[str, Figure]]] = {
    "account-sharing": account_sharing.figures,
    "audit": audit.figures,
    "av1-migration": av1_migration.figures,
    "availability": availability.figures,
    "bandwidth": bandwidth.figures,
    "cost": cost.figures,
    "country-launch": country_launch.figures,
    "farm": farm.figures,
    "mars": mars.figures,
    "session-calls": session_calls.figures,
    "startup": startup.figures,
    "storage": storage.figures,
    "watermark": watermark.figures,
}
