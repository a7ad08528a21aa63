"""Which questions an interviewer asks, and how long each may take."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from models.questions import Level, Question, section_of

MINUTES_EACH = 4
"""How long a question takes at least. The source document has 60 to 90 minutes for 15 to 20 questions at the middle
level, and 90 to 120 for 20 to 30 at the senior one: 4 to 4.5 minutes each."""
MOST = 20
"""How many questions a sheet has at most: the most at the middle level, and the fewest of 90 minutes at the senior one.
What time is left goes to each of them alike."""


class InterviewError(ValueError):
    """The time is too short for a question; the message says for how much to ask."""


def chosen(rows: Mapping[int, Question], *, level: Level, minutes: int, seed: int) -> tuple[Question, ...]:
    """Return questions of a level for so many minutes, in the order of the source document.

    They are spread evenly over the sections that have such questions, and drawn from the seed: the same rows, level,
    minutes and seed are the same questions. There are no more than `MOST`, nor than the level has.

    Raises
    ------
    InterviewError
        If `minutes` are fewer than a question takes.
    """
    if minutes < MINUTES_EACH:
        raise InterviewError(f"minutes={minutes}: a question takes {MINUTES_EACH}: give it as many at least")
    draw = random.Random(seed)  # noqa: S311 - no secret: whoever prints a sheet again wants the same one
    by_section: dict[str, list[Question]] = defaultdict(list)
    for row in rows.values():
        if row.level is level:
            by_section[section_of(row.number).slug].append(row)
    decks = list(by_section.values())
    draw.shuffle(decks)
    for deck in decks:
        draw.shuffle(deck)
    dealt = [deck[place] for place in range(max(map(len, decks), default=0)) for deck in decks if place < len(deck)]
    return tuple(sorted(dealt[: min(MOST, minutes // MINUTES_EACH)], key=lambda row: row.number))


def timed(questions: Sequence[Question], *, minutes: int) -> Iterable[tuple[float, Question]]:
    """Yield each question with the minute at which it begins: all take as long."""
    for place, row in enumerate(questions):
        yield minutes * place / len(questions), row
