"""A circuit breaker: after failures in a row, a dependency is left alone for a while."""

from __future__ import annotations

from collections.abc import Callable


class Breaker:
    """Says whether a dependency may be asked; one a process and dependency.

    Parameters
    ----------
    failures
        In a row: with so many it opens.
    pause_s, longest_pause_s
        How long it stays open at first, and at most: every failed trial doubles the pause.
    clock
        Seconds that only grow, such as ``time.monotonic``.
    """

    def __init__(self, *, failures: int, pause_s: float, longest_pause_s: float, clock: Callable[[], float]) -> None:
        self._most_failures, self._first_pause_s, self._longest_pause_s = failures, pause_s, longest_pause_s
        self._clock = clock
        self._failures = 0
        self._pause_s = pause_s
        self._opened_at: float | None = None

    @property
    def allows(self) -> bool:
        """Whether the dependency may be asked now: the breaker is closed, or a pause is over and one trial is due."""
        return self._opened_at is None or self._clock() - self._opened_at >= self._pause_s

    def succeeded(self) -> None:
        """Close the breaker."""
        self._failures, self._pause_s, self._opened_at = 0, self._first_pause_s, None

    def failed(self) -> None:
        """Count a failure; open the breaker, or leave it open for longer."""
        if self._opened_at is not None:
            self._pause_s = min(2 * self._pause_s, self._longest_pause_s)
        self._failures += 1
        if self._failures >= self._most_failures:
            self._opened_at = self._clock()
