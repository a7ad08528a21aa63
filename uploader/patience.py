"""Trying again: only what may pass, at growing and random distances, until patience ends."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event
from typing import TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception_type, wait_random_exponential
from tenacity.stop import stop_base

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
        How long one call is tried again after it has failed for the first time, with its waits. How long the first
        try takes does not matter: a large part on a slow line may need longer than anybody's patience.
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
            stop=_FailingFor(self._seconds),
            sleep=self._sleep,
            reraise=True,
        )
        return retrying(function)

    def _sleep(self, seconds: float) -> None:
        if self._cancelled.wait(seconds):
            raise CancelledError("stopped")


class _FailingFor(stop_base):
    """Ends a call so many seconds after its first failure."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._since: float | None = None

    def __call__(self, retry_state: RetryCallState) -> bool:
        failed_at = retry_state.outcome_timestamp or 0.0
        if self._since is None:
            self._since = failed_at
        return failed_at - self._since >= self._seconds
