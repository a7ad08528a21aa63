"""Least privilege, over all roles of the platform."""

import json
import re

import pytest

from stacks import access
from stacks.access_matrix import Column, UnclassifiedActionError, Way, matrix, relations, way_of
from stacks.assembly import read

NO_RESOURCES = {
    # Actions that AWS authorises without a resource.
    "xray:PutTraceSegments",
    "xray:PutTelemetryRecords",
    "xray:GetSamplingRules",
    "xray:GetSamplingTargets",
    "batch:DescribeJobs",
    "batch:ListJobs",
    "ecr:GetAuthorizationToken",
    "logs:CreateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:DescribeLogGroups",
    "logs:DescribeResourcePolicies",
    "logs:GetLogDelivery",
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
    "logs:UpdateLogDelivery",
    "rekognition:GetLabelDetection",
    "rekognition:StartLabelDetection",
    # What Lambda does to join a network, in interfaces that do not exist yet: AWS's own policy names no resource.
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
}
BY_CDK = "/Custom::"
SECRETS = re.compile(r"-----BEGIN|AKIA[0-9A-Z]{16}|resolve:secretsmanager|\"SecretString\"|\"(Master)?UserPassword\"")


def our_roles(declared):
    return [role for role in declared.of("AWS::IAM::Role") if BY_CDK not in role.path]


def test_every_policy_stands_outside_its_role_and_is_granted(declared):
    for role in our_roles(declared):
        assert "Policies" not in role.properties, role


def test_no_action_is_a_wildcard(declared):
    for role in our_roles(declared):
        for statement in declared.granted(role):
            assert statement.effect == "Allow"
            assert not [action for action in statement.actions if "*" in action], role


def test_all_resources_are_allowed_only_where_aws_knows_none(declared):
    for role in our_roles(declared):
        for statement in declared.granted(role):
            if "*" in statement.resources:
                assert statement.actions <= NO_RESOURCES, role


def test_managed_policies_are_those_of_hosts_only(declared):
    for role in our_roles(declared):
        for policy in role.properties.get("ManagedPolicyArns", ()):
            assert role.path.startswith("encoding/Farm/")
            assert role.text(policy).endswith("service-role/AmazonEC2ContainerServiceforEC2Role")


def test_a_role_is_assumed_by_one_service(declared):
    for role in our_roles(declared):
        [statement] = role.statements(role["AssumeRolePolicyDocument"])
        assert len(statement.principals) == 1
        assert statement.principals[0].endswith(".amazonaws.com"), role


def test_a_function_is_invoked_by_one_service_for_one_source(declared):
    for permission in declared.of("AWS::Lambda::Permission"):
        assert "SourceArn" in permission.properties, permission
        services = {"apigateway.amazonaws.com", "cognito-idp.amazonaws.com", "events.amazonaws.com"}
        assert permission["Principal"] in services


def test_the_page_lists_who_may_do_what(configurations):
    found = {name: access.grants(declared) for name, declared in configurations.items()}
    assemblies = [read(declared.directory) for declared in configurations.values()]
    assert access.PAGE.read_text() == access.page(found, assemblies), "out of date: run python -m stacks.report"


def test_the_page_names_a_grant_with_its_condition(production):
    [grant] = [
        grant
        for grant in access.grants(production)
        if grant.path == "playback/LicenseRole" and grant.actions == ("kms:Decrypt",)
    ]
    assert grant.resource == "<playback/ContentKeyWrapping.Arn>"
    assert "kms:EncryptionContext:marquee:title" in grant.condition
    assert f"| `LicenseRole` | `kms:Decrypt` | `{grant.resource}` |" in access.page({"production": [grant]}, [])


def test_there_is_no_secret_in_a_template(declared):
    for name, template in declared.templates.items():
        assert not SECRETS.search(json.dumps(template)), name


