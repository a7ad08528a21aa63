"""Reading a state machine's definition as it is deployed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from stacks.declared import Declared

State = dict[str, Any]


def definition(declared: Declared, path: str) -> dict[str, Any]:
    """Return the definition of the state machine at `path`."""
    machine = declared.at(path)
    parsed: dict[str, Any] = json.loads(machine.text(machine["DefinitionString"]))
    return parsed


def all_states(machine: dict[str, Any]) -> Iterator[tuple[str, State]]:
    """Yield every state, those within a Map or a Parallel too."""
    for name, state in machine["States"].items():
        yield name, state
        if state["Type"] == "Map":
            yield from all_states(state["ItemProcessor"])
        for branch in state.get("Branches", ()):
            yield from all_states(branch)


def way(machine: dict[str, Any]) -> list[str]:
    """Return the names of the states that follow one another from the start, as long as there is no choice."""
    names = [machine["StartAt"]]
    while following := machine["States"][names[-1]].get("Next"):
        names.append(following)
    return names


def following(state: State) -> list[str]:
    """Return the names of the states that may come after one."""
    rules = (*state.get("Choices", ()), *state.get("Catch", ()))
    return [*(state[key] for key in ("Next", "Default") if key in state), *(rule["Next"] for rule in rules)]


def chosen(machine: dict[str, Any], choice: str) -> dict[str, str]:
    """Return where a choice leads to, by the value of the verdict; what else there may be is ``otherwise``."""
    state = machine["States"][choice]
    return {rule["StringEquals"]: rule["Next"] for rule in state["Choices"]} | {"otherwise": state["Default"]}


def caught_by(state: State) -> dict[str, str]:
    """Return where each error leads to."""
    return {error: catcher["Next"] for catcher in state.get("Catch", ()) for error in catcher["ErrorEquals"]}


def retried(state: State) -> set[str]:
    """Return the errors after which a state is tried again."""
    return {error for retrier in state.get("Retry", ()) for error in retrier["ErrorEquals"]}
