"""The device grant of televisions: its table, its routes, and the triggers by which Cognito believes it."""

from __future__ import annotations

from aws_cdk import Duration
from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_cognito as cognito
from aws_cdk import aws_dynamodb as dynamodb
from constructs import Construct

from lambdas.playback.device_grant_environment import (
    ApproveEnvironment,
    DeviceCodeEnvironment,
    DeviceGrantsEnvironment,
    DeviceTokenEnvironment,
)
from stacks.constructs.api import SignedInApi
from stacks.constructs.context_stack import ContextStack
from stacks.constructs.service_function import ServiceFunction
from stacks.constructs.table import allow, table

_HANDLERS = "lambdas.playback.device_grant_handlers"
_OPEN = apigateway.ThrottleSettings(rate_limit=10, burst_limit=20)
"""Of each route that needs no token, for everybody together."""
_WHY_OPEN = "It is where a device gets its tokens, so it has none to send: it is throttled, and gives none unapproved."
_TRIGGERS = (
    cognito.UserPoolOperation.DEFINE_AUTH_CHALLENGE,
    cognito.UserPoolOperation.CREATE_AUTH_CHALLENGE,
    cognito.UserPoolOperation.VERIFY_AUTH_CHALLENGE_RESPONSE,
)


def television_client(scope: Construct, *, pool: cognito.UserPool) -> cognito.IUserPoolClient:
    """Declare the client of televisions: tokens for an approved device code, each device its own."""
    client = cognito.CfnUserPoolClient(
        scope,
        "Television",
        user_pool_id=pool.user_pool_id,
        client_name="television",
        generate_secret=False,
        explicit_auth_flows=["ALLOW_CUSTOM_AUTH"],
        # Unset means all, the address among them, by which a password is recovered.
        write_attributes=["locale"],
        prevent_user_existence_errors="ENABLED",
        enable_token_revocation=True,
        token_validity_units=cognito.CfnUserPoolClient.TokenValidityUnitsProperty(
            access_token="hours",  # noqa: S106 - a unit
            id_token="hours",  # noqa: S106
            refresh_token="days",  # noqa: S106
        ),
        access_token_validity=1,
        id_token_validity=1,
        refresh_token_validity=90,
        refresh_token_rotation=cognito.CfnUserPoolClient.RefreshTokenRotationProperty(
            feature="ENABLED", retry_grace_period_seconds=60
        ),
    )
    return cognito.UserPoolClient.from_user_pool_client_id(scope, "TelevisionClient", client.ref)


def device_grant(
    stack: ContextStack,
    *,
    api: SignedInApi,
    pool: cognito.UserPool,
    page: cognito.IUserPoolClient,
    television: cognito.IUserPoolClient,
    security: dynamodb.ITableV2,
) -> None:
    """Declare the grant's table, functions, routes and triggers.

    Parameters
    ----------
    api
        Takes the routes: the device's two without a token, the viewer's two with one.
    page
        The page's client, which knows where the page is.
    television
        The client that devices ask with.
    security
        What is kept of each account's use: who was signed out lets nobody in.
    """
    grants = table(stack, "DeviceGrants", partition_key="code_id", expires_at="expires_at")
    code = ServiceFunction(
        stack,
        "DeviceCode",
        handler=f"{_HANDLERS}.device_code",
        environment=DeviceCodeEnvironment(
            device_grants_table=grants.table_name,
            device_client_id=television.user_pool_client_id,
            user_pool_id=pool.user_pool_id,
            page_client_id=page.user_pool_client_id,
        ),
        description="POST /api/device/code",
    )
    allow(grants, code, "dynamodb:PutItem")
    pool.grant(code, "cognito-idp:DescribeUserPoolClient")
    token = ServiceFunction(
        stack,
        "DeviceToken",
        handler=f"{_HANDLERS}.device_token",
        environment=DeviceTokenEnvironment(
            device_grants_table=grants.table_name, device_client_id=television.user_pool_client_id
        ),
        description="POST /api/device/token",
    )
    allow(grants, token, "dynamodb:UpdateItem")
    for path, function in (("code", code), ("token", token)):
        api.open_route(apigateway.HttpMethod.POST, f"/api/device/{path}", function, throttle=_OPEN, reason=_WHY_OPEN)
    viewers = DeviceGrantsEnvironment(device_grants_table=grants.table_name)
    request = ServiceFunction(
        stack,
        "DeviceRequest",
        handler=f"{_HANDLERS}.device_request",
        environment=viewers,
        description="GET /api/device/request",
    )
    allow(grants, request, "dynamodb:GetItem", "dynamodb:UpdateItem")
    api.route(apigateway.HttpMethod.GET, "/api/device/request", request)
    approve = ServiceFunction(
        stack,
        "ApproveDevice",
        handler=f"{_HANDLERS}.approve_device",
        environment=ApproveEnvironment(
            device_grants_table=grants.table_name,
            security_table=security.table_name,
            page_client_id=page.user_pool_client_id,
        ),
        description="POST /api/device/approve",
    )
    allow(grants, approve, "dynamodb:UpdateItem")
    allow(security, approve, "dynamodb:GetItem")
    api.route(apigateway.HttpMethod.POST, "/api/device/approve", approve)
    challenge = ServiceFunction(
        stack,
        "DeviceChallenge",
        handler=f"{_HANDLERS}.challenge",
        environment=viewers,
        description="Tells Cognito whether a device code was approved, once.",
        # Cognito waits no longer for a trigger.
        timeout=Duration.seconds(5),
    )
    allow(grants, challenge, "dynamodb:UpdateItem")
    for operation in _TRIGGERS:
        pool.add_trigger(operation, challenge)
