"""What no emulator can show: whether CloudFormation and the services would take the templates."""

import json
from pathlib import Path

import pytest

from stacks import lint
from tests.stacks.state_machine import all_states, definition

MOST_RESOURCES = 500
LARGEST_TEMPLATE = 1024 * 1024
LARGEST_EDGE_FUNCTION = 10 * 1024
LARGEST_INLINE_POLICY = 10_240
MOST_INLINE_BRANCHES = 40
LARGEST_ENVIRONMENT = 4 * 1024
LARGEST_FUNCTION = 10 * 1024 * 1024
MOST_LAYERS = 5


def test_cfn_lint_bites():
    careless = {
        "Parameters": {"Forgotten": {"Type": "String"}},
        "Resources": {"Bucket": {"Type": "AWS::S3::Bucket", "Properties": {"Careless": True}}},
    }
    warning, error = lint.findings(careless, region="us-east-1")
    assert ("W2001" in warning, "E3002" in error) == (True, True)


# `make check` lints what both profiles synthesise.
def test_cfn_lint_finds_nothing_in_what_the_opt_ins_change(sandbox, opted_in):
    changed = {name for name, template in opted_in.templates.items() if template != sandbox.templates.get(name)}
    assert changed
    found = {
        name: lint.findings(opted_in.templates[name], region=opted_in.synthesis.stacks[name].region) for name in changed
    }
    assert found == {name: [] for name in changed}


def test_each_stack_of_an_assembly_is_linted_for_its_region(production, monkeypatch, capsys):
    monkeypatch.setattr(lint, "findings", lambda _, *, region: [f"is in {region}"])
    assert lint.main([str(production.directory / "assembly-production")]) == 1
    told = capsys.readouterr().out
    for stack in production.synthesis.stacks.values():
        assert f"{stack.stack_name}: is in {stack.region}\n" in told
    monkeypatch.setattr(lint, "findings", lambda _, **__: [])
    assert lint.main([str(production.directory / "assembly-production")]) == 0
    assert lint.main([]) == 1, "nothing was linted"


def test_the_opt_ins_only_add(sandbox, opted_in):
    assert {resource.path for resource in sandbox.resources} <= {resource.path for resource in opted_in.resources}


def test_templates_are_within_their_limits(declared):
    for name, template in declared.templates.items():
        assert len(template["Resources"]) <= MOST_RESOURCES, name
        assert len(json.dumps(template)) <= LARGEST_TEMPLATE, name


def test_edge_functions_are_small(declared):
    for function in declared.of("AWS::CloudFront::Function"):
        assert len(function["FunctionCode"].encode()) < LARGEST_EDGE_FUNCTION


def test_inline_policies_are_within_the_limit_of_their_role(declared):
    for role in declared.of("AWS::IAM::Role"):
        documents = [policy["PolicyDocument"] for policy in role.properties.get("Policies", ())]
        documents += [
            policy["PolicyDocument"]
            for policy in declared.of("AWS::IAM::Policy", stack=role.stack)
            if {"Ref": role.logical_id} in policy["Roles"]
        ]
        # White space does not count, and references are shorter once they are names.
        assert sum(len(json.dumps(document).replace(" ", "")) for document in documents) <= LARGEST_INLINE_POLICY, role


def test_inline_maps_are_no_wider_than_they_may_be(declared):
    for machine in declared.of("AWS::StepFunctions::StateMachine"):
        for name, state in all_states(definition(declared, machine.path)):
            if state["Type"] == "Map" and state["ItemProcessor"]["ProcessorConfig"]["Mode"] == "INLINE":
                assert 0 < state["MaxConcurrency"] <= MOST_INLINE_BRANCHES, name


def test_environments_of_functions_fit(declared):
    for function in declared.of("AWS::Lambda::Function"):
        variables = function.properties.get("Environment", {}).get("Variables", {})
        size = sum(len(name) + len(function.text(value)) for name, value in variables.items())
        assert size <= LARGEST_ENVIRONMENT, function
        assert len(function.properties.get("Layers", ())) <= MOST_LAYERS


def folder_size(path: Path):
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())


def test_functions_are_light(declared):
    sizes = {
        path.name: folder_size(path)
        for path in declared.directory.glob("asset.*")
        if (path / "lambdas").is_dir() and not (path / "encoder").is_dir()
    }
    assert sizes
    assert max(sizes.values()) <= LARGEST_FUNCTION


def test_every_function_is_the_same_package_of_lambdas_only(declared):
    keys = {function["Code"]["S3Key"] for function in declared.functions()}
    [key] = keys
    package = declared.directory / f"asset.{key.removesuffix('.zip')}"
    assert [path.name for path in package.iterdir()] == ["lambdas"]
    assert not list(package.rglob("__pycache__"))


@pytest.mark.parametrize("attribute", ["Description"])
def test_descriptions_are_within_the_limit(declared, attribute):
    for function in declared.functions():
        assert 0 < len(function[attribute]) <= 256


def test_outputs_do_not_collide(declared):
    for template in declared.templates.values():
        exported = [output["Export"] for output in template.get("Outputs", {}).values() if "Export" in output]
        assert exported == [], "references between stacks are weak: an export would pin the order of changes"
