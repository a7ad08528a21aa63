"""Waiting for what other processes do: looked at again and again, with a deadline, and never just for a while."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

import pytest

T = TypeVar("T")
DEADLINE_S = 480.0
"""Of a machine that is slow, and busy with something else as well: only what will never come is waited for so long."""
_FIRST_POLL_S, _LAST_POLL_S = 0.05, 0.4
"""To look takes a processor that what is waited for could have: the longer it takes, the rarer."""


def eventually(
    look: Callable[[], T], *, waiting_for: str, seconds: float = DEADLINE_S, every: float | None = None
) -> T:
    """Return what `look` finds, as soon as that is true; fail the test when time is over."""
    deadline, pause = time.monotonic() + seconds, every or _FIRST_POLL_S
    while not (found := look()):
        if time.monotonic() > deadline:
            pytest.fail(f"waited {seconds:g} s in vain for {waiting_for}; last seen: {found!r}")
        time.sleep(pause)
        pause = every or min(_LAST_POLL_S, pause * 1.3)
    return found
