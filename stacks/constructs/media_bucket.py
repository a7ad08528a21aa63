"""A bucket as Marquee keeps them: private, versioned, encrypted, TLS only, logged; and its replicas elsewhere."""

from __future__ import annotations

from aws_cdk import Duration, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3

from lambdas.common.keys import INVENTORY_PREFIX
from lambdas.storage.inventory import FIELDS
from stacks.constructs.acknowledgement import acknowledge
from stacks.constructs.context_stack import ContextStack
from stacks.constructs.lifecycle import reports, upkeep
from stacks.constructs.replication import Replication, bucket_name

_S3_KEYS = (
    "What lies here is public (the player, posters), encrypted under its title's content keys (picture and sound; "
    "subtitles and manifests are not secret), or a log that S3 and CloudFront deliver with S3's own keys."
)


class MediaBucket(s3.Bucket):
    """A private, versioned bucket whose access is logged.

    Parameters
    ----------
    stack
        The stack that owns it.
    role
        What it is for: ``raw``, ``mezzanine``, ``media``, ``web``, ``reports`` or ``landing``, or one of these with
        ``-replica``.
    logs
        The bucket that receives the access log.
    encryption_key
        The customer-managed key; without one the bucket is encrypted with S3's own keys.
    lifecycle
        The rules that are this bucket's own; expiry of old versions and of stale uploads come with every bucket.
    replication
        Where each new object is copied to.
    sole_copy
        Why it is not replicated, where it is not.
    inventory
        The bucket of the same region in which S3 lists this bucket's objects every day, all versions of them.
    keep_old_versions
        Whether replaced versions are kept, because something may refer to them.
    takes_deliveries
        Whether studios upload to it, which may take them weeks.
    announces
        Whether EventBridge is told of each object.
    """

    def __init__(
        self,
        stack: ContextStack,
        role: str,
        *,
        logs: s3.IBucket,
        encryption_key: kms.IKey | None = None,
        lifecycle: tuple[s3.LifecycleRule, ...] = (),
        replication: Replication | None = None,
        sole_copy: str | None = None,
        inventory: ReportsBucket | None = None,
        keep_old_versions: bool = False,
        takes_deliveries: bool = False,
        announces: bool = False,
    ) -> None:
        storage = stack.settings.storage
        name = bucket_name(stack.settings, role=role, account=stack.account, region=stack.region)
        super().__init__(
            stack,
            role.title().replace("-", ""),
            bucket_name=name,
            encryption=s3.BucketEncryption.KMS if encryption_key else s3.BucketEncryption.S3_MANAGED,
            encryption_key=encryption_key,
            bucket_key_enabled=encryption_key is not None,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            versioned=True,
            server_access_logs_bucket=logs,
            server_access_logs_prefix=f"{role}/",
            removal_policy=stack.removal_policy,
            auto_delete_objects=storage.removable,
            lifecycle_rules=[
                upkeep(storage, keep_old_versions=keep_old_versions, takes_deliveries=takes_deliveries),
                *lifecycle,
            ],
            inventories=[_inventory(inventory, stack=stack)] if inventory else None,
            replication_rules=list(replication.rules) if replication else None,
            replication_role=replication.role if replication else None,
        )
        self.known_name = name
        """The name, which reads alike in every stack and depends on none."""
        self.known_arn = f"arn:aws:s3:::{name}"
        if inventory is not None and Stack.of(inventory) is not stack:
            inventory.admit_inventory_of(self)
        if sole_copy:
            acknowledge(self, reason=sole_copy, rules=("NIST.800.53.R5-S3BucketReplicationEnabled",))
        if encryption_key is None:
            acknowledge(self, reason=_S3_KEYS, rules=("NIST.800.53.R5-S3DefaultEncryptionKMS",))
        if announces:
            # event_bridge_enabled would deploy a custom resource for what is one property of the bucket
            resource = self.node.default_child
            assert isinstance(resource, s3.CfnBucket)  # noqa: S101 - what Bucket is made of
            resource.notification_configuration = s3.CfnBucket.NotificationConfigurationProperty(
                event_bridge_configuration=s3.CfnBucket.EventBridgeConfigurationProperty(event_bridge_enabled=True)
            )


def _inventory(reports: ReportsBucket, *, stack: Stack) -> s3.Inventory:
    destination: s3.IBucket = reports
    if Stack.of(reports) is not stack:
        # CDK would write this bucket's ARN into the policy of the other stack's, which this one depends on.
        destination = s3.Bucket.from_bucket_name(stack, "InventoryReports", reports.known_name)
    return s3.Inventory(
        inventory_id="daily",
        destination=s3.InventoryDestination(bucket=destination, prefix=INVENTORY_PREFIX),
        format=s3.InventoryFormat.CSV,
        frequency=s3.InventoryFrequency.DAILY,
        include_object_versions=s3.InventoryObjectVersion.ALL,
        optional_fields=list(FIELDS),
    )


class ReportsBucket(MediaBucket):
    """The bucket of one region that S3's inventories are written to, and the reports of our own checks."""

    def __init__(self, stack: ContextStack, *, logs: s3.IBucket) -> None:
        super().__init__(
            stack,
            "reports",
            logs=logs,
            lifecycle=reports(stack.settings.storage),
            sole_copy="It lists what lies in its own region, and is written anew every day.",
        )

    def admit_inventory_of(self, bucket: MediaBucket) -> None:
        """Let S3 write the inventory of a bucket of another stack; for those of its own stack, CDK does."""
        self.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.ServicePrincipal("s3.amazonaws.com")],
                actions=["s3:PutObject"],
                resources=[self.arn_for_objects(f"{INVENTORY_PREFIX}/*")],
                conditions={"ArnLike": {"aws:SourceArn": bucket.known_arn}},
            )
        )


class AccessLogBucket(s3.Bucket):
    """The bucket that receives access logs; it logs nothing itself, because that would never end."""

    def __init__(self, stack: ContextStack) -> None:
        storage = stack.settings.storage
        super().__init__(
            stack,
            "AccessLogs",
            encryption=s3.BucketEncryption.S3_MANAGED,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_PREFERRED,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            versioned=True,
            removal_policy=stack.removal_policy,
            auto_delete_objects=storage.removable,
            lifecycle_rules=[
                upkeep(storage),
                s3.LifecycleRule(id="Expire", expiration=Duration.days(storage.access_log_expiry_days)),
            ],
        )
        acknowledge(
            self,
            reason="Logs of one region's buckets are kept in that region, and expire.",
            rules=("NIST.800.53.R5-S3BucketReplicationEnabled",),
        )
        acknowledge(self, reason=_S3_KEYS, rules=("NIST.800.53.R5-S3DefaultEncryptionKMS",))
