"""Steps on the terminal."""

import io

import pytest

pytest.importorskip("rich", reason="needs requirements-sandbox.txt: make setup")

from rich.console import Console

from sandbox.steps import StepError, Steps


@pytest.fixture
def steps():
    return Steps(Console(file=io.StringIO(), width=100))


def _text(steps):
    return steps.console.file.getvalue()


def test_a_step_that_is_done_shows_and_keeps_its_time(steps):
    with steps.step("Deploy", remedy="read deploy.log") as step:
        step.tell("8 stacks")
        step.advance_to(3, of=8)
    assert "✓ Deploy" in _text(steps)
    assert steps.seconds["Deploy"] >= 0


def test_a_step_that_fails_says_what_why_and_what_to_do(steps):
    with pytest.raises(StepError) as raised, steps.step("Deploy", remedy="read deploy.log"):
        raise OSError("[Errno 28] no space left")
    assert str(raised.value) == "Deploy failed.\n[Errno 28] no space left\nWhat to do: read deploy.log"
    assert isinstance(raised.value.__cause__, OSError)
    assert "✗ Deploy" in _text(steps)
    assert "✓" not in _text(steps)
    assert steps.seconds == {}


def test_an_interruption_is_no_failure(steps):
    with pytest.raises(KeyboardInterrupt), steps.step("Deploy", remedy="read deploy.log"):
        raise KeyboardInterrupt


@pytest.mark.parametrize("name", ["a [red]name[/]", "a [/] name"])
def test_brackets_in_a_title_are_text(steps, name):
    with steps.step(name, remedy="none"):
        pass
    assert f"✓ {name}" in _text(steps)
