"""Waiting for what other processes do: looked at again and again, with a deadline, and never just for a while."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

import pytest

T = TypeVar("T")
DEADLINE_S = 480.0
"""Of a machine that is slow, and busy with something else as well: only what will never come is waited for so long."""
_POLL_S = 0.1


def eventually(look: Callable[[], T], *, waiting_for: str, seconds: float = DEADLINE_S, every: float = _POLL_S) -> T:
    """Return what `look` finds, as soon as that is true; fail the test when time is over."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        if time.monotonic() > deadline:
            pytest.fail(f"waited {seconds:g} s in vain for {waiting_for}; last seen: {found!r}")
        time.sleep(every)
    return found
