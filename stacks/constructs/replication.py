"""Cross-region replication of one bucket: its role, with exact actions, and a rule a replica region."""

from __future__ import annotations

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from stacks.constructs.acknowledgement import acknowledge, wildcard_finding
from stacks.settings import Settings

_REASON = "Replication copies every object of one named bucket into one other; each action is named."


def bucket_name(settings: Settings, *, role: str, account: str, region: str) -> str:
    """Return the name of the bucket that has `role`: known in advance, because other regions refer to it."""
    return f"{settings.namespace}-{settings.profile}-{role}-{account}-{region}"


class Replication(Construct):
    """What copies the new objects of a bucket to its replicas. Deletions are not copied.

    Parameters
    ----------
    stack
        The stack of the source bucket.
    role
        What the bucket is for, as in its name.
    settings
        The profile, which names the replica regions.
    data_key
        The key that encrypts the source, if any. Where it is a multi-Region key, its replica in each region
        encrypts the copies; else S3's own key there does.
    """

    def __init__(self, stack: Stack, *, role: str, settings: Settings, data_key: kms.IKey | None) -> None:
        super().__init__(stack, f"{role.title()}Replication")
        self._settings = settings
        self._role_name = role
        self.role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("s3.amazonaws.com"),
            description=f"Copies new objects of the {role} bucket to its replicas.",
        )
        source = self._arn_of(role, region=stack.region)
        self._allow(("s3:GetReplicationConfiguration", "s3:ListBucket"), source)
        self._allow(
            (
                "s3:GetObjectVersionForReplication",
                "s3:GetObjectVersionAcl",
                "s3:GetObjectVersionTagging",
            ),
            f"{source}/*",
        )
        if data_key is not None:
            self._allow_key(data_key, "kms:Decrypt", region=stack.region)
        self.rules = tuple(
            self._rule(region, priority=priority, data_key=data_key)
            for priority, region in enumerate(settings.storage.replica_regions, start=1)
        )

    def _rule(self, region: str, *, priority: int, data_key: kms.IKey | None) -> s3.ReplicationRule:
        replica = f"{self._role_name}-replica"
        self._allow(("s3:ReplicateObject", "s3:ReplicateTags"), f"{self._arn_of(replica, region=region)}/*")
        key = self._key_in(region, data_key) if data_key is not None else None
        if key is not None:
            self._allow_key(key, "kms:Encrypt", "kms:GenerateDataKey", region=region)
        storage = self._settings.storage
        punctual = s3.ReplicationTimeValue.FIFTEEN_MINUTES if storage.replication_time_control else None
        return s3.ReplicationRule(
            id=f"to-{region}",
            destination=s3.Bucket.from_bucket_attributes(
                self,
                f"Replica-{region}",
                bucket_name=self._name_of(replica, region=region),
                region=region,
                encryption_key=key,
            ),
            priority=priority,
            kms_key=key,
            sse_kms_encrypted_objects=True if key is not None else None,
            delete_marker_replication=False,
            replication_time_control=punctual,
            metrics=punctual,
        )

    def _key_in(self, region: str, data_key: kms.IKey) -> kms.IKey:
        multi_region = self._settings.storage.replica_key
        arn = Stack.of(self).format_arn(
            service="kms",
            region=region,
            resource="key" if multi_region else "alias",
            resource_name=data_key.key_id if multi_region else "aws/s3",
        )
        return kms.Key.from_key_arn(self, f"Key-{region}", arn)

    def _allow_key(self, key: kms.IKey, *actions: str, region: str) -> None:
        self.role.add_to_principal_policy(
            iam.PolicyStatement(
                actions=list(actions),
                resources=[key.key_arn],
                conditions={"StringEquals": {"kms:ViaService": f"s3.{region}.amazonaws.com"}},
            )
        )

    def _allow(self, actions: tuple[str, ...], resource: str) -> None:
        self.role.add_to_principal_policy(iam.PolicyStatement(actions=list(actions), resources=[resource]))
        if resource.endswith("/*"):
            acknowledge(self.role, reason=_REASON, rules=(wildcard_finding(self, resource),))

    def _name_of(self, role: str, *, region: str) -> str:
        return bucket_name(self._settings, role=role, account=Stack.of(self).account, region=region)

    def _arn_of(self, role: str, *, region: str) -> str:
        return f"arn:aws:s3:::{self._name_of(role, region=region)}"
