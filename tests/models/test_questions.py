"""Reading pages and index, and filling what stands between markers."""

import pytest
import yaml

from models.figures import Figure
from models.questions import Question, QuestionError, entries, entry, figure, filled, index, quoted, section_of, trace

PAGE = """\
# A section

## 3. What carries it { #q3 }

<!-- asked 3 --><!-- /asked -->

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
    asked = {"number": number, "question": "What carries it?", "follow_up": "Which carries most?"}
    return Question.model_validate({**asked, **given, **changes})


A_ROW = a_row().model_dump(mode="json", exclude_unset=True)


def written(folder, *rows):
    path = folder / "index.yaml"
    path.write_text(yaml.safe_dump(list(rows)))
    return path


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


def test_what_is_asked_stands_above_the_answer():
    [first, _] = entries(fill(PAGE, {3: a_row()}))
    assert first.shown.startswith(
        "## 3. What carries it\n\n\n\n> What carries it?\n>\n> *Follow-up:* Which carries most?\n\n\n\n**Decision.**"
    )


def test_what_is_designed_says_that_it_is_not_built():
    assert "status: not built" in fill(PAGE, {3: a_row(status="designed")})


def test_a_page_that_is_filled_stays_as_it_is():
    text = fill(PAGE, {3: a_row(tests=["tests/test_app.py::test_one"])})
    assert fill(text, {3: a_row(tests=["tests/test_app.py::test_one"])}) == text


def test_what_a_marker_names_has_to_exist():
    with pytest.raises(QuestionError, match="no such question: add its row"):
        fill(PAGE, {})
    with pytest.raises(QuestionError, match=r"<!-- asked 4 -->: index\.yaml has no such question"):
        fill("<!-- asked 4 --><!-- /asked -->", {})
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
        ([{"number": 0}], r"0\.number"),
        ([{"level": "expert"}], r"0\.level"),
        ([{"good": []}], r"0\.good"),
        ([{"question": ""}], r"0\.question"),
        ([{"follow_up": ""}], r"0\.follow_up"),
        ([{"colour": "red"}], r"0\.colour"),
        ([{}, {}], "twice"),
    ],
)
def test_an_index_of_another_shape_is_refused_with_what_is_wrong(tmp_path, rows, why):
    with pytest.raises(QuestionError, match=why):
        index(written(tmp_path, *(A_ROW | changes for changes in rows)))


@pytest.mark.parametrize("name", ["question", "follow_up"])
def test_a_row_says_what_is_asked(tmp_path, name):
    with pytest.raises(QuestionError, match=rf"0\.{name}\n  Field required"):
        index(written(tmp_path, {key: value for key, value in A_ROW.items() if key != name}))


def test_an_index_is_read_by_number(tmp_path):
    found = index(written(tmp_path, A_ROW | {"number": 9}, A_ROW))
    assert list(found) == [3, 9]
    assert found[3] == a_row()


@pytest.mark.parametrize("number", [0, 101, -3])
def test_there_are_a_hundred_questions(number):
    with pytest.raises(QuestionError, match="ask for one of 1 to 100"):
        entry(number)


@pytest.mark.parametrize(
    ("number", "slug"), [(1, "architecture"), (15, "architecture"), (16, "ingestion"), (100, "scenarios")]
)
def test_a_question_is_of_one_section(number, slug):
    assert section_of(number).slug == slug
