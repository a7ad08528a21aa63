"""Cross-region replication of one bucket: its role, with exact actions, a rule a destination, and its alarms."""

from __future__ import annotations

from typing import NamedTuple

from aws_cdk import Duration, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from stacks.constructs.acknowledgement import acknowledge, wildcard_finding
from stacks.constructs.context_stack import ContextStack
from stacks.settings import Settings

_REASON = "Replication copies every object of one named bucket into one other; each action is named."


def bucket_name(settings: Settings, *, role: str, account: str, region: str) -> str:
    """Return the name of the bucket that has `role`: known in advance, because other regions refer to it."""
    return f"{settings.namespace}-{settings.profile}-{role}-{account}-{region}"


class Destination(NamedTuple):
    """A bucket that objects are copied to."""

    role: str
    region: str


class Replication(Construct):
    """What copies the new objects of a bucket to its destinations. Deletions are not copied.

    Parameters
    ----------
    stack
        The stack of the source bucket.
    role
        What the bucket is for, as in its name.
    settings
        The profile, which names the replica regions.
    data_key
        The platform's key, if it, or its replica in the source's region, encrypts the source. Where it is a
        multi-Region key, its replica in each region encrypts the copies; else S3's own key there does.
    destinations
        Where to; by default the bucket's own replica in each replica region.
    """

    def __init__(
        self,
        stack: Stack,
        *,
        role: str,
        settings: Settings,
        data_key: kms.IKey | None,
        destinations: tuple[Destination, ...] | None = None,
    ) -> None:
        super().__init__(stack, f"{role.title()}Replication")
        self._settings = settings
        self._role_name = role
        self._keys: dict[str, kms.IKey] = {}
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
            at_home = stack.region == settings.primary_region
            source_key = data_key if at_home else self._key_in(stack.region, data_key)
            self._allow_key(source_key, "kms:Decrypt", region=stack.region)
        self.destinations = destinations or tuple(
            Destination(role=f"{role}-replica", region=region) for region in settings.storage.replica_regions
        )
        self.rules = tuple(
            self._rule(destination, priority=priority, data_key=data_key)
            for priority, destination in enumerate(self.destinations, start=1)
        )

    def watch(self, stack: ContextStack) -> None:
        """Declare the alarms on each rule: copies that come late, and copies that fail.

        Their metrics exist with replication time control only.
        """
        storage = self._settings.storage
        if not storage.replication_time_control:
            return
        for destination, rule in zip(self.destinations, self.rules, strict=True):
            name = f"{self._role_name.title()}To{_pascal(destination.region)}"
            stack.alarm(
                f"{name}ReplicationLate",
                metric=self._metric("ReplicationLatency", destination, rule_id=str(rule.id), statistic="Maximum"),
                threshold=storage.replication_lag_alarm_minutes * 60 + 1,
                description=f"Copies of the {self._role_name} bucket's objects come to {destination.region} more than "
                f"{storage.replication_lag_alarm_minutes} minutes late.",
            )
            stack.alarm(
                f"{name}ReplicationFailed",
                metric=self._metric("OperationsFailedReplication", destination, rule_id=str(rule.id), statistic="Sum"),
                description=f"An object of the {self._role_name} bucket could not be copied to {destination.region}.",
            )

    def _metric(self, name: str, destination: Destination, *, rule_id: str, statistic: str) -> cloudwatch.Metric:
        return cloudwatch.Metric(
            namespace="AWS/S3",
            metric_name=name,
            dimensions_map={
                "SourceBucket": self._name_of(self._role_name, region=Stack.of(self).region),
                "DestinationBucket": self._name_of(destination.role, region=destination.region),
                "RuleId": rule_id,
            },
            statistic=statistic,
            period=Duration.minutes(5),
        )

    def _rule(self, destination: Destination, *, priority: int, data_key: kms.IKey | None) -> s3.ReplicationRule:
        region = destination.region
        self._allow(("s3:ReplicateObject", "s3:ReplicateTags"), f"{self._arn_of(destination.role, region=region)}/*")
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
                bucket_name=self._name_of(destination.role, region=region),
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
        if region not in self._keys:
            self._keys[region] = kms.Key.from_key_arn(self, f"Key-{region}", arn)
        return self._keys[region]

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


def _pascal(region: str) -> str:
    return region.title().replace("-", "")
