"""Where requests are counted: a serverless Valkey cache, and the private network that functions reach it by."""

from __future__ import annotations

from dataclasses import dataclass

from aws_cdk import ArnFormat, Duration, Fn, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_elasticache as elasticache
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

from lambdas.common.rate_limits import METRICS, METRICS_SERVICE, UNCHECKED_METRIC, RateLimitEnvironment
from stacks.constructs.context_stack import ContextStack

_PORT = 6379
_ZONES = 2
ACCESS = "on ~rate:* -@all +evalsha +script|load +time +lindex +llen +lpop +rpush +pexpire"
"""What the cache's user may do: all that the script and its caller use."""
_JOIN_NETWORK = (
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
)
_LEAST_UNITS = 1000
_UNITS_A_REQUEST = 10
_MOST_GB = 5
_UNCHECKED_THRESHOLD = 10


@dataclass(frozen=True, kw_only=True)
class RateLimit:
    """The limit of one function: what it has to know, and how it reaches the cache."""

    environment: RateLimitEnvironment
    network: ec2.IVpc
    asker: ec2.ISecurityGroup
    identities: tuple[str, ...]
    """The ARNs of the cache and of its user."""

    def let(self, role: iam.Role) -> None:
        """Let a function's role connect to the cache, and Lambda join the network in its name."""
        role.add_to_policy(iam.PolicyStatement(actions=["elasticache:Connect"], resources=list(self.identities)))
        role.add_to_policy(iam.PolicyStatement(actions=list(_JOIN_NETWORK), resources=["*"]))


