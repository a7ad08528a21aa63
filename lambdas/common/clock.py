"""Time, as an argument: use cases take a clock so that tests decide what time it is."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]


def now() -> datetime:
    """Return the current time in UTC."""
    return datetime.now(UTC)
