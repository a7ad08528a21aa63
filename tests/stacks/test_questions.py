"""What the index of the questions names is in the templates: constructs by path and type, and functions' handlers."""

import pytest

from models.questions import index

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
