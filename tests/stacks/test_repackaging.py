"""The shorter way of a version whose tracks are there already."""

from tests.stacks.state_machine import caught_by, definition, way

WORKFLOW = "encoding/Encode a version/StateMachine"


def test_what_is_packaged_anew_is_not_encoded(declared):
    machine = definition(declared, WORKFLOW)
    beginning = machine["States"][machine["StartAt"]]
    # Before anything else is asked: it has no ladder to search and nothing to wait for.
    assert (beginning["Choices"][0]["Variable"], beginning["Choices"][0]["IsPresent"]) == ("$.repackages", True)
    choice = machine["States"][beginning["Choices"][0]["Next"]]
    [new_keys] = choice["Choices"]
    assert (new_keys["Variable"], new_keys["BooleanEquals"]) == ("$.repackages.new_keys", True)
    rest = ["Plan to package anew", "Take stock before packaging", "Package", "Verify", "Register", "Packaged"]
    assert way(machine | {"StartAt": new_keys["Next"]}) == ["Open a key period", *rest]
    assert way(machine | {"StartAt": choice["Default"]}) == rest


def test_a_key_period_is_opened_for_the_version_and_for_nothing_else(declared):
    states = definition(declared, WORKFLOW)["States"]
    assert states["Open a key period"]["Resource"] == states["Issue content keys"]["Resource"]
    assert states["Open a key period"]["Parameters"]["opened_for.$"] == "$.version_id"
    assert "opened_for.$" not in states["Issue content keys"]["Parameters"]


def test_its_failures_are_recorded_as_those_of_any_step(declared):
    states = definition(declared, WORKFLOW)["States"]
    for name in ("Open a key period", "Plan to package anew"):
        assert caught_by(states[name]) == caught_by(states["Plan"])


def test_how_a_version_was_made_is_written_when_it_is_packaged_and_read_when_it_is_packaged_anew(declared):
    def below_made(role):
        return {
            action
            for statement in declared.granted(declared.at(role))
            for resource in statement.resources
            if resource.endswith("/made/*")
            for action in statement.actions
        }

    assert below_made("encoding/RegisterRole") == {"s3:PutObject"}
    assert below_made("encoding/PlanRepackagingRole") == {"s3:GetObject"}
    allowed = {role.path for role in declared.of("AWS::IAM::Role") if below_made(role.path)}
    assert allowed == {"encoding/RegisterRole", "encoding/PlanRepackagingRole"}


def test_it_is_asked_for_by_operators_and_adds_a_version_to_the_catalog(declared):
    outputs = declared.templates["catalog"]["Outputs"]
    assert declared.text(outputs["RepackageFunction"]["Value"], stack="catalog") == "<catalog/Repackage>"
    permitted = {permission.text(permission["FunctionName"]) for permission in declared.of("AWS::Lambda::Permission")}
    assert "<catalog/Repackage.Arn>" not in permitted
    actions = {
        action
        for statement in declared.granted(declared.at("catalog/RepackageRole"))
        for action in statement.actions
        if action.startswith("dynamodb:")
    }
    assert actions == {"dynamodb:GetItem", "dynamodb:PutItem"}
