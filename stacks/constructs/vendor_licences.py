"""The routes of the licences that DRM vendors make."""

from __future__ import annotations

from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_secretsmanager as secretsmanager

from lambdas.playback.environment import VendorEnvironment
from stacks.constructs.api import ViewerApi
from stacks.constructs.context_stack import ContextStack
from stacks.constructs.revocations import Revocations
from stacks.constructs.secret_access import grant_secret
from stacks.constructs.service_function import ServiceFunction
from stacks.constructs.table import allow

_HANDLERS = "lambdas.playback.vendor_handlers"
_LICENSE = "/api/playback/license"


def vendor_licences(
    stack: ContextStack,
    *,
    api: ViewerApi,
    sessions: dynamodb.ITableV2,
    leases: dynamodb.ITableV2,
    revocations: Revocations,
) -> None:
    """Declare the licence route of each DRM system, and that of FairPlay's certificate."""
    secret_arn = stack.settings.playback.drm_vendors_secret
    environment = VendorEnvironment(
        sessions_table=sessions.table_name,
        leases_table=leases.table_name,
        revocations_table=revocations.table.table_name,
        vendors_secret_arn=secret_arn or "",
    )
    license_ = ServiceFunction(
        stack,
        "VendorLicense",
        handler=f"{_HANDLERS}.vendor_license",
        environment=environment,
        description="POST /api/playback/license/{system}",
    )
    for table in (sessions, leases):
        allow(table, license_, "dynamodb:BatchGetItem")
    revocations.let_read(license_)
    certificate = ServiceFunction(
        stack,
        "FairPlayCertificate",
        handler=f"{_HANDLERS}.fairplay_certificate",
        environment=environment,
        description="GET /api/playback/license/fairplay/certificate",
    )
    if secret_arn:
        secret = secretsmanager.Secret.from_secret_complete_arn(stack, "DrmVendors", secret_arn)
        for function in (license_, certificate):
            grant_secret(secret, function.execution_role)
    # Nobody counts who asks: the function has to reach the internet, and the cache's network has no way out.
    playback = stack.settings.playback
    throttle = apigateway.ThrottleSettings(rate_limit=playback.api_rate_per_s // 2, burst_limit=playback.api_burst // 2)
    api.route(apigateway.HttpMethod.POST, f"{_LICENSE}/{{system}}", license_, throttle=throttle)
    api.route(apigateway.HttpMethod.GET, f"{_LICENSE}/fairplay/certificate", certificate, throttle=throttle)
