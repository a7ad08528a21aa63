"""A grant on a queue that calls a function."""

from __future__ import annotations

from aws_cdk import aws_iam as iam
from aws_cdk import aws_sqs as sqs


def let_take(queue: sqs.IQueue, role: iam.IRole) -> None:
    """Let Lambda take a queue's messages in the name of `role`, its function's.

    CDK's own grant lets it look up the queue's address and keep messages hidden as well, which Lambda does not.
    """
    role.add_to_principal_policy(
        iam.PolicyStatement(
            actions=["sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"], resources=[queue.queue_arn]
        )
    )
