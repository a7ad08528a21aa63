"""What the difference of two assemblies says to whom it is asked by: a status, and a table a kind."""

import json

import pytest


@pytest.fixture
def assembly(tmp_path):
    """Write a cloud assembly of one stack, with these resources; return its folder."""

    def write(name, **resources):
        inner = tmp_path / name / "assembly-sandbox"
        inner.mkdir(parents=True)
        outer = {"artifacts": {"s": {"type": "cdk:cloud-assembly", "properties": {"directoryName": inner.name}}}}
        (inner.parent / "manifest.json").write_text(json.dumps(outer))
        stack = {
            "type": "aws:cloudformation:stack",
            "environment": "aws://unknown-account/us-east-1",
            "properties": {"templateFile": "s.template.json", "stackName": "marquee"},
        }
        (inner / "manifest.json").write_text(json.dumps({"artifacts": {"s": stack}}))
        (inner / "s.template.json").write_text(json.dumps({"Resources": resources}))
        return inner.parent

    return write


RULE = {"Type": "AWS::Events::Rule", "Properties": {}, "Metadata": {"aws:cdk:path": "sandbox/catalog/Rule/Resource"}}
QUEUE = {"Type": "AWS::SQS::Queue", "Properties": {}, "Metadata": {"aws:cdk:path": "sandbox/catalog/Queue/Resource"}}


def test_what_takes_data_with_it_has_a_status_of_its_own(marquee, assembly):
    result = marquee("diff", str(assembly("base", Queue=QUEUE, Rule=RULE)), str(assembly("head", Rule=RULE)))

    assert result.exit_code == 3
    assert "sandbox/catalog/Queue" in result.output
    assert "1 changes; to 1, marked !, somebody has to agree." in result.output


def test_what_is_harmless_is_told_and_passes(marquee, assembly):
    result = marquee("diff", str(assembly("base", Rule=RULE)), str(assembly("head", Rule=RULE, Queue=QUEUE)))

    assert result.exit_code == 0
    assert "AWS::SQS::Queue is added" in result.output


def test_no_change_is_said(marquee, assembly):
    result = marquee("diff", str(assembly("base", Rule=RULE)), str(assembly("head", Rule=RULE)))
    assert (result.exit_code, result.output.strip()) == (0, "No change.")


def test_without_a_second_assembly_it_is_that_of_the_firsts_profile(marquee, assembly, monkeypatch):
    base, made = assembly("base", Rule=RULE), assembly("cdk.out/sandbox", Rule=RULE, Queue=QUEUE)
    monkeypatch.setattr("cli.diff.PROJECT_ROOT", made.parent.parent)
    assert "AWS::SQS::Queue is added" in marquee("diff", str(base)).output


def test_two_profiles_are_not_compared(marquee, assembly):
    other = RULE | {"Metadata": {"aws:cdk:path": "production/catalog/Rule/Resource"}}
    result = marquee("diff", str(assembly("base", Rule=other)), str(assembly("head", Rule=RULE)))
    assert result.exit_code == 1
    assert "of the profile production" in result.output
    assert "of the same profile" in " ".join(result.output.split())


def test_a_folder_that_holds_none_is_an_error_with_the_remedy(marquee, tmp_path):
    result = marquee("diff", str(tmp_path), str(tmp_path))
    assert result.exit_code == 1
    assert "marquee synth" in result.output
