"""The farm: AWS Batch queues whose jobs run the encoder on spot capacity first, and on demand after it."""

from __future__ import annotations

import re

from aws_cdk import Duration, Fn, Size
from aws_cdk import aws_batch as batch
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_ecr_assets as ecr_assets
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

from lambdas.common.batch import SHARE
from stacks.constructs.acknowledgement import acknowledge
from stacks.constructs.context_stack import ContextStack
from stacks.constructs.service_function import REPOSITORY

HOPELESS_EXIT_CODES = ("65", "70", "2")
"""Bad input, a defect of the encoder's own, wrong arguments: another attempt cannot help."""
_ECR_IMAGE = re.compile(
    r"(?P<account>\d{12})\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.amazonaws\.com/(?P<name>[^:@]+)(:(?P<tag>[^@]+))?"
)
_MOST_ATTEMPTS = 10
"""Of one job, by Batch's own limit."""
SPOT_RECLAIM_REASONS = {"ec2": "Host EC2*", "fargate": "Your Spot Task was interrupted*"}


class EncoderFarm(Construct):
    """Two compute environments, spot before on demand, behind two queues; a third has them the other way round.

    A studio waits for its inspection, so a backlog of encodes must not hold it up: inspections go first. Where they
    meet on demand, encodes that must be ready in time go before those that only found no room on spot; what of them
    does not fit on demand takes the room on spot, where it goes first as well. Within a queue the order is that of
    the jobs' scheduling priorities, and of their submission where those are equal.

    Parameters
    ----------
    stack
        The encoding stack.
    flow_logs
        The bucket that receives the network's flow logs.
    """

    def __init__(self, stack: ContextStack, construct_id: str, *, flow_logs: s3.IBucket) -> None:
        super().__init__(stack, construct_id)
        self._stack = stack
        encoding = stack.settings.encoding
        self._on_fargate = encoding.launch == "fargate"
        self.vpc = self._network(flow_logs)
        security_group = ec2.SecurityGroup(
            self,
            "Jobs",
            vpc=self.vpc,
            description="Encoder jobs: nothing comes in, HTTPS goes out.",
            allow_all_outbound=False,
        )
        security_group.add_egress_rule(ec2.Peer.any_ipv4(), ec2.Port.tcp(443), "AWS APIs over TLS")
        self._spot = self._capacity(spot=True, security_group=security_group)
        on_demand = self._capacity(spot=False, security_group=security_group)
        spot_first, on_demand_first = _in_order(self._spot, on_demand), _in_order(on_demand, self._spot)
        # Named in the policy, because Batch may fail to make up a share under many submissions at once.
        self._policy = batch.FairshareSchedulingPolicy(
            self, "Order", shares=[batch.Share(share_identifier=SHARE, weight_factor=1)]
        )
        self.inspection_queue = self._queue("InspectionQueue", priority=10, capacity=spot_first)
        self.on_demand_queue = self._queue("OnDemandQueue", priority=5, capacity=on_demand_first)
        self.encoding_queue = self._queue("EncodingQueue", priority=1, capacity=spot_first)
        self.log_group = stack.log_group("JobLogs", scope=self)
        self._image = (
            self._existing_image(encoding.image)
            if encoding.image
            else ecs.ContainerImage.from_docker_image_asset(
                ecr_assets.DockerImageAsset(
                    self,
                    "Image",
                    directory=str(REPOSITORY),
                    file="encoder/Dockerfile",
                    exclude=["*", "!encoder", "!encoder/**", "!lambdas", "!lambdas/**", "**/__pycache__"],
                    platform=ecr_assets.Platform.LINUX_ARM64,
                )
            )
        )
        self.execution_role = iam.Role(
            self,
            "ExecutionRole",
            assumed_by=iam.ServicePrincipal("ecs-tasks.amazonaws.com"),
            description="Pulls the encoder's image and writes its logs.",
        )
        if encoding.image is None or _ECR_IMAGE.fullmatch(encoding.image):
            acknowledge(
                self.execution_role,
                reason="ECR's GetAuthorizationToken knows no resources; the pull itself names one repository.",
                rules=("AwsSolutions-IAM5[Resource::*]",),
            )

    @property
    def queues(self) -> dict[str, batch.IJobQueue]:
        """Every queue, by name, in the order in which they are served."""
        return {
            "inspection": self.inspection_queue,
            "on-demand": self.on_demand_queue,
            "encoding": self.encoding_queue,
        }

    def _existing_image(self, uri: str) -> ecs.ContainerImage:
        """Return the image at `uri`; of a private ECR repository the jobs' hosts are let in."""
        found = _ECR_IMAGE.fullmatch(uri)
        if found is None:
            return ecs.ContainerImage.from_registry(uri)
        arn = f"arn:aws:ecr:{found['region']}:{found['account']}:repository/{found['name']}"
        repository = ecr.Repository.from_repository_attributes(
            self, "Repository", repository_arn=arn, repository_name=found["name"]
        )
        return ecs.ContainerImage.from_ecr_repository(repository, found["tag"] or "latest")

    def _queue(
        self, construct_id: str, *, priority: int, capacity: list[batch.OrderedComputeEnvironment]
    ) -> batch.JobQueue:
        """Declare a queue; of queues that share capacity, the one with the higher priority is served first."""
        return batch.JobQueue(
            self,
            construct_id,
            priority=priority,
            compute_environments=capacity,
            scheduling_policy=self._policy,
            job_state_time_limit_actions=[
                batch.JobStateTimeLimitAction(
                    action=batch.JobStateTimeLimitActionsAction.CANCEL,
                    max_time=Duration.hours(12),
                    reason=reason,
                    state=batch.JobStateTimeLimitActionsState.RUNNABLE,
                )
                for reason in (
                    batch.JobStateTimeLimitActionsReason.INSUFFICIENT_INSTANCE_CAPACITY,
                    batch.JobStateTimeLimitActionsReason.COMPUTE_ENVIRONMENT_MAX_RESOURCE,
                    batch.JobStateTimeLimitActionsReason.JOB_RESOURCE_REQUIREMENT,
                )
            ],
        )

    def job_definition(
        self,
        scope: Construct,
        construct_id: str,
        *,
        role: iam.IRole,
        timeout: Duration | None = None,
        jobs: dynamodb.ITableV2 | None = None,
    ) -> batch.EcsJobDefinition:
        """Declare in `scope` a job that runs ``python -m encoder`` as `role`; the submitter gives the command.

        A reclaimed spot host is worth another attempt, a hopeless exit never is, anything else is until the
        attempts are used up.

        Parameters
        ----------
        jobs
            The table in which the job claims what it does. Such a job's retries are its workflow's, but for reclaims.
        """
        encoding = self._stack.settings.encoding
        logging = ecs.LogDriver.aws_logs(stream_prefix="encoder", log_group=self.log_group)
        reclaimed = SPOT_RECLAIM_REASONS[encoding.launch]
        environment = {"ENCODER_THREADS": str(encoding.job_vcpus)}
        otherwise = batch.Action.RETRY
        if jobs is not None:
            otherwise = batch.Action.EXIT
            environment |= {
                "ENCODER_JOBS_TABLE": jobs.table_name,
                "ENCODER_VCPUS": str(encoding.job_vcpus),
                "ENCODER_MEMORY_MIB": str(encoding.job_memory_mib),
                "ENCODER_CAPACITY": "fargate-arm" if self._on_fargate else "ec2",
                "ENCODER_SPOT_ENVIRONMENT": self._spot.compute_environment_name,
            }
        container: batch.IEcsContainerDefinition
        if self._on_fargate:
            container = batch.EcsFargateContainerDefinition(
                scope,
                f"{construct_id}Container",
                image=self._image,
                cpu=encoding.job_vcpus,
                memory=Size.mebibytes(encoding.job_memory_mib),
                ephemeral_storage_size=Size.gibibytes(100),
                fargate_cpu_architecture=ecs.CpuArchitecture.ARM64,
                assign_public_ip=True,
                job_role=role,
                execution_role=self.execution_role,
                logging=logging,
                environment=environment,
            )
        else:
            container = batch.EcsEc2ContainerDefinition(
                scope,
                f"{construct_id}Container",
                image=self._image,
                cpu=encoding.job_vcpus,
                memory=Size.mebibytes(encoding.job_memory_mib),
                job_role=role,
                execution_role=self.execution_role,
                logging=logging,
                environment=environment,
            )
        return batch.EcsJobDefinition(
            scope,
            construct_id,
            container=container,
            propagate_tags=True,
            # An execution submits the revision that it began with, for days: a deregistered one would be refused.
            skip_deregister_on_update=True,
            retry_attempts=encoding.attempts if jobs is None else _MOST_ATTEMPTS,
            retry_strategies=[
                batch.RetryStrategy.of(batch.Action.RETRY, batch.Reason.custom(on_status_reason=reclaimed)),
                *(
                    batch.RetryStrategy.of(batch.Action.EXIT, batch.Reason.custom(on_exit_code=code))
                    for code in HOPELESS_EXIT_CODES
                ),
                batch.RetryStrategy.of(otherwise, batch.Reason.custom(on_exit_code="*")),
            ],
            timeout=timeout or Duration.minutes(encoding.job_timeout_minutes),
        )

    def _network(self, flow_logs: s3.IBucket) -> ec2.Vpc:
        """Public subnets without NAT for Fargate; private ones with NAT for EC2; S3 by a gateway endpoint for both."""
        public = ec2.SubnetConfiguration(
            name="public", subnet_type=ec2.SubnetType.PUBLIC, cidr_mask=20, map_public_ip_on_launch=False
        )
        private = ec2.SubnetConfiguration(name="jobs", subnet_type=ec2.SubnetType.PRIVATE_WITH_EGRESS, cidr_mask=18)
        zones = 2 if self._on_fargate else 3
        vpc = ec2.Vpc(
            self,
            "Network",
            # Named by index: without an account's number CDK knows of two zones only, whatever `max_azs` says.
            availability_zones=[Fn.select(zone, Fn.get_azs()) for zone in range(zones)],
            nat_gateways=0 if self._on_fargate else zones,
            subnet_configuration=[public] if self._on_fargate else [public, private],
            gateway_endpoints={
                "S3": ec2.GatewayVpcEndpointOptions(service=ec2.GatewayVpcEndpointAwsService.S3),
                "DynamoDb": ec2.GatewayVpcEndpointOptions(service=ec2.GatewayVpcEndpointAwsService.DYNAMODB),
            },
        )
        if not self._on_fargate:
            acknowledge(
                vpc,
                reason="The public subnets hold NAT gateways only; jobs run in private subnets.",
                rules=("NIST.800.53.R5-VPCNoUnrestrictedRouteToIGW",),
            )
        vpc.add_flow_log(
            "FlowLog",
            destination=ec2.FlowLogDestination.to_s3(flow_logs, "vpc/"),
            traffic_type=ec2.FlowLogTrafficType.REJECT,
        )
        return vpc

    def _capacity(
        self, *, spot: bool, security_group: ec2.SecurityGroup
    ) -> batch.FargateComputeEnvironment | batch.ManagedEc2EcsComputeEnvironment:
        encoding = self._stack.settings.encoding
        name = "Spot" if spot else "OnDemand"
        limit = encoding.spot_max_vcpus if spot else encoding.on_demand_max_vcpus
        if self._on_fargate:
            return batch.FargateComputeEnvironment(
                self,
                name,
                vpc=self.vpc,
                vpc_subnets=ec2.SubnetSelection(subnet_type=ec2.SubnetType.PUBLIC),
                security_groups=[security_group],
                spot=spot,
                maxv_cpus=limit,
            )
        capacity = batch.ManagedEc2EcsComputeEnvironment(
            self,
            name,
            vpc=self.vpc,
            vpc_subnets=ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_WITH_EGRESS),
            security_groups=[security_group],
            spot=spot,
            allocation_strategy=batch.AllocationStrategy.SPOT_PRICE_CAPACITY_OPTIMIZED
            if spot
            else batch.AllocationStrategy.BEST_FIT_PROGRESSIVE,
            instance_types=[
                ec2.InstanceType(f"{family}.{size}")
                for family in encoding.instance_families
                for size in ("4xlarge", "8xlarge")
            ],
            use_optimal_instance_classes=False,
            minv_cpus=0,
            maxv_cpus=limit,
            images=[batch.EcsMachineImage(image_type=batch.EcsMachineImageType.ECS_AL2023)],
            launch_template=self._launch_template(name),
        )
        acknowledge(
            capacity,
            reason="AWS's own policy for hosts that run containers; jobs have roles of their own.",
            rules=(
                (
                    "AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/"
                    "service-role/AmazonEC2ContainerServiceforEC2Role]"
                ),
            ),
        )
        return capacity

    def _launch_template(self, name: str) -> ec2.LaunchTemplate:
        """Return a template with an encrypted scratch disk and IMDSv2 only."""
        return ec2.LaunchTemplate(
            self,
            f"{name}Template",
            require_imdsv2=True,
            http_put_response_hop_limit=1,
            block_devices=[
                ec2.BlockDevice(
                    device_name="/dev/xvda",
                    volume=ec2.BlockDeviceVolume.ebs(
                        500,
                        encrypted=True,
                        volume_type=ec2.EbsDeviceVolumeType.GP3,
                        delete_on_termination=True,
                    ),
                )
            ],
        )


def _in_order(*environments: batch.IComputeEnvironment) -> list[batch.OrderedComputeEnvironment]:
    """Return environments as a queue turns to them: to the next one when those before it are full."""
    return [
        batch.OrderedComputeEnvironment(compute_environment=environment, order=order)
        for order, environment in enumerate(environments, start=1)
    ]