class RateLimiter(Construct):
    """A cache that only our functions reach: by network, by TLS, and by IAM as a user of eight commands.

    The subnets have no way out. The functions reach what else they use by endpoints, whose policies name the calls.

    Parameters
    ----------
    stack
        Where it stands.
    flow_logs
        The bucket that receives the network's flow logs.
    """

    def __init__(self, stack: ContextStack, construct_id: str, *, flow_logs: s3.IBucket) -> None:
        super().__init__(stack, construct_id)
        self._settings = stack.settings
        self._network = ec2.Vpc(
            self,
            "Network",
            # Named by index: see the farm's network.
            availability_zones=[Fn.select(zone, Fn.get_azs()) for zone in range(_ZONES)],
            nat_gateways=0,
            subnet_configuration=[
                ec2.SubnetConfiguration(name="functions", subnet_type=ec2.SubnetType.PRIVATE_ISOLATED, cidr_mask=19)
            ],
        )
        self._network.add_flow_log(
            "FlowLog",
            destination=ec2.FlowLogDestination.to_s3(flow_logs, "vpc/"),
            traffic_type=ec2.FlowLogTrafficType.REJECT,
        )
        self._asker = self._security_group("Functions", description="Functions that ask: nothing comes in.")
        # There is no route out but to endpoints, and those of gateways have addresses that only AWS knows.
        self._asker.add_egress_rule(ec2.Peer.any_ipv4(), ec2.Port.tcp(443), "AWS APIs over TLS, by endpoints")
        self._endpoints()
        self._name = f"{stack.settings.namespace}-{stack.settings.profile}-limits"
        self._cache = self._valkey()
        stack.alarm(
            "Unchecked",
            metric=cloudwatch.Metric(
                namespace=METRICS,
                metric_name=UNCHECKED_METRIC,
                dimensions_map={"service": METRICS_SERVICE},
                period=Duration.minutes(5),
                statistic="Sum",
            ),
            threshold=_UNCHECKED_THRESHOLD,
            description="Requests pass without being counted: Valkey is away.",
        )

    def limit(self, policy: str, *, quota: int) -> RateLimit:
        """Return the limit of functions that answer one endpoint: `quota` requests of a viewer in any minute."""
        address, port = self._cache.attr_endpoint_address, self._cache.attr_endpoint_port
        return RateLimit(
            environment=RateLimitEnvironment(
                rate_limit_url=f"valkeys://{self._name}@{address}:{port}",
                rate_limit_policy=policy,
                rate_limit_quota=quota,
            ),
            network=self._network,
            asker=self._asker,
            identities=(self._arn("serverlesscache"), self._arn("user")),
        )

    def _arn(self, kind: str) -> str:
        return Stack.of(self).format_arn(
            service="elasticache", resource=kind, resource_name=self._name, arn_format=ArnFormat.COLON_RESOURCE_NAME
        )

    def _security_group(self, construct_id: str, *, description: str) -> ec2.SecurityGroup:
        return ec2.SecurityGroup(
            self, construct_id, vpc=self._network, description=description, allow_all_outbound=False
        )

    def _valkey(self) -> elasticache.CfnServerlessCache:
        """Declare the cache. Transport and rest are always encrypted in a serverless one; it holds times only."""
        wall = self._security_group("Cache", description="The cache: functions that ask come in, nothing goes out.")
        wall.add_ingress_rule(self._asker, ec2.Port.tcp(_PORT), "the script")
        self._asker.add_egress_rule(wall, ec2.Port.tcp(_PORT), "the script")
        user = elasticache.CfnUser(
            self,
            "User",
            engine="valkey",
            user_id=self._name,
            # ElastiCache takes an IAM identity only where both are the same.
            user_name=self._name,
            authentication_mode={"Type": "iam"},
            access_string=ACCESS,
        )
        group = elasticache.CfnUserGroup(self, "Users", engine="valkey", user_group_id=self._name, user_ids=[user.ref])
        requests_a_second = self._settings.playback.api_rate_per_s
        return elasticache.CfnServerlessCache(
            self,
            "Valkey",
            engine="valkey",
            major_engine_version="8",
            serverless_cache_name=self._name,
            description="Grants of the last minute, by viewer and endpoint.",
            security_group_ids=[wall.security_group_id],
            subnet_ids=[subnet.subnet_id for subnet in self._network.isolated_subnets],
            user_group_id=group.ref,
            cache_usage_limits=elasticache.CfnServerlessCache.CacheUsageLimitsProperty(
                data_storage=elasticache.CfnServerlessCache.DataStorageProperty(maximum=_MOST_GB, unit="GB"),
                ecpu_per_second=elasticache.CfnServerlessCache.ECPUPerSecondProperty(
                    maximum=max(_LEAST_UNITS, _UNITS_A_REQUEST * requests_a_second)
                ),
            ),
        )

    def _endpoints(self) -> None:
        """Declare the way to each service that a limited function uses; gateways are free, interfaces are not."""
        gateways = {
            "DynamoDb": (ec2.GatewayVpcEndpointAwsService.DYNAMODB, ("dynamodb:*",)),
            # Who may list a bucket is told that an object is missing, and not that it is forbidden.
            "S3": (ec2.GatewayVpcEndpointAwsService.S3, ("s3:GetObject", "s3:ListBucket")),
        }
        for name, (service, actions) in gateways.items():
            self._network.add_gateway_endpoint(name, service=service).add_to_policy(self._of_this_account(*actions))
        interfaces = {
            "SecretsManager": (ec2.InterfaceVpcEndpointAwsService.SECRETS_MANAGER, "secretsmanager:GetSecretValue"),
            "Kms": (ec2.InterfaceVpcEndpointAwsService.KMS, "kms:Decrypt"),
        }
        door = self._security_group("Endpoints", description="Interface endpoints: functions come in over TLS.")
        door.add_ingress_rule(self._asker, ec2.Port.tcp(443), "AWS APIs over TLS")
        for name, (interface, action) in interfaces.items():
            endpoint = self._network.add_interface_endpoint(name, service=interface, security_groups=[door], open=False)
            endpoint.add_to_policy(self._of_this_account(action))

    def _of_this_account(self, *actions: str) -> iam.PolicyStatement:
        """Return what an endpoint lets through: some calls, of our identities. What each may, its role says."""
        return iam.PolicyStatement(
            actions=list(actions),
            principals=[iam.AnyPrincipal()],
            resources=["*"],
            conditions={"StringEquals": {"aws:PrincipalAccount": Stack.of(self).account}},
        )
