"""S3 Storage Lens: what lies where, in all buckets of the account, and what it does there."""

from __future__ import annotations

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

from stacks.constructs.context_stack import ContextStack
from stacks.constructs.media_bucket import MediaBucket

_PREFIX = "storage-lens"
_Lens = s3.CfnStorageLens


class StorageLens(Construct):
    """One dashboard a profile: free metrics in the sandbox; in production activity, cost and protection, exported.

    The advanced metrics bill by the object: 0.20 USD a million and month (us-east-1, list price, 2026-11).
    """

    def __init__(self, stack: ContextStack, construct_id: str, *, reports: MediaBucket) -> None:
        super().__init__(stack, construct_id)
        advanced = stack.settings.production
        name = f"{stack.settings.namespace}-{stack.settings.profile}"
        lens = _Lens(
            self,
            "Resource",
            storage_lens_configuration=_Lens.StorageLensConfigurationProperty(
                id=name,
                is_enabled=True,
                account_level=_advanced_metrics() if advanced else _free_metrics(),
                data_export=_export(reports) if advanced else None,
            ),
        )
        if advanced:
            reports.add_to_resource_policy(
                iam.PolicyStatement(
                    sid="StorageLens",
                    principals=[iam.ServicePrincipal("storage-lens.s3.amazonaws.com")],
                    actions=["s3:PutObject"],
                    resources=[reports.arn_for_objects(f"{_PREFIX}/*")],
                    conditions={
                        "StringEquals": {
                            "aws:SourceAccount": Stack.of(self).account,
                            "aws:SourceArn": stack.format_arn(
                                service="s3", resource="storage-lens", resource_name=name
                            ),
                        }
                    },
                )
            )
            if reports.policy:
                lens.node.add_dependency(reports.policy)


def _free_metrics() -> _Lens.AccountLevelProperty:
    return _Lens.AccountLevelProperty(bucket_level=_Lens.BucketLevelProperty())


def _advanced_metrics() -> _Lens.AccountLevelProperty:
    activity = _Lens.ActivityMetricsProperty(is_enabled=True)
    cost = _Lens.AdvancedCostOptimizationMetricsProperty(is_enabled=True)
    protection = _Lens.AdvancedDataProtectionMetricsProperty(is_enabled=True)
    return _Lens.AccountLevelProperty(
        activity_metrics=activity,
        advanced_cost_optimization_metrics=cost,
        advanced_data_protection_metrics=protection,
        bucket_level=_Lens.BucketLevelProperty(
            activity_metrics=activity,
            advanced_cost_optimization_metrics=cost,
            advanced_data_protection_metrics=protection,
        ),
    )


def _export(reports: MediaBucket) -> _Lens.DataExportProperty:
    return _Lens.DataExportProperty(
        s3_bucket_destination=_Lens.S3BucketDestinationProperty(
            account_id=Stack.of(reports).account,
            arn=reports.bucket_arn,
            format="CSV",
            output_schema_version="V_1",
            prefix=_PREFIX,
            encryption=_Lens.EncryptionProperty(sses3={}),
        )
    )
