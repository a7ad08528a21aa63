"""The hundred questions: their pages, the index of what carries each answer out, and the trace that is made of it.

The pages under ``docs/questions`` are written by hand but for what stands between markers::

    <!-- figure bandwidth.peak_tbps ,.0f -->416<!-- /figure --> Tbps
    <!-- asked 80 -->
    ...
    <!-- /asked -->
    **Where.** <!-- where 80 -->
    ...
    <!-- /where -->

A figure's marker names the model, the figure, and how the value is formatted, by Python's format specification. Run
as ``python -m models.questions``, which ``make docs`` does: it fills every kind from the models and from
``index.yaml``, and writes ``docs/generated/trace.md``. Two models synthesise the templates for it; that the constructs
of the index are in them is a test's to say.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Annotated, NamedTuple

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from models.figures import Figure

DOCS = Path(__file__).resolve().parents[1] / "docs"
PAGES = DOCS / "questions"
INDEX = PAGES / "index.yaml"
TRACE = DOCS / "generated" / "trace.md"
LAST = 100

Text = Annotated[str, Field(min_length=1)]
Figures = Callable[[str], Figure]
"""A figure by its key: the model's name, a full stop, the figure's."""


class QuestionError(ValueError):
    """The index, a page or a marker is not as it has to be; the message names the place and the remedy."""


class Level(StrEnum):
    """Whom a question is for, as the source document has it."""

    JUNIOR = "junior"
    MID = "mid"
    SENIOR = "senior"


class Status(StrEnum):
    """How much of an answer stands in this repository."""

    BUILT = "built"
    DESIGNED = "designed"
    DISCUSSION = "discussion"

    @property
    def said(self) -> str:
        """As an entry says it to its reader."""
        return {
            Status.BUILT: "built",
            Status.DESIGNED: "not built; the decision stands, and what is listed is what it would stand on",
            Status.DISCUSSION: "discussion; nothing is to be built for it",
        }[self]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Construct(_Record):
    """A resource of the templates.

    `path` is its construct's below the profile, without a closing ``Resource``, as `stacks.declared.Resource` has it:
    ``playback/Sessions``.
    """

    path: Text
    type: Text


class Question(_Record):
    """A row of the index: what is asked, what carries the answer out, and what an interviewer listens for.

    `question` and `follow_up` are what is asked, in our words. `diagrams` are pages under ``docs`` with a picture that
    shows it. `arithmetic` is the id of the statement of `models.audit` with the fault to notice.
    """

    number: Annotated[int, Field(ge=1, le=LAST)]
    title: Text
    question: Text
    follow_up: Text
    level: Level
    status: Status
    resources: tuple[Construct, ...] = ()
    handlers: tuple[Text, ...] = ()
    tests: tuple[Text, ...] = ()
    models: tuple[Text, ...] = ()
    diagrams: tuple[Text, ...] = ()
    good: Annotated[tuple[Text, ...], Field(min_length=1)]
    traps: Annotated[tuple[Text, ...], Field(min_length=1)]
    arithmetic: Text | None = None


class Section(NamedTuple):
    """A section of the source document, and the page of it."""

    slug: str
    title: str
    first: int
    last: int

    @property
    def page(self) -> Path:
        """Where its entries stand."""
        return PAGES / f"{self.slug}.md"


SECTIONS = (
    Section("architecture", "Architecture", 1, 15),
    Section("ingestion", "Ingestion", 16, 25),
    Section("storage", "Storage", 26, 35),
    Section("encoding", "Encoding", 36, 45),
    Section("playback", "Playback", 46, 55),
    Section("cdn", "CDN", 56, 65),
    Section("drm", "DRM and security", 66, 75),
    Section("performance", "Performance", 76, 85),
    Section("aws", "AWS", 86, 95),
    Section("scenarios", "Scenarios", 96, 100),
)


@dataclass(frozen=True, kw_only=True)
class Entry:
    """An entry of a page.

    `parts` are its paragraphs by their bold beginning, markers included: ``Decision``, ``Trade-off``, ``Follow-up``,
    and what else there is.
    """

    number: int
    title: str
    text: str
    parts: Mapping[str, str]

    @property
    def shown(self) -> str:
        """The entry as Markdown, without markers and anchor."""
        return _ANY_MARKER.sub("", self.text.replace(f" {{ #q{self.number} }}", "", 1)).strip()

    def shown_part(self, name: str) -> str:
        """One of its parts, in the same way."""
        return _ANY_MARKER.sub("", self.parts[name]).strip()


FILLED = (
    *(section.page for section in SECTIONS),
    *(DOCS / name for name in ("models.md", "models-operations.md", "playback.md", "delivery.md")),
)
"""The pages with markers."""
PARTS = ("Decision", "Trade-off", "Follow-up", "Where")
"""What every entry has, in this order; ``Figures`` comes before the last where there is something to compute."""
_HEADING = re.compile(r"^## (\d+)\. (.+?) \{ #q(\d+) \}\n", re.MULTILINE)
_PART = re.compile(r"^\*\*([A-Z][a-z-]+)\.\*\* ?", re.MULTILINE)
# A comment at the beginning of a line ends a paragraph of Markdown: a figure there joins the line before.
_FIGURE = re.compile(r"((?<=\S)\n)?<!-- figure (\S+) (\S+) -->[^<]*<!-- /figure -->")
_OF_A_ROW = re.compile(r"<!-- (asked|where) (\d+) -->.*?<!-- /\1 -->", re.DOTALL)
_ANY_MARKER = re.compile(r"<!-- /?(?:figure|asked|where)\b[^>]*-->")


def index(path: Path = INDEX) -> Mapping[int, Question]:
    """Return the index, by number.

    Raises
    ------
    QuestionError
        If it is not a list of such records, or a number stands in it twice.
    """
    try:
        rows = TypeAdapter(tuple[Question, ...]).validate_python(yaml.safe_load(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        raise QuestionError(f"{path.name}: {error}: put the row right") from error
    counted = Counter(row.number for row in rows)
    if twice := [number for number, times in counted.items() if times > 1]:
        raise QuestionError(f"{path.name}: questions {twice} stand there twice: leave one row of each")
    return {row.number: row for row in sorted(rows, key=lambda row: row.number)}


def section_of(number: int) -> Section:
    """Return the section of a question."""
    return next(section for section in SECTIONS if section.first <= number <= section.last)


def entries(text: str) -> tuple[Entry, ...]:
    """Return the entries of a page.

    Raises
    ------
    QuestionError
        If a heading's number and anchor differ.
    """
    found = []
    headings = list(_HEADING.finditer(text))
    ends = [*(heading.start() for heading in headings[1:]), len(text)]
    for heading, end in zip(headings, ends, strict=False):
        number, title, anchor = heading.groups()
        if number != anchor:
            raise QuestionError(f"question {number} has the anchor #q{anchor}: give it #q{number}")
        body = text[heading.start() : end]
        found.append(Entry(number=int(number), title=title, text=body, parts=dict(_parts(body))))
    return tuple(found)


def entry(number: int) -> Entry:
    """Return the entry of a question, from its page.

    Raises
    ------
    QuestionError
        If there is none.
    """
    page = section_of(number).page if 1 <= number <= LAST else None
    if page and page.exists():
        for found in entries(page.read_text(encoding="utf-8")):
            if found.number == number:
                return found
    raise QuestionError(f"there is no entry for question {number}: ask for one of 1 to {LAST} that has an entry")


@cache
def _run(name: str) -> Mapping[str, Figure]:
    from models.registry import MODELS  # noqa: PLC0415 - whoever reads an entry waits for no model

    if name not in MODELS:
        raise QuestionError(f"there is no model {name!r}: models/registry.py has {', '.join(MODELS)}")
    return MODELS[name]()


def figure(key: str) -> Figure:
    """Return a figure of a model's run with its default inputs; each model runs once in a process.

    Raises
    ------
    QuestionError
        If there is no such model, or it has no such figure.
    """
    name, _, which = key.partition(".")
    found = _run(name)
    if which not in found:
        raise QuestionError(f"there is no figure {key}: model {name!r} has {', '.join(found)}")
    return found[which]


def quoted(text: str) -> tuple[str, ...]:
    """Return the keys of the figures that a page or an entry quotes."""
    return tuple(match[2] for match in _FIGURE.finditer(text))


def filled(text: str, *, rows: Mapping[int, Question], figures: Figures = figure) -> str:
    """Return a page with every marker filled; filling it again changes nothing.

    Raises
    ------
    QuestionError
        If a marker names a figure or a question that there is not.
    """

    def value(match: re.Match[str]) -> str:
        broken, key, specification = match.groups()
        said = format(figures(key).value, specification)
        return f"{' ' if broken else ''}<!-- figure {key} {specification} -->{said}<!-- /figure -->"

    def of_a_row(match: re.Match[str]) -> str:
        kind, number = match[1], int(match[2])
        if number not in rows:
            raise QuestionError(f"<!-- {kind} {number} -->: index.yaml has no such question: add its row")
        said = {"asked": _asked, "where": _where}[kind](rows[number])
        return f"<!-- {kind} {number} -->\n{said}\n<!-- /{kind} -->"

    return _OF_A_ROW.sub(of_a_row, _FIGURE.sub(value, text))


def trace(rows: Mapping[int, Question]) -> str:
    """Return the page that lists, of each question, what carries its answer out, and counts honestly."""
    text = _TRACE_HEAD
    for section in SECTIONS:
        if here := [row for row in rows.values() if section_of(row.number) is section]:
            text += _counted(f"[{section.title}](../questions/{section.slug}.md)", here)
    text += _counted("**All**", rows.values())
    for section, group in groupby(rows.values(), key=lambda row: section_of(row.number)):
        text += _TRACE_TABLE.format(title=section.title)
        text += "".join(_traced(row, section) for row in group)
    return text


def _parts(body: str) -> Iterator[tuple[str, str]]:
    starts = list(_PART.finditer(body))
    ends = [*(start.start() for start in starts[1:]), len(body)]
    for start, end in zip(starts, ends, strict=False):
        yield start[1], body[start.end() : end].strip()


def _asked(row: Question) -> str:
    """The question and its follow-up, above the answer."""
    return f"\n> {row.question}\n>\n> *Follow-up:* {row.follow_up}\n"


def _where(row: Question) -> str:
    """What a reader of the entry is shown: level, status, and the lists that are not empty."""
    text = f"level: {row.level} · status: {row.status.said}\n"
    constructs = [f"`{found.path}` ({found.type})" for found in row.resources]
    diagrams = [f"[{page}](../{page})" for page in row.diagrams]
    for name, items in (
        ("Constructs", constructs),
        ("Handlers", _code(row.handlers)),
        ("Tests", _code(row.tests)),
        ("Figures", _code(row.models)),
        ("Diagrams", diagrams),
    ):
        if items:
            text += f"\n- {name}: {', '.join(items)}"
    return text + "\n"


_TRACE_HEAD = """\
# The trace

