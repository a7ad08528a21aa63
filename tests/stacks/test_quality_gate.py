"""What stands between an encode and its packaging."""

import json

import pytest

from tests.stacks.state_machine import definition, way

WORKFLOW = "encoding/Encode a version/StateMachine"


@pytest.fixture
def states(declared):
    return definition(declared, WORKFLOW)["States"]


def test_a_version_is_judged_when_its_rungs_are_scored_and_before_anything_is_packaged(states):
    assert states["Finish each rung"]["Next"] == "Judge quality"
    assert states["Judge quality"]["Next"] == "Good enough?"
    [good_enough] = states["Good enough?"]["Choices"]
    assert (good_enough["Variable"], good_enough["BooleanEquals"]) == ("$.quality.passed", True)
    assert good_enough["Next"] == "Take stock before packaging"


def test_what_is_not_good_enough_goes_through_the_same_steps_again(declared, states):
    machine = {"StartAt": states["Good enough?"]["Default"], "States": states}
    assert way(machine) == [
        "Chunks again",
        "Rungs again",
        "Encode each chunk",
        "Take stock before the rungs",
        "Finish each rung",
        "Judge quality",
        "Good enough?",
    ]
    moved = {(states[name]["InputPath"], states[name]["ResultPath"]) for name in ("Chunks again", "Rungs again")}
    assert moved == {("$.quality.chunk_jobs", "$.chunk_jobs"), ("$.quality.rung_jobs", "$.rung_jobs")}
    assert states["Judge quality"]["Parameters"]["rung_jobs.$"] == "$.rung_jobs"


@pytest.mark.parametrize("name", ["Plan", "ChooseLadder"])
def test_the_floors_are_the_settings(declared, name):
    variables = declared.at(f"encoding/{name}")["Environment"]["Variables"]
    assert json.loads(variables["FLOORS"]) == {
        tier: {"vmaf_mean": floor.vmaf_mean, "vmaf_p5": floor.vmaf_p5}
        for tier, floor in declared.settings.encoding.floors.items()
    }


def test_the_judge_reads_and_changes_work_and_nothing_else(declared):
    granted = declared.granted(declared.at("encoding/JudgeQualityRole"))
    objects = [statement for statement in granted if {"s3:GetObject", "s3:PutObject"} & set(statement.actions)]
    assert objects
    for statement in objects:
        assert all(resource.endswith("/work/*") for resource in statement.resources), statement
    assert not any("s3:DeleteObject" in statement.actions for statement in granted)
