"""A second ingest region: where studios deliver while the primary one is away, and the name that leads to either."""

from __future__ import annotations

from aws_cdk import CfnOutput, Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_kms as kms
from aws_cdk import aws_route53 as route53
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from aws_cdk import aws_transfer as transfer
from constructs import Construct

from stacks.constructs.context_stack import ContextStack
from stacks.constructs.media_bucket import MediaBucket
from stacks.constructs.replication import Destination, Replication
from stacks.constructs.sftp_endpoint import SftpEndpoint
from stacks.settings import Settings
from stacks.storage import StorageReplicaStack

SFTP_PORT = 22
_TTL_S = "60"


class IngestRegionStack(ContextStack):
    """An SFTP server and its landing bucket, from which everything goes to the primary region's raw bucket.

    S3 does not replicate a replica again. What lands here is therefore sent to every raw replica as well, from here.

    Parameters
    ----------
    data_key
        The platform's multi-Region key, which encrypts what is sent on.
    replica
        The stack of the region's replicas: its key, which is a replica of `data_key`, its logs and its reports.
    """

    def __init__(
        self,
        scope: Construct,
        *,
        settings: Settings,
        region: str,
        data_key: kms.IKey,
        replica: StorageReplicaStack,
    ) -> None:
        super().__init__(
            scope,
            "ingestion",
            part=region,
            settings=settings,
            region=region,
            data_key=replica.data_key,
            description=f"Marquee: where studios deliver in {region}.",
        )
        # An alarm reaches topics of its own region only.
        self.alarms = sns.Topic(self, "Alarms", master_key=replica.data_key, enforce_ssl=True)
        if settings.governance.operations_email:
            self.alarms.add_subscription(subscriptions.EmailSubscription(settings.governance.operations_email))
        everywhere = (
            Destination(role="raw", region=settings.primary_region),
            *(Destination(role="raw-replica", region=other) for other in settings.storage.replica_regions),
        )
        replication = Replication(self, role="landing", settings=settings, data_key=data_key, destinations=everywhere)
        self.landing = MediaBucket(
            self,
            "landing",
            logs=replica.access_logs,
            encryption_key=replica.data_key,
            replication=replication,
            takes_deliveries=True,
            inventory=replica.reports,
            lifecycle=(
                # S3 lets nothing expire that waits for its replication; what could not be replicated is an alarm.
                s3.LifecycleRule(id="LandedExpires", expiration=Duration.days(settings.storage.landing_expiry_days)),
            ),
        )
        replication.watch(self)
        self.server = SftpEndpoint(self, "Sftp", bucket=self.landing, studios=settings.ingestion.studios).server


class IngestEndpointStack(ContextStack):
    """``sftp.⟨domain⟩``: the primary region's SFTP server as long as it answers, the second region's after that."""

    def __init__(
        self,
        scope: Construct,
        *,
        settings: Settings,
        domain: str,
        primary: transfer.CfnServer,
        second: IngestRegionStack,
        alarms: sns.ITopic,
    ) -> None:
        super().__init__(
            scope,
            "ingestion",
            part="endpoint",
            settings=settings,
            region=settings.primary_region,
            alarms=alarms,
            description="Marquee: the name under which studios deliver.",
        )
        zone = route53.CfnHostedZone(self, "Zone", name=domain)
        zone.apply_removal_policy(self.removal_policy)
        self._record(zone, primary, region=settings.primary_region, failover="PRIMARY")
        self._record(zone, second.server, region=second.region, failover="SECONDARY")
        CfnOutput(self, "SftpName", value=f"sftp.{domain}")
        CfnOutput(self, "ZoneId", value=zone.attr_id)

    def _record(self, zone: route53.CfnHostedZone, server: transfer.CfnServer, *, region: str, failover: str) -> None:
        host = f"{server.attr_server_id}.server.transfer.{region}.amazonaws.com"
        name = failover.title()
        check = route53.CfnHealthCheck(
            self,
            f"{name}Health",
            health_check_config=route53.CfnHealthCheck.HealthCheckConfigProperty(
                type="TCP",
                fully_qualified_domain_name=host,
                port=SFTP_PORT,
                request_interval=30,
                failure_threshold=3,
            ),
        )
        route53.CfnRecordSet(
            self,
            f"{name}Record",
            hosted_zone_id=zone.attr_id,
            name=f"sftp.{zone.name}",
            type="CNAME",
            ttl=_TTL_S,
            resource_records=[host],
            set_identifier=region,
            failover=failover,
            health_check_id=check.attr_health_check_id,
        )
        self.alarm(
            f"{name}Unreachable",
            metric=cloudwatch.Metric(
                namespace="AWS/Route53",
                metric_name="HealthCheckStatus",
                dimensions_map={"HealthCheckId": check.attr_health_check_id},
                statistic="Minimum",
                period=Duration.minutes(1),
            ),
            below=True,
            description=f"The SFTP server of {region} does not answer; studios are led to the other one.",
        )
