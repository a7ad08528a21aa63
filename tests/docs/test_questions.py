"""The hundred questions: every one has an entry and a row, and what they name exists. Constructs and figures need the
templates: they are held in tests/stacks."""

import ast
from functools import cache
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import pytest

from models.audit import audit
from models.questions import (
    DOCS,
    LAST,
    PARTS,
    SECTIONS,
    TRACE,
    Level,
    Status,
    entries,
    index,
    quoted,
    trace,
)

ROOT = Path(__file__).resolve().parents[2]
ROWS = index()
PAGES = {section.slug: section.page.read_text(encoding="utf-8") for section in SECTIONS if section.page.exists()}
ENTRIES = {entry.number: entry for page in PAGES.values() for entry in entries(page)}
JUNIOR = {*range(1, 6), *(tens + n for tens in range(10, 90, 10) for n in (6, 7, 8))}
MID = {*range(6, 11), *(tens + n for tens in range(10, 90, 10) for n in (9, 10, 11, 12)), 96, 97, 98}


@pytest.fixture(params=ROWS, ids=lambda number: f"q{number}")
def row(request):
    return ROWS[request.param]


@cache
def defined(file):
    """The functions and methods of a file, and the names that it binds at its top."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    functions = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    targets = (target for node in tree.body if isinstance(node, ast.Assign) for target in node.targets)
    return functions | {target.id for target in targets if isinstance(target, ast.Name)}


def test_every_question_has_an_entry_and_a_row():
    assert sorted(ENTRIES) == sorted(ROWS) == list(range(1, LAST + 1))


def test_entries_stand_in_their_section_in_order():
    for section in SECTIONS:
        numbers = [entry.number for entry in entries(PAGES.get(section.slug, ""))]
        assert all(first < second for first, second in pairwise(numbers))
        assert all(section.first <= number <= section.last for number in numbers)


def test_an_entry_has_its_title_and_its_parts(row):
    entry = ENTRIES[row.number]
    assert entry.title == row.title
    assert [name for name in entry.parts if name != "Figures"] == list(PARTS)
    assert all(entry.shown_part(name) for name in entry.parts)
    assert f"<!-- where {row.number} -->" in entry.parts["Where"]


def test_an_entry_begins_with_what_is_asked(row):
    _, _, text = ENTRIES[row.number].text.partition("\n")
    asked = f"> {row.question}\n>\n> *Follow-up:* {row.follow_up}"
    begin, end = f"<!-- asked {row.number} -->", "<!-- /asked -->"
    assert text.startswith(f"\n{begin}\n\n{asked}\n\n{end}\n"), "run: python -m models.questions"


def test_nothing_is_asked_twice_in_the_same_words():
    asked = [text for row in ROWS.values() for text in (row.question, row.follow_up)]
    assert len(set(asked)) == 2 * LAST


def test_a_level_is_as_the_source_document_has_it(row):
    expected = Level.JUNIOR if row.number in JUNIOR else Level.MID if row.number in MID else Level.SENIOR
    assert row.level is expected


def test_what_is_built_can_be_seen_and_what_is_tested(row):
    assert (row.status is not Status.BUILT) or (row.resources and row.tests)
    assert (row.status is not Status.DISCUSSION) or not row.handlers


def test_the_tests_exist(row):
    for name in row.tests:
        file, _, test = name.partition("::")
        assert test.startswith("test_"), name
        assert test in defined(ROOT / file), name


def test_the_handlers_exist(row):
    for name in row.handlers:
        module, _, function = name.rpartition(".")
        assert function in defined(Path(find_spec(module).origin)), name


def test_the_diagrams_are_on_their_pages(row):
    for page in row.diagrams:
        text = (DOCS / page).read_text(encoding="utf-8")
        assert "```mermaid" in text or "![" in text, page


def test_the_figure_to_notice_is_audited_and_the_questions_own(row):
    audited = {statement.id: statement.questions for statement in audit()}
    assert row.arithmetic is None or row.number in audited[row.arithmetic]


def test_a_row_names_the_models_that_its_entry_quotes(row):
    assert set(quoted(ENTRIES[row.number].text)) == set(row.models)


def test_the_written_trace_is_that_of_the_index():
    assert TRACE.read_text(encoding="utf-8") == trace(ROWS), "run: python -m models.questions"
