"""What the project relies on and the emulator does by itself: tokens, keys, buses, topics.

A newer emulator that stops doing one of these must fail here, not in the middle of the demo.
"""

import base64
import json
import urllib.error
import urllib.request
from uuid import uuid4

import pytest

pytestmark = pytest.mark.embedded

_ECHO = """
import json
def handler(event, context):
    claims = event["requestContext"].get("authorizer", {}).get("jwt", {}).get("claims")
    return {"statusCode": 200, "headers": {"content-type": "application/json"}, "body": json.dumps({"claims": claims})}
"""


@pytest.fixture(scope="module")
def api(aws, deploy, function):
    """An HTTP API with a protected route, a user pool, and a signed-in user's tokens."""
    outputs = deploy(
        {
            "Pool": {"Type": "AWS::Cognito::UserPool", "Properties": {"UsernameAttributes": ["email"]}},
            "Client": {
                "Type": "AWS::Cognito::UserPoolClient",
                "Properties": {
                    "UserPoolId": {"Ref": "Pool"},
                    "ExplicitAuthFlows": ["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"],
                },
            },
            "Api": {
                "Type": "AWS::ApiGatewayV2::Api",
                "Properties": {
                    "Name": "api",
                    "ProtocolType": "HTTP",
                    "CorsConfiguration": {
                        "AllowOrigins": ["https://player.example"],
                        "AllowMethods": ["GET", "POST"],
                        "AllowHeaders": ["authorization"],
                        "MaxAge": 600,
                    },
                },
            },
            "Stage": {
                "Type": "AWS::ApiGatewayV2::Stage",
                "Properties": {"ApiId": {"Ref": "Api"}, "StageName": "$default", "AutoDeploy": True},
            },
            "F": function(_ECHO),
            "Integration": {
                "Type": "AWS::ApiGatewayV2::Integration",
                "Properties": {
                    "ApiId": {"Ref": "Api"},
                    "IntegrationType": "AWS_PROXY",
                    "IntegrationUri": {"Fn::GetAtt": ["F", "Arn"]},
                    "PayloadFormatVersion": "2.0",
                },
            },
            "Authorizer": {
                "Type": "AWS::ApiGatewayV2::Authorizer",
                "Properties": {
                    "ApiId": {"Ref": "Api"},
                    "AuthorizerType": "JWT",
                    "Name": "viewers",
                    "IdentitySource": ["$request.header.Authorization"],
                    "JwtConfiguration": {
                        "Audience": [{"Ref": "Client"}],
                        "Issuer": {"Fn::Sub": "https://cognito-idp.us-east-1.amazonaws.com/${Pool}"},
                    },
                },
            },
            "Route": {
                "Type": "AWS::ApiGatewayV2::Route",
                "Properties": {
                    "ApiId": {"Ref": "Api"},
                    "RouteKey": "GET /who",
                    "AuthorizationType": "JWT",
                    "AuthorizerId": {"Ref": "Authorizer"},
                    "Target": {"Fn::Join": ["/", ["integrations", {"Ref": "Integration"}]]},
                },
            },
        },
        {"Api": {"Ref": "Api"}, "Pool": {"Ref": "Pool"}, "Client": {"Ref": "Client"}},
    )
    cognito = aws("cognito-idp")
    cognito.admin_create_user(
        UserPoolId=outputs["Pool"],
        Username="viewer@example.com",
        UserAttributes=[{"Name": "email", "Value": "viewer@example.com"}],
        MessageAction="SUPPRESS",
    )
    cognito.admin_set_user_password(
        UserPoolId=outputs["Pool"], Username="viewer@example.com", Password="Passw0rd!", Permanent=True
    )
    tokens = cognito.initiate_auth(
        ClientId=outputs["Client"],
        AuthFlow="USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": "viewer@example.com", "PASSWORD": "Passw0rd!"},
    )["AuthenticationResult"]
    return {**outputs, **tokens}


def _get(cloud, api, *, token=None, method="GET", headers=None):
    url = f"{cloud.endpoint}/_aws/execute-api/{api['Api']}/$default/who"
    authorization = {"Authorization": f"Bearer {token}"} if token else {}
    request = urllib.request.Request(url, headers={**authorization, **(headers or {})}, method=method)  # noqa: S310
    try:
        with urllib.request.urlopen(request) as answer:  # noqa: S310
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers, error.read()


def _tampered(token, **claims):
    header, payload, signature = token.split(".")
    content = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    forged = base64.urlsafe_b64encode(json.dumps({**content, **claims}).encode()).decode().rstrip("=")
    return f"{header}.{forged}.{signature}"


def test_a_valid_tokens_claims_reach_the_function(cloud, api):
    status, _, body = _get(cloud, api, token=api["AccessToken"])
    assert status == 200
    claims = json.loads(body)["claims"]
    assert claims["client_id"] == api["Client"]
    assert claims["iss"] == f"https://cognito-idp.us-east-1.amazonaws.com/{api['Pool']}"
    assert claims["sub"]


@pytest.mark.parametrize("kind", ["none", "garbage", "forged", "expired"])
def test_any_other_token_is_refused(cloud, api, kind):
    token = {
        "none": None,
        "garbage": "a.b.c",
        "forged": _tampered(api["AccessToken"], sub="somebody else"),
        "expired": _tampered(api["AccessToken"], exp=1),
    }[kind]
    assert _get(cloud, api, token=token)[0] == 401


