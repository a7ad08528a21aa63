"""The HTTP API: every route needs a signed-in viewer, is throttled and is logged."""

from __future__ import annotations

import json

import jsii
from aws_cdk import Stack
from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_apigatewayv2_authorizers as authorizers
from aws_cdk import aws_apigatewayv2_integrations as integrations
from aws_cdk import aws_cognito as cognito
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk.aws_apigateway import AccessLogFormat
from constructs import Construct

from stacks.constructs.context_stack import ContextStack

_ACCESS_LOG_FIELDS = {
    "request_id": "$context.requestId",
    "time": "$context.requestTime",
    "source_ip": "$context.identity.sourceIp",
    "route": "$context.routeKey",
    "status": "$context.status",
    "latency_ms": "$context.responseLatency",
    "error": "$context.error.message",
}


@jsii.implements(apigateway.IAccessLogSettings)
class _AccessLog:
    """One JSON line a request."""

    def __init__(self, log_group: logs.ILogGroup) -> None:
        self._destination = apigateway.LogGroupLogDestination(log_group)
        self._format = AccessLogFormat.custom(json.dumps(_ACCESS_LOG_FIELDS))

    @property
    def destination(self) -> apigateway.IAccessLogDestination:
        return self._destination

    @property
    def format(self) -> AccessLogFormat:
        return self._format


class ViewerApi(Construct):
    """An HTTP API that admits the viewers of one user pool.

    Parameters
    ----------
    stack
        The playback stack.
    viewers
        The user pool, and the client whose tokens are accepted.
    """

    def __init__(
        self,
        stack: ContextStack,
        construct_id: str,
        *,
        viewers: cognito.IUserPool,
        client: cognito.IUserPoolClient,
    ) -> None:
        super().__init__(stack, construct_id)
        settings = stack.settings
        self.http_api = apigateway.HttpApi(
            self,
            "HttpApi",
            api_name=f"{settings.namespace}-{settings.profile}",
            create_default_stage=False,
            default_authorizer=authorizers.HttpUserPoolAuthorizer("Viewers", viewers, user_pool_clients=[client]),
        )
        log_group = stack.log_group("AccessLog", scope=self)
        apigateway.HttpStage(
            self,
            "Default",
            http_api=self.http_api,
            stage_name="$default",
            auto_deploy=True,
            throttle=apigateway.ThrottleSettings(
                rate_limit=settings.playback.api_rate_per_s, burst_limit=settings.playback.api_burst
            ),
            detailed_metrics_enabled=settings.production,
            access_log_settings=_AccessLog(log_group),
        )

    @property
    def domain_name(self) -> str:
        """The API's own host name, which CloudFront has as an origin."""
        return f"{self.http_api.api_id}.execute-api.{Stack.of(self).region}.amazonaws.com"

    def route(self, method: apigateway.HttpMethod, path: str, function: lambda_.IFunction) -> None:
        """Answer `method` on `path` with `function`."""
        self.http_api.add_routes(
            path=path,
            methods=[method],
            integration=integrations.HttpLambdaIntegration(f"{function.node.id}Integration", function),
        )
