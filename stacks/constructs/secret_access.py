"""A grant on a secret that is encrypted with a key of another stack."""

from __future__ import annotations

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_secretsmanager as secretsmanager


def grant_secret(secret: secretsmanager.ISecret, role: iam.IRole) -> None:
    """Let `role` read `secret`, and decrypt with its key, but through Secrets Manager only.

    CDK's own grant lets it describe the secret as well; and it writes the decryption into the policy of the key, which
    it cannot do for a key known by its ARN: it says nothing, and the reader is refused.
    """
    role.add_to_principal_policy(
        iam.PolicyStatement(actions=["secretsmanager:GetSecretValue"], resources=[secret.secret_arn])
    )
    if secret.encryption_key is not None:
        role.add_to_principal_policy(
            iam.PolicyStatement(
                actions=["kms:Decrypt"],
                resources=[secret.encryption_key.key_arn],
                conditions={
                    "StringEquals": {"kms:ViaService": f"secretsmanager.{Stack.of(secret).region}.amazonaws.com"}
                },
            )
        )
