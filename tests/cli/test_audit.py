"""What the command says of the source document's arithmetic."""

from models.audit import audit


def test_every_statement_is_printed_with_what_it_should_be(marquee):
    printed = marquee("audit").output
    assert "statements do not hold" in printed
    assert all(f"Q{statement.questions[0]}" in printed for statement in audit())
    assert "67,500 PB a month" in printed


def test_those_of_one_question(marquee):
    printed = marquee("audit", "--question", "100").output
    assert "1 of 2 statements do not hold" in printed
    assert "22.2 minutes one way" in printed
    assert "Q61" not in printed
