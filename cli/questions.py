"""``marquee ask`` and ``marquee interview``: the hundred questions, read in a terminal."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Annotated

import typer
from rich.console import Console
from rich.markdown import Markdown

from cli.common import fail
from models.audit import audit
from models.interview import InterviewError, chosen, timed
from models.questions import Level, Question, QuestionError, entry, index, section_of

_SEEDS = 10_000


def ask(
    number: Annotated[int | None, typer.Argument(help="The question, 1 to 100.", show_default=False)] = None,
    *,
    at_random: Annotated[bool, typer.Option("--random", help="Draw one.")] = False,
    level: Annotated[Level | None, typer.Option(help="With --random: for whom it is.", show_default=False)] = None,
) -> None:
    """Print a question's entry: what is asked, decision, trade-off, follow-up, figures, and what carries it out."""
    if at_random is (number is not None) or (level and not at_random):
        raise typer.BadParameter("say either a number, or --random, which may have a --level")
    try:
        found = entry(_any(level) if number is None else number)
    except QuestionError as error:
        fail(error)
    _print(found.shown)


def interview(
    *,
    level: Annotated[Level, typer.Option(help="For whom.")] = Level.MID,
    minutes: Annotated[int, typer.Option(min=1, help="How long it takes.")] = 60,
    seed: Annotated[int | None, typer.Option(help="What the questions are drawn from.", show_default="drawn")] = None,
    question: Annotated[
        list[int] | None, typer.Option(help="Ask this one, instead of drawing; give it several times.")
    ] = None,
) -> None:
    """Print an interviewer's sheet: what to ask, when, what good sounds like, traps, follow-ups, faults to notice."""
    try:
        rows = index()
        if question:
            questions: Sequence[Question] = [_row(rows.get(number), number) for number in dict.fromkeys(question)]
            drawn = ""
        else:
            seed = secrets.randbelow(_SEEDS) if seed is None else seed
            questions = chosen(rows, level=level, minutes=minutes, seed=seed)
            drawn = f", {level}, `--seed {seed}`"
        many = f"{len(questions)} question{'s' * (len(questions) > 1)}"
        sheet = f"# Interview: {minutes} minutes, {many}{drawn}\n"
        for start, row in timed(questions, minutes=minutes):
            sheet += _asked(row, start=start)
    except (QuestionError, InterviewError) as error:
        fail(error)
    _print(sheet)


def _any(level: Level | None) -> int:
    return secrets.choice([row.number for row in index().values() if level in {None, row.level}])


def _row(row: Question | None, number: int) -> Question:
    if row is None:
        raise QuestionError(f"there is no question {number}: ask for one of 1 to 100 that is in index.yaml")
    return row


def _asked(row: Question, *, start: float) -> str:
    found = entry(row.number)
    text = f"\n## {int(start)}:{int(start % 1 * 60):02d} · {row.number}. {row.title}\n\n"
    text += f"{section_of(row.number).title}, {row.level}\n\n> {row.question}\n\n"
    text += f"**Good.** {found.shown_part('Decision')}\n\n{_list(row.good)}\n**Traps**\n\n{_list(row.traps)}\n"
    text += f"> {row.follow_up}\n\n**Follow-up.** {found.shown_part('Follow-up')}\n"
    for statement in audit():
        if statement.id == row.arithmetic:
            text += (
                f"\n**A figure to notice.** {statement.claim}: stated {statement.stated} {statement.unit}, "
                f"computed {statement.computed}. {_capital(statement.working)}.\n"
            )
    return text


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _list(items: Sequence[str]) -> str:
    return "".join(f"- {item}\n" for item in items)


def _print(text: str) -> None:
    """To standard output, so that a sheet can be printed or kept."""
    Console().print(Markdown(text))
