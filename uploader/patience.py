"""Trying again: only what may pass, at growing and random distances, until patience ends."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event
from typing import TypeVar

from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_random_exponential

from uploader.errors import CancelledError, UnavailableError

T = TypeVar("T")
FIRST_S = 0.5
LONGEST_S = 30.0


class Patience:
    """Runs calls that may fail for now.

    The wait before each further try is drawn from between nothing and a bound that doubles each time ("full jitter"),
    so that many clients that were thrown off at once do not come back at once.

    Parameters
    ----------
    seconds
        How long one call is tried, with its waits.
    cancelled
        Ends every wait.
    """

    def __init__(self, *, seconds: float, cancelled: Event) -> None:
        self._seconds, self._cancelled = seconds, cancelled

    def call(self, function: Callable[[], T]) -> T:
        """Return what `function` returns, tried again as long as it raises `UnavailableError`.

        Raises
        ------
        UnavailableError
            The last one, when patience has ended.
        CancelledError
            If it was cancelled meanwhile.
        """
        retrying = Retrying(
            retry=retry_if_exception_type(UnavailableError),
            wait=wait_random_exponential(multiplier=FIRST_S, max=LONGEST_S),
            stop=stop_after_delay(self._seconds),
            sleep=self._sleep,
            reraise=True,
        )
        return retrying(function)

    def _sleep(self, seconds: float) -> None:
        if self._cancelled.wait(seconds):
            raise CancelledError("stopped")
