"""The SPEKE key service: an HTTP API for packagers, which sign their requests with IAM, and its function."""

from __future__ import annotations

from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_apigatewayv2_authorizers as authorizers
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from lambdas.playback.environment import SpekeEnvironment
from stacks.constructs.api import HttpService
from stacks.constructs.content_keys import allow_content_keys
from stacks.constructs.context_stack import ContextStack
from stacks.constructs.service_function import ServiceFunction
from stacks.constructs.table import allow

PATH = "/speke/v2.0/keys"


class SpekeService(Construct):
    """Gives packagers content keys, out of the table that our own packager's come from.

    Nobody may call it until `grant_packager` is given their role, or the account's own policies say so.
    """

    def __init__(
        self,
        stack: ContextStack,
        construct_id: str,
        *,
        content_keys: dynamodb.ITableV2,
        revocations: dynamodb.ITableV2,
        wrapping_key: kms.IKey,
    ) -> None:
        super().__init__(stack, construct_id)
        settings = stack.settings
        function = ServiceFunction(
            stack,
            "SpekeKeys",
            handler="lambdas.playback.speke_handlers.speke_keys",
            environment=SpekeEnvironment(
                content_keys_table=content_keys.table_name,
                wrapping_key_id=wrapping_key.key_id,
                revocations_table=revocations.table_name,
            ),
            description="POST /speke/v2.0/keys: a packager's content keys, by SPEKE v2.0.",
        )
        allow(content_keys, function, "dynamodb:Query", "dynamodb:PutItem")
        allow(revocations, function, "dynamodb:Query")
        allow_content_keys(wrapping_key, function, "kms:GenerateDataKeyWithoutPlaintext")
        allow_content_keys(wrapping_key, function, "kms:Decrypt")
        self.service = HttpService(
            self,
            "Api",
            stack=stack,
            api_name=f"{settings.namespace}-{settings.profile}-speke",
            authorizer=authorizers.HttpIamAuthorizer(),
            # A packager asks once a title, and once a key period of a live channel.
            throttle=apigateway.ThrottleSettings(rate_limit=20, burst_limit=50),
        )
        self.service.route(apigateway.HttpMethod.POST, PATH, function)

    @property
    def url(self) -> str:
        """Where packagers send their requests."""
        return f"https://{self.service.domain_name}{PATH}"

    def grant_packager(self, grantee: iam.IGrantable) -> None:
        """Let a packager's role ask for keys, and call nothing else."""
        grantee.grant_principal.add_to_principal_policy(
            iam.PolicyStatement(
                actions=["execute-api:Invoke"],
                resources=[self.service.http_api.arn_for_execute_api("POST", PATH, "$default")],
            )
        )