def test_what_a_handler_may_is_told_with_the_field_that_names_the_resource(production):
    listed = access.by_handler([production])
    progress, manifest = (listed[f"lambdas.playback.handlers.{name}"]["may"] for name in ("progress", "get_manifest"))
    assert {one for one in progress if one.startswith("dynamodb:")} == {
        "dynamodb:GetItem on accounts_table",
        "dynamodb:GetItem on playable_table",
        "dynamodb:PutItem on progress_table",
        "dynamodb:Query on playable_table/index/episodes",
    }
    assert {one for one in manifest if one.startswith("s3:")} == {
        "s3:GetObject on media_bucket",
        "s3:ListBucket on media_bucket",
    }
    # Whose bucket an event names.
    assert "s3:PutObjectVersionTagging" in listed["lambdas.ingestion.handlers.accept"]["may"]


def test_the_list_of_what_each_handler_may_is_that_of_the_templates(configurations):
    written = json.loads(access.BY_HANDLER.read_text())
    assert written == access.by_handler(configurations.values()), "out of date: run python -m stacks.report"


def ways(assembly, context, role):
    """What a role may do to each column of the matrix."""
    found = {}
    for relation in relations(assembly):
        if (relation.role.context, relation.role.name) == (context, role):
            found.setdefault(relation.column, set()).add(relation.way)
    return found


def row_of(text, role, *, below):
    """The cells of a role's row, by the names of their columns, in the table under a heading."""
    table = text.partition(f"### On what {below} has\n")[2].partition("###")[0]
    lines = (line for line in table.splitlines() if line.startswith("|"))
    head, _, *rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]
    [row] = [row for row in rows if role in row[0].split(", ")]
    return dict(zip(head[1:], row[1:], strict=True))


def test_what_the_matrix_has_of_a_licence_and_of_the_page(production):
    assembly = read(production.directory)
    key, table = Column("playback", "KMS key", "Content key wrapping"), Column("playback", "table", "Content keys")
    licence, page = ways(assembly, "playback", "License"), ways(assembly, "delivery", "AdmitPage")
    assert (licence[key], licence[table]) == ({Way.USE}, {Way.READ})
    assert not {key, table} & page.keys()
    text = matrix([assembly])
    row = row_of(text, "`License`", below="playback")
    assert (row["Content key wrapping, KMS key"], row["Content keys, table"]) == ("U", "R")
    admits = row_of(text, "`AdmitPage`", below="playback")
    assert {name: cell for name, cell in admits.items() if cell} == {"Viewers, user pool": "RW"}


def test_what_is_allowed_by_a_buckets_name_stands_in_its_column(production):
    text = matrix([read(production.directory)])
    row = row_of(text, "`Packager` (jobs)", below="storage")
    assert row["Media, bucket"] == row["Mezzanine, bucket"] == "RW"
    assert row["Raw, bucket"] == "R"
    assert row["Web, bucket"] == ""


def test_every_grant_of_the_list_is_counted_in_the_matrix(declared):
    assembly = read(declared.directory)
    counted = {(one.statement.owner, one.statement.action, one.way) for one in relations(assembly)}
    for grant in access.grants(declared):
        owner = f"<{declared.profile}/{grant.path}>"
        actions = [action.replace("managed policy", "all of the managed policy") for action in grant.actions]
        assert all((owner, action, way) in counted for action in actions for way in way_of(action)), grant
    # And each statement that is counted stands in a cell that is written.
    text = matrix([assembly])
    cells = {}
    for one in relations(assembly):
        cells.setdefault((one.role, one.column), set()).add(one.way)
    letters = sum(len(found) for found in cells.values())
    written = 0
    for line in text.splitlines():
        if line.startswith("| `"):
            who, *row = (cell.strip() for cell in line.split("|")[1:-1])
            written += who.count("`") // 2 * sum(map(len, row))
    assert written == letters


def test_a_policy_that_is_written_into_its_role_is_in_the_list(production):
    found = [grant for grant in access.grants(production) if grant.path.startswith("encoding/Custom::VpcRestrict")]
    assert any("ec2:RevokeSecurityGroupIngress" in grant.actions for grant in found)


def test_an_action_that_nobody_has_classified_is_an_error_that_names_it():
    assert way_of("dynamodb:BatchGetItem") == (Way.READ,)
    assert way_of("events:PutEvents") == (Way.USE,)
    assert way_of("s3:*") == (Way.READ, Way.WRITE, Way.USE)
    with pytest.raises(UnclassifiedActionError, match=r"s3:Juggle.*access_matrix"):
        way_of("s3:JuggleObject")
