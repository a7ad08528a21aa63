"""HTTP APIs: every route needs somebody who is known, unless it says why not; all are throttled and logged."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import cast

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

from stacks.constructs.acknowledgement import acknowledge
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


class HttpService(Construct):
    """An HTTP API that admits whom its authorizer knows.

    Parameters
    ----------
    stack
        The stack of the API's context.
    api_name
        The API's name.
    authorizer
        Who decides about every route but open ones.
    throttle
        Requests a second, and at once.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        stack: ContextStack,
        api_name: str,
        authorizer: apigateway.IHttpRouteAuthorizer,
        throttle: apigateway.ThrottleSettings,
    ) -> None:
        super().__init__(scope, construct_id)
        self._throttles: dict[str, object] = {}
        self.http_api = apigateway.HttpApi(
            self,
            "HttpApi",
            api_name=api_name,
            create_default_stage=False,
            default_authorizer=authorizer,
        )
        self._stage = apigateway.HttpStage(
            self,
            "Default",
            http_api=self.http_api,
            stage_name="$default",
            auto_deploy=True,
            throttle=throttle,
            detailed_metrics_enabled=stack.settings.production,
            access_log_settings=_AccessLog(stack.log_group("AccessLog", scope=self)),
        )

    @property
    def domain_name(self) -> str:
        """The API's own host name, which CloudFront has as an origin."""
        return f"{self.http_api.api_id}.execute-api.{Stack.of(self).region}.amazonaws.com"

    def route(
        self,
        method: apigateway.HttpMethod,
        path: str,
        function: lambda_.IFunction,
        *,
        throttle: apigateway.ThrottleSettings | None = None,
    ) -> None:
        """Answer `method` on `path` with `function`.

        Parameters
        ----------
        throttle
            Of this route alone: requests a second, and at once. By default it is the API's.
        """
        [route] = self.http_api.add_routes(path=path, methods=[method], integration=_integration(function))
        if throttle:
            self._throttle(route, f"{method.value} {path}", throttle)

    def open_route(
        self,
        method: apigateway.HttpMethod,
        path: str,
        function: lambda_.IFunction,
        *,
        throttle: apigateway.ThrottleSettings,
        reason: str,
    ) -> None:
        """Answer `method` on `path` with `function`, whoever asks.

        Parameters
        ----------
        throttle
            Of this route alone: requests a second, and at once.
        reason
            Why no token is asked for, for the acknowledgement.
        """
        [route] = self.http_api.add_routes(
            path=path,
            methods=[method],
            integration=_integration(function),
            authorizer=apigateway.HttpNoneAuthorizer(),
        )
        acknowledge(route, reason=reason, rules=("AwsSolutions-APIG4",))
        self._throttle(route, f"{method.value} {path}", throttle)

    def _throttle(self, route: apigateway.HttpRoute, key: str, throttle: apigateway.ThrottleSettings) -> None:
        self._throttles[key] = {
            "ThrottlingRateLimit": throttle.rate_limit,
            "ThrottlingBurstLimit": throttle.burst_limit,
        }
        stage = cast("apigateway.CfnStage", self._stage.node.default_child)
        stage.add_property_override("RouteSettings", dict(self._throttles))
        # A stage does not take settings of a route that is not there yet.
        stage.node.add_dependency(route)


def _integration(function: lambda_.IFunction) -> integrations.HttpLambdaIntegration:
    return integrations.HttpLambdaIntegration(f"{function.node.id}Integration", function)


class SignedInApi(HttpService):
    """An HTTP API that admits the users of one user pool.

    Parameters
    ----------
    stack
        The stack of the API's context.
    users
        What the pool's users are called, as the authorizer's name: ``Viewers``.
    pool, clients
        The user pool, and those of its clients whose tokens are accepted.
    """

    def __init__(
        self,
        stack: ContextStack,
        construct_id: str,
        *,
        api_name: str,
        users: str,
        pool: cognito.IUserPool,
        clients: Sequence[cognito.IUserPoolClient],
        throttle: apigateway.ThrottleSettings,
    ) -> None:
        super().__init__(
            stack,
            construct_id,
            stack=stack,
            api_name=api_name,
            authorizer=authorizers.HttpUserPoolAuthorizer(users, pool, user_pool_clients=list(clients)),
            throttle=throttle,
        )


class ViewerApi(SignedInApi):
    """The viewers' API, in front of playback and the catalog."""

    def __init__(
        self,
        stack: ContextStack,
        construct_id: str,
        *,
        viewers: cognito.IUserPool,
        clients: Sequence[cognito.IUserPoolClient],
    ) -> None:
        settings = stack.settings
        super().__init__(
            stack,
            construct_id,
            api_name=f"{settings.namespace}-{settings.profile}",
            users="Viewers",
            pool=viewers,
            clients=clients,
            throttle=apigateway.ThrottleSettings(
                rate_limit=settings.playback.api_rate_per_s, burst_limit=settings.playback.api_burst
            ),
        )
