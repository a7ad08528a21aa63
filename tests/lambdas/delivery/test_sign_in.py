import boto3
import pytest

from lambdas.delivery import handlers
from lambdas.delivery.sign_in import SCOPES

# The function runs beside CloudFront; the viewers' pool lies where the platform is.
POOL_REGION = "eu-central-1"
PAGE = "https://d111111abcdef8.cloudfront.net/"


@pytest.fixture
def cognito(aws):
    return boto3.client("cognito-idp", region_name=POOL_REGION)


@pytest.fixture
def names(cognito):
    pool = cognito.create_user_pool(PoolName="viewers")["UserPool"]["Id"]
    client = cognito.create_user_pool_client(
        UserPoolId=pool, ClientName="page", RefreshTokenValidity=7, PreventUserExistenceErrors="ENABLED"
    )
    return {"UserPoolId": pool, "ClientId": client["UserPoolClient"]["ClientId"]}


@pytest.fixture
def admit(context, request_):
    context.log_stream_name = "the-log-stream"
    return lambda kind, properties, **more: handlers.admit_page(request_(kind, properties, **more), context)


@pytest.fixture
def described(cognito, names):
    return lambda: cognito.describe_user_pool_client(**names)["UserPoolClient"]


@pytest.mark.parametrize("kind", ["Create", "Update"])
def test_viewers_sign_in_at_the_page_by_a_code_and_the_rest_of_the_client_stays(
    cloudformation, admit, names, described, kind
):
    admit(kind, {**names, "Address": PAGE, "Declared": "whatever"})

    client = described()
    assert client["AllowedOAuthFlows"] == ["code"]
    assert client["AllowedOAuthFlowsUserPoolClient"] is True
    assert client["AllowedOAuthScopes"] == list(SCOPES)
    assert (client["CallbackURLs"], client["LogoutURLs"]) == ([PAGE], [PAGE])
    assert (client["RefreshTokenValidity"], client["PreventUserExistenceErrors"]) == (7, "ENABLED")
    [answer] = cloudformation.answers
    assert answer["Status"] == "SUCCESS"


def test_another_address_takes_the_place_of_the_former(cloudformation, admit, names, described):
    admit("Create", {**names, "Address": PAGE})
    admit("Update", {**names, "Address": "https://films.example/"})

    assert described()["CallbackURLs"] == ["https://films.example/"]
    made = {answer["PhysicalResourceId"] for answer in cloudformation.answers}
    assert len(made) == 1, "CloudFormation would delete the former, and with it what has just been made"


def test_after_deletion_nobody_signs_in(cloudformation, admit, names, described):
    admit("Create", {**names, "Address": PAGE})
    made = cloudformation.answers[-1]["PhysicalResourceId"]

    admit("Delete", {**names, "Address": PAGE}, PhysicalResourceId=made)

    assert cloudformation.answers[-1]["Status"] == "SUCCESS"
    client = described()
    assert client["AllowedOAuthFlowsUserPoolClient"] is False
    assert (client.get("AllowedOAuthFlows"), client.get("CallbackURLs")) == ([], [])


def test_deletion_forgives_a_pool_that_is_gone(cloudformation, admit, cognito, names):
    cognito.delete_user_pool(UserPoolId=names["UserPoolId"])

    admit("Delete", {**names, "Address": PAGE}, PhysicalResourceId="made")

    assert cloudformation.answers[-1]["Status"] == "SUCCESS"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"ClientId": "nobody"}, "ResourceNotFound"),
        ({"UserPoolId": "viewers"}, "UserPoolId"),
        ({"Address": "http://films.example/"}, "Address"),
        ({"Address": "https://films.example/a/page"}, "Address"),
    ],
)
def test_a_failure_says_why_and_can_be_deleted(cloudformation, admit, names, change, reason):
    properties = {**names, "Address": PAGE} | change
    admit("Create", properties)
    made = cloudformation.answers[-1]["PhysicalResourceId"]
    assert reason in cloudformation.answers[-1]["Reason"]

    admit("Delete", properties, PhysicalResourceId=made)

    assert [answer["Status"] for answer in cloudformation.answers] == ["FAILED", "SUCCESS"]
