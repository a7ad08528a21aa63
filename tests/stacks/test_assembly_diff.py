"""What a reviewer is told of a change: small assemblies, before and after."""

import pytest

from stacks.assembly import Assembly, AssemblyStack, AssemblyUnreadableError, read
from stacks.assembly_diff import Kind, diff


def resource(kind, path, *, policy=None, **properties):
    found = {"Type": kind, "Properties": properties, "Metadata": {"aws:cdk:path": path}}
    return found | ({"DeletionPolicy": policy} if policy else {})


def stack(**resources):
    return Assembly(
        (
            AssemblyStack(
                id="s", stack_name="marquee", context="s", region="us-east-1", template={"Resources": resources}
            ),
        )
    )


def told(before, after):
    return [(change.kind, change.construct, change.what, change.grave) for change in diff(before, after)]


def role_with(*statements):
    return stack(
        Role=resource("AWS::IAM::Role", "p/s/Role/Resource", AssumeRolePolicyDocument={"Statement": []}),
        Policy=resource(
            "AWS::IAM::Policy",
            "p/s/Role/DefaultPolicy/Resource",
            Roles=[{"Ref": "Role"}],
            PolicyDocument={"Statement": list(statements)},
        ),
    )


TABLE = {
    "BillingMode": "PAY_PER_REQUEST",
    "KeySchema": [{"AttributeName": "a", "KeyType": "HASH"}],
}
PRIVATE = dict.fromkeys(("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"), True)
READ = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": {"Fn::GetAtt": ["Bucket", "Arn"]}}


def test_nothing_changes_if_nothing_changes():
    assert told(role_with(READ), role_with(READ)) == []


@pytest.mark.parametrize(("policy", "then"), [(None, "is lost"), ("Retain", "stays behind")])
def test_a_table_that_is_removed_comes_first_and_says_what_becomes_of_its_data(policy, then):
    before = stack(
        Titles=resource("AWS::DynamoDB::GlobalTable", "p/s/Titles/Resource", policy=policy, **TABLE),
        Rule=resource("AWS::Events::Rule", "p/s/Rule/Resource"),
    )
    after = stack(
        Rule=resource("AWS::Events::Rule", "p/s/Rule/Resource", State="DISABLED"),
    )

    first, *others = told(before, after)
    assert first == (
        Kind.REPLACED, "p/s/Titles", f"AWS::DynamoDB::GlobalTable is removed; what it holds {then}", True,
    )  # fmt: skip
    assert [(kind, construct) for kind, construct, *_ in others] == [(Kind.OTHER, "p/s/Rule")]


def test_a_property_that_cannot_change_replaces_and_one_that_can_does_not():
    def table(**changed):
        return stack(Titles=resource("AWS::DynamoDB::GlobalTable", "p/s/Titles", **TABLE | changed))

    [renamed] = [change for change in told(table(TableName="a"), table(TableName="b")) if change[0] is Kind.REPLACED]
    assert renamed[2].startswith("AWS::DynamoDB::GlobalTable is replaced: TableName")
    assert {change[0] for change in told(table(), table(TimeToLiveSpecification={"Enabled": True}))} == {Kind.OTHER}


def test_the_same_construct_under_another_logical_id_is_made_anew():
    before = stack(TitlesOld=resource("AWS::S3::Bucket", "p/s/Raw/Resource", PublicAccessBlockConfiguration=PRIVATE))
    after = stack(TitlesNew=resource("AWS::S3::Bucket", "p/s/Raw/Resource", PublicAccessBlockConfiguration=PRIVATE))

    assert told(before, after)[0][:2] == (Kind.REPLACED, "p/s/Raw")


def test_a_role_that_may_do_more_is_named_with_what_and_where():
    write = {"Effect": "Allow", "Action": ["s3:PutObject", "s3:GetObject"], "Resource": READ["Resource"]}

    changes = [change for change in told(role_with(READ), role_with(write)) if change[0] is Kind.WIDENED]
    assert changes == [(Kind.WIDENED, "<p/s/Role>", "may now s3:PutObject on <Bucket.Arn>", True)]
    assert not [change for change in told(role_with(write), role_with(READ)) if change[3]]