Written by `python -m models.questions` from `docs/questions/index.yaml`; do not edit. A test fails if a construct is
not in the synthesised templates, or if a handler, a test, a diagram or a figure does not exist. Each row lists
constructs, handlers, tests and figures, in this order.

**Built**: what the decision says is declared, implemented and tested here; its entry names what is left out.
**Designed**: decided, and not built; constructs listed are what it would stand on. **Discussion**: nothing is to be
built for it; it has its numbers.

| Section | Built | Designed | Discussion | Questions |
| --- | --- | --- | --- | --- |
"""
_TRACE_TABLE = """
## {title}

| Question | Level | Status | Carried out by |
| --- | --- | --- | --- |
"""


def _counted(name: str, rows: Iterable[Question]) -> str:
    counts = Counter(row.status for row in rows)
    cells = [name, *(str(counts[status]) for status in Status), str(counts.total())]
    return f"| {' | '.join(cells)} |\n"


def _traced(row: Question, section: Section) -> str:
    carried = [found.path for found in row.resources] + [*row.handlers, *row.tests, *row.models]
    cells = (
        f"[{row.number}. {row.title}](../questions/{section.slug}.md#q{row.number})",
        row.level,
        row.status,
        "<br>".join(_code(carried)),
    )
    return f"| {' | '.join(cells)} |\n"


def _code(names: Sequence[str]) -> list[str]:
    return [f"`{name}`" for name in names]


def main() -> None:
    """Fill the markers of every page, the models' own among them, and write the trace."""
    rows = index()
    for page in FILLED:
        page.write_text(filled(page.read_text(encoding="utf-8"), rows=rows), encoding="utf-8")
    TRACE.write_text(trace(rows), encoding="utf-8")


if __name__ == "__main__":
    main()
