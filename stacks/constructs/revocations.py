"""Revocation: the table that licences and sessions are held against, and what operators call to write into it."""

from __future__ import annotations

from aws_cdk import ArnFormat, CfnOutput, Duration, Stack
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from constructs import Construct

from lambdas.playback.environment import RevokeEnvironment
from stacks.constructs.context_stack import ContextStack
from stacks.constructs.service_function import ServiceFunction
from stacks.constructs.table import allow, table
from stacks.settings import EDGE_REGION, Settings


class Revocations(Construct):
    """Device models, certificates, sessions and keys that are refused."""

    def __init__(
        self, stack: ContextStack, construct_id: str, *, sessions: dynamodb.ITableV2, leases: dynamodb.ITableV2
    ) -> None:
        super().__init__(stack, construct_id)
        self.table = table(
            stack, "RevocationsTable", partition_key="scope", sort_key="subject", expires_at="expires_at"
        )
        edge = Stack.of(self).format_arn(
            service="lambda",
            region=EDGE_REGION,
            resource="function",
            resource_name=end_sessions_name(stack.settings),
            arn_format=ArnFormat.COLON_RESOURCE_NAME,
        )
        revoke = ServiceFunction(
            stack,
            "Revoke",
            handler="lambdas.playback.operator_handlers.revoke",
            environment=RevokeEnvironment(
                sessions_table=sessions.table_name,
                leases_table=leases.table_name,
                revocations_table=self.table.table_name,
                edge_function_arn=edge,
            ),
            description="Revokes a device model, a certificate, a session or a key, with an audit record.",
            timeout=Duration.minutes(15),
        )
        # A device's sessions are found by reading them all: nobody asks for them but an operator.
        allow(sessions, revoke, "dynamodb:GetItem", "dynamodb:Scan")
        allow(leases, revoke, "dynamodb:UpdateItem")
        allow(self.table, revoke, "dynamodb:PutItem", "dynamodb:Query")
        revoke.add_to_role_policy(iam.PolicyStatement(actions=["lambda:InvokeFunction"], resources=[edge]))
        CfnOutput(stack, "RevokeFunction", value=revoke.function_name)
        CfnOutput(stack, "RevocationsTableName", value=self.table.table_name)

    def let_read(self, *functions: ServiceFunction) -> None:
        """Let functions hold what they are asked for against the table."""
        for function in functions:
            allow(self.table, function, "dynamodb:Query")


def end_sessions_name(settings: Settings) -> str:
    """Return the name of what ends sessions at the edge: it is in delivery's stack, which comes after playback's."""
    return f"{settings.namespace}-{settings.profile}-end-sessions"
