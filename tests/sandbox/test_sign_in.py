"""Viewers' sign-in as the embedded cloud's Cognito does it: by codes of the managed login, and by those of devices."""

import time
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest

from lambdas.common.aws import client
from lambdas.delivery.sign_in import admitting, admitting_nobody
from lambdas.delivery.store import rewrite_client
from lambdas.playback import device_grant
from lambdas.playback.device_grant import DeviceCode, OAuthError, Status
from lambdas.playback.device_grant_store import DeviceGrants, ViewerTokens, page_address
from stacks.constructs.service_function import REPOSITORY
from tests.platform.viewer import Viewer, tokens_of

pytestmark = pytest.mark.embedded
ACCOUNT = {"username": "viewer@example.com", "password": "Passw0rd!"}
TRIGGERS = ("DefineAuthChallenge", "CreateAuthChallenge", "VerifyAuthChallengeResponse")


def handlers():
    """Every module of the functions, as their asset has them."""
    return {str(path.relative_to(REPOSITORY)): path.read_text() for path in Path(REPOSITORY, "lambdas").rglob("*.py")}


@pytest.fixture(scope="module")
def pool(cloud, aws, deploy, function, upload_zip):
    """A pool with our triggers and clients, a viewer, and where its managed login is."""
    challenge = function(
        "",
        key=upload_zip(handlers()),
        handler="lambdas.playback.device_grant_handlers.challenge",
        Environment={"Variables": {"DEVICE_GRANTS_TABLE": {"Ref": "Grants"}}},
    )
    page = {"UserPoolId": {"Ref": "Pool"}, "ExplicitAuthFlows": ["ALLOW_ADMIN_USER_PASSWORD_AUTH"], "ClientName": "p"}
    outputs = deploy(
        {
            "Grants": {
                "Type": "AWS::DynamoDB::Table",
                "Properties": {
                    "KeySchema": [{"AttributeName": "code_id", "KeyType": "HASH"}],
                    "AttributeDefinitions": [{"AttributeName": "code_id", "AttributeType": "S"}],
                    "BillingMode": "PAY_PER_REQUEST",
                },
            },
            "Challenge": challenge,
            "Pool": {
                "Type": "AWS::Cognito::UserPool",
                "Properties": {
                    "UsernameAttributes": ["email"],
                    "LambdaConfig": {name: {"Fn::GetAtt": ["Challenge", "Arn"]} for name in TRIGGERS},
                },
            },
            "Page": {"Type": "AWS::Cognito::UserPoolClient", "Properties": page},
            "Television": {
                "Type": "AWS::Cognito::UserPoolClient",
                "Properties": {
                    "UserPoolId": {"Ref": "Pool"},
                    "ExplicitAuthFlows": ["ALLOW_CUSTOM_AUTH"],
                    "ClientName": "t",
                },
            },
        },
        {name: {"Ref": name} for name in ("Pool", "Page", "Television", "Grants")},
    )
    cognito = aws("cognito-idp")
    names = {"UserPoolId": outputs["Pool"], "Username": ACCOUNT["username"]}
    cognito.admin_create_user(
        **names, MessageAction="SUPPRESS", UserAttributes=[{"Name": "email", "Value": ACCOUNT["username"]}]
    )
    cognito.admin_set_user_password(**names, Password=ACCOUNT["password"], Permanent=True)
    port = urlsplit(cloud.endpoint).port
    rewrite_client(
        cognito,
        user_pool_id=outputs["Pool"],
        client_id=outputs["Page"],
        change=partial(admitting, addresses=(f"http://127.0.0.1:{port}/",)),
    )
    return SimpleNamespace(**{name.lower(): value for name, value in outputs.items()}, port=port, names=names)


@pytest.fixture
def at_cognito(pool):
    return Viewer(port=pool.port)


@pytest.fixture
def signed_in(pool):
    return tokens_of(port=pool.port, client_id=pool.page, **ACCOUNT)


def refresh(at_cognito, pool, tokens):
    form = {"grant_type": "refresh_token", "client_id": pool.page, "refresh_token": tokens["refresh_token"]}
    answer = at_cognito.submit("/oauth2/token", form)
    return answer.status, answer.json.get("error")


@pytest.fixture
def functions(cloud, monkeypatch):
    """Our stores, as they run in functions of the embedded cloud."""
    for name, value in {
        "AWS_ENDPOINT_URL": cloud.endpoint,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "embedded",
        "AWS_SECRET_ACCESS_KEY": "embedded",
    }.items():
        monkeypatch.setenv(name, value)
    client.cache_clear()
    yield
    client.cache_clear()


def test_a_code_is_exchanged_and_the_sign_in_renewed_until_it_is_revoked(at_cognito, pool, signed_in):
    assert refresh(at_cognito, pool, signed_in) == (200, None)
    revoked = at_cognito.submit("/oauth2/revoke", {"token": signed_in["refresh_token"], "client_id": pool.page})
    assert revoked.status == 200
    assert refresh(at_cognito, pool, signed_in) == (400, "invalid_grant")


def test_a_sign_out_everywhere_ends_it_too(aws, at_cognito, pool, signed_in, eventually):
    def refused():
        # It counts in whole seconds: in the second of the sign-in itself it ends nothing.
        aws("cognito-idp").admin_user_global_sign_out(**pool.names)
        return refresh(at_cognito, pool, signed_in) == (400, "invalid_grant")

    eventually(refused)


def test_a_client_that_admits_nobody_gives_no_codes(aws, at_cognito, pool):
    cognito, client_id = aws("cognito-idp"), pool.page
    page = f"http://127.0.0.1:{pool.port}/"
    asked = f"/oauth2/authorize?response_type=code&client_id={client_id}&redirect_uri={page}"
    assert at_cognito.get(asked).status == 200
    rewrite_client(cognito, user_pool_id=pool.pool, client_id=client_id, change=admitting_nobody)
    try:
        assert at_cognito.get(asked).status == 400
    finally:
        change = partial(admitting, addresses=(page,))
        rewrite_client(cognito, user_pool_id=pool.pool, client_id=client_id, change=change)


def test_an_approved_device_gets_tokens_of_its_own_once(functions, at_cognito, pool, signed_in):
    grants, tokens, now = DeviceGrants(pool.grants), ViewerTokens(client_id=pool.television), int(time.time())
    issued = device_grant.issue(device="Living room", now=now)
    assert grants.add(issued.grant, now=now)
    with pytest.raises(OAuthError):
        tokens.for_code(issued.device_code, username=ACCOUNT["username"])
    grants.decide(issued.user_code, status=Status.APPROVED, username=ACCOUNT["username"], now=now)
    with pytest.raises(OAuthError):
        tokens.for_code(DeviceCode(issued.device_code.code_id, "guessed"), username=ACCOUNT["username"])

    given = tokens.for_code(issued.device_code, username=ACCOUNT["username"])

    with pytest.raises(OAuthError):
        tokens.for_code(issued.device_code, username=ACCOUNT["username"])
    assert tokens.for_refresh_token(given.refresh_token).refresh_token
    at_cognito.submit("/oauth2/revoke", {"token": given.refresh_token, "client_id": pool.television})
    with pytest.raises(OAuthError):
        tokens.for_refresh_token(given.refresh_token)
    assert refresh(at_cognito, pool, signed_in) == (200, None), "the viewer's other devices stay signed in"


def test_the_page_is_found_at_its_client(functions, pool):
    assert page_address(user_pool_id=pool.pool, client_id=pool.page) == f"http://127.0.0.1:{pool.port}/"
