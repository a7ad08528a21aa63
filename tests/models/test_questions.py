"""Reading pages and index, and filling what stands between markers."""

import pytest

from models.figures import Figure
from models.questions import Question, QuestionError, entries, entry, figure, filled, index, quoted, section_of, trace

PAGE = """\
# A section

## 3. What carries it { #q3 }

**Decision.** Caches, at <!-- figure bandwidth.peak_tbps ,.0f -->1<!-- /figure --> Tbit/s.

**Trade-off.** None.

**Follow-up.** *Which:* the caches, and
<!-- figure bandwidth.mean_tbps .1f --><!-- /figure --> on average.

**Where.** <!-- where 3 --><!-- /where -->

## 4. Another { #q4 }

**Decision.** It is.
"""
FIGURES = {"bandwidth.peak_tbps": 1234.5, "bandwidth.mean_tbps": 2.25}


def a_row(number=3, **changes):
    given = {"title": "What carries it", "level": "junior", "status": "built", "good": ["a"], "traps": ["b"]}
    return Question.model_validate({"question": number, **given, **changes})


def fill(page, rows):
    return filled(page, rows=rows, figures=lambda key: Figure(FIGURES[key], "Tbit/s", "of a test"))


def test_a_page_is_read_by_its_entries_and_their_parts():
    first, second = entries(PAGE)
    assert (first.number, first.title, second.number) == (3, "What carries it", 4)
    assert list(first.parts) == ["Decision", "Trade-off", "Follow-up", "Where"]
    assert first.shown_part("Decision") == "Caches, at 1 Tbit/s."
    assert second.shown == "## 4. Another\n\n**Decision.** It is."
    assert entries("# A page without an entry\n") == ()


def test_figures_are_put_in_as_their_marker_formats_them_and_never_begin_a_line():
    text = fill(PAGE, {3: a_row()})
    assert "at <!-- figure bandwidth.peak_tbps ,.0f -->1,234<!-- /figure --> Tbit/s." in text
    assert "the caches, and <!-- figure bandwidth.mean_tbps .1f -->2.2<!-- /figure --> on average." in text
    assert quoted(text) == ("bandwidth.peak_tbps", "bandwidth.mean_tbps")


def test_what_carries_it_out_is_listed_and_nothing_that_is_empty():
    row = a_row(
        resources=[{"path": "playback/Sessions", "type": "AWS::DynamoDB::GlobalTable"}],
        diagrams=["playback.md"],
    )
    [first, _] = entries(fill(PAGE, {3: row}))
    assert first.shown_part("Where") == (
        "level: junior · status: built\n\n"
        "- Constructs: `playback/Sessions` (AWS::DynamoDB::GlobalTable)\n"
        "- Diagrams: [playback.md](../playback.md)"
    )


def test_what_is_designed_says_that_it_is_not_built():
    assert "status: not built" in fill(PAGE, {3: a_row(status="designed")})


def test_a_page_that_is_filled_stays_as_it_is():
    text = fill(PAGE, {3: a_row(tests=["tests/test_app.py::test_one"])})
    assert fill(text, {3: a_row(tests=["tests/test_app.py::test_one"])}) == text


def test_what_a_marker_names_has_to_exist():
    with pytest.raises(QuestionError, match="no such question: add its row"):
        fill(PAGE, {})
    with pytest.raises(QuestionError, match="no model 'nothing'"):
        figure("nothing.at_all")
    with pytest.raises(QuestionError, match=r"no figure bandwidth\.nothing: .*peak_tbps"):
        figure("bandwidth.nothing")


def test_an_anchor_is_its_entrys_number():
    with pytest.raises(QuestionError, match="question 4 has the anchor #q5: give it #q4"):
        entries(PAGE.replace("#q4", "#q5"))


def test_the_trace_counts_by_section_and_status():
    rows = {number: a_row(number, status=status) for number, status in ((3, "built"), (4, "designed"), (30, "built"))}
    text = trace(rows)
    assert "| [Architecture](../questions/architecture.md) | 1 | 1 | 0 | 2 |\n" in text
    assert "| [Storage](../questions/storage.md) | 1 | 0 | 0 | 1 |\n" in text
    assert "| **All** | 2 | 1 | 0 | 3 |\n" in text
    assert "[30. What carries it](../questions/storage.md#q30)" in text


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        ("- {question: 0}", "question"),
        ("- {question: 1, title: a, level: expert, status: built, good: [a], traps: [a]}", "level"),
        ("- {question: 1, title: a, level: mid, status: built, good: [], traps: [a]}", "good"),
        ("- {question: 1, title: a, level: mid, status: built, good: [a], traps: [a], colour: red}", "colour"),
        ("- &row {question: 1, title: a, level: mid, status: built, good: [a], traps: [a]}\n- *row", "twice"),
    ],
)
def test_an_index_of_another_shape_is_refused_with_what_is_wrong(tmp_path, rows, why):
    (tmp_path / "index.yaml").write_text(rows)
    with pytest.raises(QuestionError, match=why):
        index(tmp_path / "index.yaml")


@pytest.mark.parametrize("number", [0, 101, -3])
def test_there_are_a_hundred_questions(number):
    with pytest.raises(QuestionError, match="ask for one of 1 to 100"):
        entry(number)


@pytest.mark.parametrize(
    ("number", "slug"), [(1, "architecture"), (15, "architecture"), (16, "ingestion"), (100, "scenarios")]
)
def test_a_question_is_of_one_section(number, slug):
    assert section_of(number).slug == slug
