"""Steps on the terminal: what runs now, how long each took, and what to do when one fails."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn


class StepError(RuntimeError):
    """A step failed; the message says which, why, and what to do."""


@dataclass(frozen=True)
class Running:
    """The step that runs now."""

    progress: Progress
    task: TaskID
    title: str

    def tell(self, detail: str) -> None:
        """Show what the step is doing."""
        self.progress.update(self.task, description=f"{self.title}: {detail}")

    def advance_to(self, done: float, *, of: float) -> None:
        """Show how far it is."""
        self.progress.update(self.task, completed=done, total=of)


@dataclass
class Steps:
    """Runs steps one after the other, and remembers how long each took."""

    console: Console
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def step(self, title: str, *, remedy: str) -> Iterator[Running]:
        """Show a step while it runs, and its time when it is done.

        Parameters
        ----------
        remedy
            What to do if it fails.

        Raises
        ------
        StepError
            If the body raises anything; chained to that.
        """
        started = time.monotonic()
        progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            TimeElapsedColumn(),
            console=self.console,
            transient=True,
        )
        try:
            with progress:
                yield Running(progress=progress, task=progress.add_task(title, total=None), title=title)
        except Exception as error:
            self.console.print(f"[red]✗[/] {escape(title)} [dim]{time.monotonic() - started:.1f} s[/]")
            raise StepError(f"{title} failed.\n{error}\nWhat to do: {remedy}") from error
        self.seconds[title] = time.monotonic() - started
        self.console.print(f"[green]✓[/] {escape(title)} [dim]{self.seconds[title]:.1f} s[/]")