def test_browsers_of_the_allowed_origin_may_ask(cloud, api):
    origin = {"Origin": "https://player.example", "Access-Control-Request-Method": "GET"}
    status, headers, _ = _get(cloud, api, method="OPTIONS", headers=origin)
    assert status == 204
    assert headers["access-control-allow-origin"] == "https://player.example"
    assert headers["access-control-max-age"] == "600"
    assert _get(cloud, api, method="OPTIONS", headers={**origin, "Origin": "https://evil.example"})[0] == 403


def test_a_content_key_opens_only_in_its_context(aws):
    kms = aws("kms")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    context = {"title": "t1", "kid": "k1"}
    blob = kms.generate_data_key_without_plaintext(KeyId=key, KeySpec="AES_128", EncryptionContext=context)[
        "CiphertextBlob"
    ]
    assert len(kms.decrypt(CiphertextBlob=blob, EncryptionContext=context)["Plaintext"]) == 16
    for wrong in ({}, {"title": "t2", "kid": "k1"}):
        with pytest.raises(kms.exceptions.InvalidCiphertextException):
            kms.decrypt(CiphertextBlob=blob, EncryptionContext=wrong)


def test_a_custom_bus_feeds_queues_functions_topics_and_machines(aws, deploy, function, eventually, received):
    forward = (
        "import json, os, boto3\n"
        "def handler(event, context):\n"
        "    boto3.client('sqs').send_message(QueueUrl=os.environ['OUT'], MessageBody=json.dumps({'by': 'function',"
        " 'title': event['detail']['title']}))\n"
    )
    send = {
        "StartAt": "Send",
        "States": {
            "Send": {
                "Type": "Task",
                "Resource": "arn:aws:states:::sqs:sendMessage",
                "Parameters": {
                    "QueueUrl": "${Out}",
                    "MessageBody": {"by": "machine", "title.$": "$.detail.title"},
                },
                "End": True,
            }
        },
    }
    role = "arn:aws:iam::000000000000:role/test"
    outputs = deploy(
        {
            "Bus": {"Type": "AWS::Events::EventBus", "Properties": {"Name": f"bus{uuid4().hex[:6]}"}},
            "Out": {"Type": "AWS::SQS::Queue"},
            "Topic": {"Type": "AWS::SNS::Topic"},
            "Subscription": {
                "Type": "AWS::SNS::Subscription",
                "Properties": {
                    "TopicArn": {"Ref": "Topic"},
                    "Protocol": "sqs",
                    "Endpoint": {"Fn::GetAtt": ["Out", "Arn"]},
                    "RawMessageDelivery": True,
                },
            },
            "Forward": function(forward, Environment={"Variables": {"OUT": {"Ref": "Out"}}}),
            "Machine": {
                "Type": "AWS::StepFunctions::StateMachine",
                "Properties": {"RoleArn": role, "DefinitionString": {"Fn::Sub": json.dumps(send)}},
            },
            "Rule": {
                "Type": "AWS::Events::Rule",
                "Properties": {
                    "EventBusName": {"Ref": "Bus"},
                    "EventPattern": {"detail-type": ["TitlePublished"], "detail": {"tier": ["UHD"]}},
                    "Targets": [
                        {
                            "Id": "queue",
                            "Arn": {"Fn::GetAtt": ["Out", "Arn"]},
                            "InputTransformer": {
                                "InputPathsMap": {"title": "$.detail.title"},
                                "InputTemplate": '{"by": "queue", "title": <title>}',
                            },
                        },
                        {"Id": "function", "Arn": {"Fn::GetAtt": ["Forward", "Arn"]}},
                        {
                            "Id": "topic",
                            "Arn": {"Ref": "Topic"},
                            "InputTransformer": {
                                "InputPathsMap": {"title": "$.detail.title"},
                                "InputTemplate": '{"by": "topic", "title": <title>}',
                            },
                        },
                        {"Id": "machine", "Arn": {"Ref": "Machine"}, "RoleArn": role},
                    ],
                },
            },
        },
        {"Bus": {"Ref": "Bus"}, "Out": {"Ref": "Out"}},
    )
    entry = {"EventBusName": outputs["Bus"], "Source": "marquee", "DetailType": "TitlePublished"}
    for detail in ({"title": "t0", "tier": "SD"}, {"title": "t1", "tier": "UHD"}):
        aws("events").put_events(Entries=[{**entry, "Detail": json.dumps(detail)}])
    arrived = []

    def everybody():
        arrived.extend(received(outputs["Out"]))
        return len(arrived) >= 4

    eventually(everybody)
    assert sorted(message["by"] for message in arrived) == ["function", "machine", "queue", "topic"]
    assert {message["title"] for message in arrived} == {"t1"}


def test_a_subscription_filters_what_it_gets(aws, deploy, eventually, received):
    outputs = deploy(
        {
            "Topic": {"Type": "AWS::SNS::Topic"},
            "Mine": {"Type": "AWS::SQS::Queue"},
            "Subscription": {
                "Type": "AWS::SNS::Subscription",
                "Properties": {
                    "TopicArn": {"Ref": "Topic"},
                    "Protocol": "sqs",
                    "Endpoint": {"Fn::GetAtt": ["Mine", "Arn"]},
                    "FilterPolicy": {"studio": ["acme"]},
                },
            },
        },
        {"Topic": {"Ref": "Topic"}, "Mine": {"Ref": "Mine"}},
    )
    for studio in ("other", "acme"):
        aws("sns").publish(
            TopicArn=outputs["Topic"],
            Message=studio,
            MessageAttributes={"studio": {"DataType": "String", "StringValue": studio}},
        )
    (message,) = eventually(lambda: received(outputs["Mine"]))
    assert message["Message"] == "acme"
