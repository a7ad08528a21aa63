"""The studios' API: a user pool of their own, in which a group is a studio, and the HTTP API that admits its users."""

from __future__ import annotations

from aws_cdk import Duration
from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_cognito as cognito
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from stacks.constructs.acknowledgement import acknowledge
from stacks.constructs.api import SignedInApi
from stacks.constructs.context_stack import ContextStack
from stacks.constructs.user_pool import user_pool


class StudioApi(Construct):
    """What studios reach over HTTP, each by users of its own.

    A user acts for the one group that it is in; the group's name is the studio's. The groups of the settings' studios
    are declared; other groups, and all users, are made by the platform's operators (``marquee studio add``). Nobody
    signs up.
    """

    def __init__(self, stack: ContextStack, construct_id: str) -> None:
        super().__init__(stack, construct_id)
        settings = stack.settings
        self.pool = _studios(self, stack)
        for studio in settings.ingestion.studios:
            cognito.CfnUserPoolGroup(
                self, f"Studio {studio.name}", user_pool_id=self.pool.user_pool_id, group_name=studio.name
            )
        self.client = self.pool.add_client(
            "Desk",
            auth_flows=cognito.AuthFlow(user_password=True),
            disable_o_auth=True,
            prevent_user_existence_errors=True,
            enable_token_revocation=True,
            access_token_validity=Duration.hours(1),
            id_token_validity=Duration.hours(1),
            # An upload of days signs itself in again; a stolen refresh token should not live for a month.
            refresh_token_validity=Duration.days(7),
        )
        self._api = SignedInApi(
            stack,
            f"{construct_id}Http",
            api_name=f"{settings.namespace}-{settings.profile}-studios",
            users="Studios",
            pool=self.pool,
            clients=[self.client],
            throttle=apigateway.ThrottleSettings(
                rate_limit=settings.ingestion.api_rate_per_s, burst_limit=settings.ingestion.api_burst
            ),
        )

    @property
    def http_api(self) -> apigateway.HttpApi:
        """The API itself."""
        return self._api.http_api

    @property
    def domain_name(self) -> str:
        """The API's own host name, which CloudFront has as an origin."""
        return self._api.domain_name

    def route(self, method: apigateway.HttpMethod, path: str, function: lambda_.IFunction) -> None:
        """Answer `method` on `path` with `function`, for signed-in studios."""
        self._api.route(method, path, function)


def _studios(scope: Construct, stack: ContextStack) -> cognito.UserPool:
    production = stack.settings.production
    mfa = cognito.Mfa.REQUIRED if production else cognito.Mfa.OPTIONAL
    pool = user_pool(scope, "Studios", stack=stack, mfa=mfa, who="users")
    if not production:
        acknowledge(
            pool,
            reason="The sandbox's studios are scripts and tests of the deployer; in production the factor is required.",
            rules=("AwsSolutions-COG2",),
        )
    return pool
