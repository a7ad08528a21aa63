"""What the index of the questions names is in the templates: constructs by path and type, and functions' handlers. And
what the documents quote is what the models say, of which two read the templates."""

import pytest

from models.questions import FILLED, figure, filled, index

ROWS = index()


@pytest.fixture(scope="module")
def everything(configurations):
    """Path and type of every resource that any configuration declares."""
    return {(found.path, found.kind) for declared in configurations.values() for found in declared.resources}


@pytest.fixture(scope="module")
def handlers(configurations):
    return {function["Handler"] for declared in configurations.values() for function in declared.functions()}


@pytest.mark.parametrize("number", ROWS)
def test_the_constructs_are_declared(number, everything):
    assert {(found.path, found.type) for found in ROWS[number].resources} <= everything


@pytest.mark.parametrize("number", ROWS)
def test_the_handlers_are_those_of_functions(number, handlers):
    assert set(ROWS[number].handlers) <= handlers


@pytest.fixture(scope="module")
def figures(production):
    """A figure by its key, of models that read the templates that are there already."""
    for package in ("numpy", "simpy"):
        pytest.importorskip(package, reason=f"needs requirements-sandbox.txt: {package}")
    from models import availability, cost  # noqa: PLC0415 - they need simpy

    with pytest.MonkeyPatch.context() as patched:
        for model in (availability, cost):
            patched.setattr(model, "declared_of", {"production": production}.__getitem__)
        yield figure


@pytest.mark.parametrize("page", FILLED, ids=lambda page: f"{page.parent.name}/{page.stem}")
def test_the_pages_are_filled(page, figures):
    text = page.read_text(encoding="utf-8")
    assert text == filled(text, rows=ROWS, figures=figures), "run: python -m models.questions"
