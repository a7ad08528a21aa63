"""A DynamoDB table as Marquee keeps them: on demand, encrypted, with point-in-time recovery."""

from __future__ import annotations

from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam

from stacks.constructs.context_stack import ContextStack


def table(
    stack: ContextStack,
    construct_id: str,
    *,
    partition_key: str,
    sort_key: str | None = None,
    expires_at: str | None = None,
    replica_regions: tuple[str, ...] = (),
) -> dynamodb.TableV2:
    """Declare a table with string keys.

    Parameters
    ----------
    expires_at
        The attribute, in epoch seconds, after which DynamoDB deletes an item.
    replica_regions
        Where it has replicas, each of which takes writes: then it has a stream of both images too.
    """
    return dynamodb.TableV2(
        stack,
        construct_id,
        partition_key=dynamodb.Attribute(name=partition_key, type=dynamodb.AttributeType.STRING),
        sort_key=dynamodb.Attribute(name=sort_key, type=dynamodb.AttributeType.STRING) if sort_key else None,
        billing=dynamodb.Billing.on_demand(),
        encryption=dynamodb.TableEncryptionV2.aws_managed_key(),
        point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
            point_in_time_recovery_enabled=True
        ),
        time_to_live_attribute=expires_at,
        replicas=[dynamodb.ReplicaTableProps(region=region) for region in replica_regions] or None,
        deletion_protection=stack.settings.production,
        removal_policy=stack.removal_policy,
    )


def allow(source: dynamodb.ITableV2, grantee: iam.IGrantable, *actions: str, index: str | None = None) -> None:
    """Let `grantee` do `actions` on the table, or on one index of it.

    CDK's own grants add every index of the table with a wildcard.
    """
    resource = f"{source.table_arn}/index/{index}" if index else source.table_arn
    grantee.grant_principal.add_to_principal_policy(iam.PolicyStatement(actions=list(actions), resources=[resource]))
