"""What a task of a state machine knows of itself: its executions, its deadline, and the state machine's context."""

from __future__ import annotations

import time
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

Execution = dict[str, Any]


class ExecutionStoppedError(Exception):
    """The execution was stopped. Not an error that a state's Retry or Catch may see."""


@dataclass(frozen=True)
class Task:
    """The task that this thread works on: the executions it belongs to, innermost last, and its end."""

    executions: tuple[Execution, ...] = ()
    deadline: float | None = None
    context: dict[str, Any] = field(default_factory=dict)

    @property
    def stopped(self) -> bool:
        """Whether one of its executions no longer runs."""
        return any(execution["status"] != "RUNNING" for execution in self.executions)

    @property
    def timed_out(self) -> bool:
        """Whether its TimeoutSeconds are over."""
        return self.deadline is not None and time.monotonic() >= self.deadline


current: ContextVar[Task] = ContextVar("task", default=Task())  # noqa: B039  # frozen
