"""Grants on objects: exact actions below one prefix, and the key that the bucket is encrypted with."""

from __future__ import annotations

from enum import Enum

from aws_cdk import Stack
from aws_cdk import aws_iam as iam

from stacks.constructs.acknowledgement import acknowledge, wildcard_finding
from stacks.constructs.media_bucket import MediaBucket


class Access(Enum):
    """What a role may do with the objects below a prefix.

    Who writes sends objects of any size, in parts; who only sends does so in one request, and learns of no object. Who
    reads named versions, or tags, always says which version it means.
    """

    READ = ("s3:GetObject",)
    READ_VERSIONS = (*READ, "s3:GetObjectVersion")
    READ_NAMED_VERSIONS = ("s3:GetObjectVersion",)
    WRITE = ("s3:PutObject", "s3:AbortMultipartUpload")
    READ_WRITE = (*READ_VERSIONS, *WRITE)
    REMOVE = ("s3:DeleteObject",)
    REPLACE = (*READ_VERSIONS, *WRITE, *REMOVE)
    RESTORE = ("s3:RestoreObject",)
    READ_TAGS = ("s3:GetObjectVersionTagging",)
    TAG = ("s3:PutObjectVersionTagging",)
    READ_AND_TAG = (*READ_NAMED_VERSIONS, *TAG)
    SEND = ("s3:PutObject",)
    LIST_PARTS = ("s3:ListMultipartUploadParts",)
    ABORT = ("s3:AbortMultipartUpload",)


_KEY_ACTIONS = {
    Access.READ: ("kms:Decrypt",),
    Access.READ_VERSIONS: ("kms:Decrypt",),
    Access.READ_NAMED_VERSIONS: ("kms:Decrypt",),
    Access.WRITE: ("kms:Decrypt", "kms:GenerateDataKey"),
    Access.READ_WRITE: ("kms:Decrypt", "kms:GenerateDataKey"),
    Access.REPLACE: ("kms:Decrypt", "kms:GenerateDataKey"),
    Access.READ_AND_TAG: ("kms:Decrypt",),
    Access.SEND: ("kms:Decrypt", "kms:GenerateDataKey"),
    Access.LIST_PARTS: ("kms:Decrypt",),
    Access.RESTORE: ("kms:Decrypt",),
}
"""Tags are no part of what is encrypted: to tag an object takes no key."""


_LISTING = dict.fromkeys(Access, "StringLikeIfExists") | {Access.REPLACE: "StringLike"}
"""GetObject of a missing key asks for ListBucket without a prefix, to answer 404 and not 403. Who replaces objects
lists them, below its own prefix only."""
_BLIND = frozenset({Access.SEND, Access.REMOVE, Access.LIST_PARTS, Access.ABORT})
"""Who only sends or removes, or handles parts, learns of no object."""


def grant_objects(bucket: MediaBucket, role: iam.IRole, access: Access, *, prefix: str = "") -> None:
    """Let `role` use the objects of `bucket` below `prefix`, and tell a missing object from a forbidden one.

    CDK's own grants add wildcard actions (``s3:GetObject*``); these name each action.
    """
    role.add_to_principal_policy(
        iam.PolicyStatement(actions=list(access.value), resources=[f"{bucket.known_arn}/{prefix}*"])
    )
    if access not in _BLIND:
        role.add_to_principal_policy(
            iam.PolicyStatement(
                actions=["s3:ListBucket"],
                resources=[bucket.known_arn],
                conditions={_LISTING[access]: {"s3:prefix": f"{prefix}*"}} if prefix else None,
            )
        )
    if bucket.encryption_key is not None and access in _KEY_ACTIONS:
        # Through S3 only: the same key may wrap other things, which a reader of this bucket must not open.
        role.add_to_principal_policy(
            iam.PolicyStatement(
                actions=list(_KEY_ACTIONS[access]),
                resources=[bucket.encryption_key.key_arn],
                conditions={"StringEquals": {"kms:ViaService": f"s3.{Stack.of(bucket).region}.amazonaws.com"}},
            )
        )
    acknowledge(
        role,
        reason=f"Names every object action; the wildcard is the objects below {prefix or 'the root'!r} of one bucket.",
        rules=(wildcard_finding(bucket, f"{bucket.known_arn}/{prefix}*"),),
    )