def test_a_condition_that_goes_and_a_refusal_that_goes_are_more():
    sure = READ | {"Condition": {"Bool": {"aws:SecureTransport": "true"}}}
    deny = {"Effect": "Deny", "Action": "s3:*", "Resource": "*"}

    assert any(change[3] for change in told(role_with(sure), role_with(READ)))
    assert not any(change[3] for change in told(role_with(READ, sure), role_with(READ)))
    [freed] = [change for change in told(role_with(READ, deny), role_with(READ)) if change[3]]
    assert freed[2] == "is no longer refused: s3:* on *"


def test_a_bucket_that_is_no_longer_retained_and_one_that_keeps_no_versions_have_to_be_agreed_to():
    def bucket(policy, **properties):
        return stack(Raw=resource("AWS::S3::Bucket", "p/s/Raw", policy=policy, **properties))

    versions = {"PublicAccessBlockConfiguration": PRIVATE, "VersioningConfiguration": {"Status": "Enabled"}}
    without = {"PublicAccessBlockConfiguration": PRIVATE}

    [change] = told(bucket("Retain", **versions), bucket("Delete", **versions))
    assert change == (Kind.REPLACED, "p/s/Raw", "DeletionPolicy: Retain becomes Delete", True)
    assert [change[3] for change in told(bucket("Retain", **versions), bucket("Retain", **without))] == [True]
    assert not any(change[3] for change in told(bucket("Delete", **versions), bucket("Retain", **versions)))


@pytest.mark.parametrize(
    "more",
    [
        {"ManagedPolicyArns": ["arn:aws:iam::aws:policy/AdministratorAccess"]},
        {"Policies": [{"PolicyDocument": {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}}]},
    ],
    ids=["managed", "inline"],
)
def test_a_role_that_becomes_an_administrator_is_named(more):
    def role(**properties):
        trust = {"AssumeRolePolicyDocument": {"Statement": []}}
        return stack(Role=resource("AWS::IAM::Role", "p/s/Role", **trust, **properties))

    [wider] = [change for change in told(role(), role(**more)) if change[0] is Kind.WIDENED]
    assert wider[1] == "<p/s/Role>"
    assert wider[3]


def test_media_without_the_check_of_tokens_is_reached_by_everybody():
    def distribution(**behaviour):
        behaviours = {"CacheBehaviors": [{"PathPattern": "/media/*", **behaviour}]}
        return stack(One=resource("AWS::CloudFront::Distribution", "p/s/One", DistributionConfig=behaviours))

    checked = distribution(FunctionAssociations=[{"EventType": "viewer-request"}])
    assert any(change[0] is Kind.EXPOSED and change[3] for change in told(checked, distribution()))
    assert not any(change[0] is Kind.EXPOSED for change in told(distribution(), checked))


