"""Storage: the buckets, what becomes of their objects over the years, and their replicas in other regions."""

from __future__ import annotations

from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from constructs import Construct

from stacks.constructs import key_policy, lifecycle
from stacks.constructs.context_stack import ContextStack
from stacks.constructs.media_bucket import AccessLogBucket, MediaBucket, ReportsBucket
from stacks.constructs.replication import Replication
from stacks.constructs.storage_lens import StorageLens
from stacks.settings import Settings


class StorageStack(ContextStack):
    """The buckets of the primary region."""

    def __init__(self, scope: Construct, *, settings: Settings, data_key: kms.IKey, alarms: sns.ITopic) -> None:
        super().__init__(
            scope,
            "storage",
            settings=settings,
            region=settings.primary_region,
            alarms=alarms,
            description="Marquee: raw, mezzanine, media and web buckets, lifecycle and replication.",
        )
        storage = settings.storage
        logs = AccessLogBucket(self)
        self.access_logs = logs
        self.reports = ReportsBucket(self, logs=logs)
        replications = {
            "raw": Replication(self, role="raw", settings=settings, data_key=data_key),
            "media": Replication(self, role="media", settings=settings, data_key=None),
        }
        self.raw = MediaBucket(
            self,
            "raw",
            logs=logs,
            encryption_key=data_key,
            announces=True,
            lifecycle=lifecycle.raw_sources(storage),
            keep_old_versions=True,
            takes_deliveries=True,
            replication=replications["raw"],
            inventory=self.reports,
        )
        self.mezzanine = MediaBucket(
            self,
            "mezzanine",
            sole_copy="It is derived from the raw bucket, which is replicated, or written anew by a deployment.",
            logs=logs,
            encryption_key=data_key,
            lifecycle=lifecycle.mezzanines(storage),
        )
        self.media = MediaBucket(self, "media", logs=logs, replication=replications["media"], inventory=self.reports)
        self.web = MediaBucket(self, "web", sole_copy="A deployment writes it anew.", logs=logs)
        for replication in replications.values():
            replication.watch(self)
        StorageLens(self, "StorageLens", reports=self.reports)
        for bucket in (self.media, self.web):
            self._let_distributions_read(bucket)

    def _let_distributions_read(self, bucket: s3.Bucket) -> None:
        """Open `bucket` to this account's distributions.

        The distribution stands in another stack that needs this bucket, so its id cannot be named here;
        origin access control signs with it, and the condition admits no other account's.
        """
        bucket.add_to_resource_policy(
            iam.PolicyStatement(
                sid="Distributions",
                principals=[iam.ServicePrincipal("cloudfront.amazonaws.com")],
                actions=["s3:GetObject"],
                resources=[bucket.arn_for_objects("*")],
                conditions={
                    "ArnLike": {
                        "aws:SourceArn": self.format_arn(
                            service="cloudfront", region="", resource="distribution", resource_name="*"
                        )
                    },
                },
            )
        )


class StorageReplicaStack(ContextStack):
    """The replicas of one other region.

    Attributes
    ----------
    data_key
        The replica of the data key, where the profile has one.
    """

    def __init__(self, scope: Construct, *, settings: Settings, region: str, data_key: kms.IKey) -> None:
        super().__init__(
            scope,
            "storage",
            part=f"replica-{region}",
            settings=settings,
            region=region,
            description=f"Marquee: the replicas of the raw and media buckets in {region}.",
        )
        key: kms.IKey | None = None
        if settings.storage.replica_key:
            replica_key = kms.CfnReplicaKey(
                self,
                "DataKey",
                primary_key_arn=data_key.key_arn,
                key_policy=iam.PolicyDocument(
                    statements=[
                        iam.PolicyStatement(
                            sid="Account",
                            principals=[iam.AccountRootPrincipal()],
                            actions=["kms:*"],
                            resources=["*"],
                        ),
                        key_policy.publishers(self, "Alarms", "cloudwatch"),
                        key_policy.log_groups(self),
                    ]
                ),
                description="The replica of Marquee's data key.",
            )
            replica_key.apply_removal_policy(self.removal_policy)
            key = kms.Key.from_key_arn(self, "ReplicaKey", replica_key.attr_arn)
        self.data_key = key
        logs = AccessLogBucket(self)
        self.access_logs = logs
        self.reports = ReportsBucket(self, logs=logs)
        self.replicas = {
            "raw": MediaBucket(
                self,
                "raw-replica",
                sole_copy="It is a replica.",
                logs=logs,
                encryption_key=key,
                # Lifecycle is not replicated: without rules of their own the copies would stay in Standard for good.
                lifecycle=lifecycle.raw_sources(settings.storage),
                keep_old_versions=True,
                inventory=self.reports,
            ),
            "media": MediaBucket(
                self, "media-replica", sole_copy="It is a replica.", logs=logs, inventory=self.reports
            ),
        }
