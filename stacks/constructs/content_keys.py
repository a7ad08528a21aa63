"""Grants on content keys: as what they are wrapped, and as nothing else that the wrapping key may encrypt."""

from __future__ import annotations

from typing import Literal

from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms

from lambdas.common.content_keys import encryption_context
from lambdas.common.media import Tier

_ANY_TITLE, _ANY_KID = "?*", "?" * 32


def allow_content_keys(
    wrapping_key: kms.IKey,
    grantee: iam.IGrantable,
    action: Literal["kms:Decrypt", "kms:GenerateDataKeyWithoutPlaintext"],
) -> None:
    """Let `grantee` wrap or unwrap content keys with `wrapping_key`.

    KMS has to be asked with the encryption context of a content key, whole and with nothing beside it. Whose key it is,
    no policy can say that is written before there are titles.
    """
    contexts = [encryption_context(title_id=_ANY_TITLE, tier=tier, key_id=_ANY_KID) for tier in Tier]
    [*names] = contexts[0]
    grantee.grant_principal.add_to_principal_policy(
        iam.PolicyStatement(
            actions=[action],
            resources=[wrapping_key.key_arn],
            conditions={
                "ForAllValues:StringEquals": {"kms:EncryptionContextKeys": names},
                # Fails where the context lacks the name, as the other condition does not.
                "StringLike": {
                    f"kms:EncryptionContext:{name}": sorted({context[name] for context in contexts}) for name in names
                },
            },
        )
    )