@pytest.mark.parametrize(
    ("kind", "closed", "opened"),
    [
        (
            "AWS::S3::Bucket",
            {"PublicAccessBlockConfiguration": PRIVATE},
            {"PublicAccessBlockConfiguration": PRIVATE | {"BlockPublicPolicy": False}},
        ),
        (
            "AWS::EC2::SecurityGroup",
            {"SecurityGroupIngress": [{"CidrIp": "10.0.0.0/8", "FromPort": 22, "ToPort": 22}]},
            {"SecurityGroupIngress": [{"CidrIp": "0.0.0.0/0", "FromPort": 22, "ToPort": 22}]},
        ),
        (
            "AWS::ApiGatewayV2::Route",
            {"RouteKey": "GET /a", "AuthorizationType": "JWT"},
            {"RouteKey": "GET /a", "AuthorizationType": "NONE"},
        ),
        (
            "AWS::S3::BucketPolicy",
            {"PolicyDocument": {"Statement": []}},
            {"PolicyDocument": {"Statement": [{"Effect": "Allow", "Action": "s3:Get*", "Principal": {"AWS": "*"}}]}},
        ),
        (
            "AWS::CloudFront::Distribution",
            {"DistributionConfig": {"WebACLId": {"Fn::GetAtt": ["Acl", "Arn"]}}},
            {"DistributionConfig": {}},
        ),
        (
            "AWS::CloudFront::Distribution",
            {"DistributionConfig": {"DefaultCacheBehavior": {"ViewerProtocolPolicy": "redirect-to-https"}}},
            {"DistributionConfig": {"DefaultCacheBehavior": {"ViewerProtocolPolicy": "allow-all"}}},
        ),
        (
            "AWS::CloudFront::Distribution",
            {"DistributionConfig": {"CacheBehaviors": [{"PathPattern": "/a", "ViewerProtocolPolicy": "https-only"}]}},
            {"DistributionConfig": {"CacheBehaviors": [{"PathPattern": "/a", "ViewerProtocolPolicy": "allow-all"}]}},
        ),
        ("AWS::Cognito::UserPool", {"AdminCreateUserConfig": {"AllowAdminCreateUserOnly": True}}, {}),
    ],
    ids=["bucket", "ports", "route", "policy", "web ACL", "default without TLS", "path without TLS", "sign-up"],
)
def test_what_everybody_reaches_from_now_on_is_named(kind, closed, opened):
    def one(properties):
        return stack(One=resource(kind, "p/s/One", **properties))

    assert [change[3] for change in told(one(closed), one(opened)) if change[0] is Kind.EXPOSED] == [True]
    assert not [change for change in told(one(opened), one(closed)) if change[0] is Kind.EXPOSED]


@pytest.mark.parametrize(
    ("kind", "stronger", "weaker"),
    [
        (
            "AWS::Batch::JobDefinition",
            {"ContainerProperties": {"ReadonlyRootFilesystem": True}},
            {"ContainerProperties": {"ReadonlyRootFilesystem": False}},
        ),
        ("AWS::Cognito::UserPool", {"MfaConfiguration": "ON"}, {"MfaConfiguration": "OPTIONAL"}),
        ("AWS::Cognito::UserPool", {"MfaConfiguration": "OPTIONAL"}, {}),
        ("AWS::KMS::Key", {"EnableKeyRotation": True}, {}),
        ("AWS::Logs::LogGroup", {"RetentionInDays": 365}, {"RetentionInDays": 7}),
        ("AWS::Logs::LogGroup", {}, {"RetentionInDays": 365}),
    ],
    ids=["read-only", "second factor", "any second factor", "rotation", "retention", "for ever"],
)
def test_what_is_protected_less_is_named(kind, stronger, weaker):
    def one(properties):
        return stack(One=resource(kind, "p/s/One", **properties))

    assert [change[3] for change in told(one(stronger), one(weaker)) if change[0] is Kind.WEAKENED] == [True]
    assert not any(change[3] for change in told(one(weaker), one(stronger)))
    assert not [change for change in told(stack(), one(weaker)) if change[0] is Kind.WEAKENED]


@pytest.mark.parametrize("more", [{"Privileged": True}, {"User": "root"}, {"User": "0:0"}])
def test_a_container_that_may_do_more_on_its_host_is_named(more):
    def job(**properties):
        return stack(One=resource("AWS::Batch::JobDefinition", "p/s/One", ContainerProperties=properties))

    assert [change[3] for change in told(job(User="1000"), job(**more)) if change[0] is Kind.WIDENED] == [True]
    assert not any(change[3] for change in told(job(**more), job(User="1000")))


def test_what_bills_while_idle_is_told_as_a_difference():
    key = resource("AWS::KMS::Key", "p/s/Key", KeyPolicy={"Statement": []})

    [cost] = [change for change in told(stack(), stack(Key=key)) if change[0] is Kind.COST]
    assert cost == (Kind.COST, "marquee", "0.00 to 1.00 USD a month (+1.00)", False)


def test_a_cost_that_nobody_knows_is_said_to_be_unknown():
    [cost] = [
        change for change in told(stack(), stack(New=resource("AWS::New::Kind", "p/s/New"))) if change[0] is Kind.COST
    ]
    assert "cannot be told" in cost[2]


def test_a_folder_without_an_assembly_is_named_with_the_remedy(tmp_path):
    with pytest.raises(AssemblyUnreadableError, match="marquee synth"):
        read(tmp_path)
