"""What a reader and an interviewer get in the terminal."""

import pytest

from models.questions import entry, index

WITH_A_FIGURE = next(row for row in index().values() if row.arithmetic and row.models)


def said(found):
    """What was printed, without the bars of quotations and without line breaks."""
    assert found.exit_code == 0
    return " ".join(found.stdout.replace("▌", " ").split())


def asked(row):
    return row.question, row.follow_up


def test_an_entry_is_printed_without_its_markers(marquee):
    found = marquee("ask", WITH_A_FIGURE.number)
    assert found.exit_code == 0
    assert WITH_A_FIGURE.title in found.stdout
    for word in ("Decision.", "Trade-off.", "Follow-up.", "Figures.", "status:"):
        assert word in found.stdout
    assert "<!--" not in found.stdout
    assert "{ #q" not in found.stdout


def test_what_is_asked_comes_before_the_answer(marquee):
    printed = said(marquee("ask", WITH_A_FIGURE.number))
    places = [printed.index(text) for text in (*asked(WITH_A_FIGURE), "Decision.")]
    assert places == sorted(places)


def test_one_is_drawn_of_a_level(marquee):
    found = marquee("ask", "--random", "--level", "senior")
    assert found.exit_code == 0
    assert "level: senior" in found.output


def test_a_question_that_there_is_not_is_refused(marquee):
    found = marquee("ask", 101)
    assert found.exit_code == 1
    assert "ask for one of 1 to 100" in found.output


@pytest.mark.parametrize("arguments", [(), ("5", "--random"), ("5", "--level", "mid")])
def test_a_number_and_a_draw_exclude_each_other(marquee, arguments):
    found = marquee("ask", *arguments)
    assert found.exit_code == 2
    assert "say either a number, or --random" in found.output


def test_a_sheet_has_times_what_good_sounds_like_traps_and_figures_to_notice(marquee):
    found = marquee("interview", "--question", WITH_A_FIGURE.number, "--question", 1, "--minutes", 30)
    assert found.exit_code == 0
    assert "0:00" in found.output
    assert "15:00" in found.output
    for text in (*WITH_A_FIGURE.good, *WITH_A_FIGURE.traps, "A figure to notice.", "computed"):
        assert text in found.output
    assert " ".join(entry(1).shown_part("Follow-up").split())[:20].strip("*") in found.output


def test_a_sheet_has_what_to_ask_before_what_good_sounds_like_and_the_follow_up_before_its_answer(marquee):
    printed = said(marquee("interview", "--question", WITH_A_FIGURE.number))
    question, follow_up = asked(WITH_A_FIGURE)
    decision = entry(WITH_A_FIGURE.number).shown_part("Decision").split()[0]
    places = [printed.index(text) for text in (question, f"Good. {decision}", "Traps", follow_up, "Follow-up.")]
    assert places == sorted(places)


def test_a_sheet_that_no_question_fits_is_refused(marquee):
    found = marquee("interview", "--minutes", 3)
    assert found.exit_code == 1
    assert "InterviewError: minutes=3: a question takes 4" in found.output


def test_a_sheet_can_be_printed_again(marquee):
    sheet = marquee("interview", "--level", "junior", "--minutes", 20, "--seed", 7)
    assert sheet.exit_code == 0
    assert "20 minutes, 5 questions, junior, --seed 7" in sheet.output
    assert marquee("interview", "--level", "junior", "--minutes", 20, "--seed", 7).stdout == sheet.stdout


def test_a_sheet_of_a_question_that_there_is_not_is_refused(marquee):
    found = marquee("interview", "--question", 101)
    assert found.exit_code == 1
    assert "no question 101" in found.output
