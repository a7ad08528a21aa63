"""AWS's quotas that the platform comes near to: what it needs, and what a new account has.

Defaults as AWS documents them (`DATED`); those that an account may raise say by which code.
"""

from __future__ import annotations

from collections.abc import Callable
from math import ceil
from typing import NamedTuple

from models.bandwidth import Audience, Tiers
from models.cost import (
    DAYS_A_MONTH,
    WORKLOADS,
    Workload,
    acl_log_bytes_a_second,
    calls_log_bytes_a_second,
    edge_requests_a_second,
)
from stacks.assembly import Assembly
from stacks.settings import profile

DATED = "2026-11"
_GIB_A_TIB = 1024
_VCPUS_AN_XLARGE = 4
_BYTES_A_MB = 1e6


class Quota(NamedTuple):
    """One quota."""

    service: str
    name: str
    code: str
    """Service Quotas' own; empty: it cannot be raised there, or the code is not known."""
    default: int
    needs: Callable[[Assembly], int]
    why: str


def _count(*types: str) -> Callable[[Assembly], int]:
    return lambda assembly: len(assembly.of(*types))


def _most_in_a_stack(assembly: Assembly) -> int:
    return max((len(stack.template["Resources"]) for stack in assembly.stacks), default=0)


def _most_rules(assembly: Assembly) -> int:
    return sum("EventBusName" in rule.properties for rule in assembly.of("AWS::Events::Rule"))


def _vcpus(*, spot: bool) -> Callable[[Assembly], int]:
    def needs(assembly: Assembly) -> int:
        resources = [environment["ComputeResources"] for environment in assembly.of("AWS::Batch::ComputeEnvironment")]
        return sum(int(one["MaxvCpus"]) for one in resources if (one["Type"] in {"SPOT", "FARGATE_SPOT"}) is spot)

    return needs


def _longest_policies(assembly: Assembly) -> int:
    """The statements' bytes of the largest role: IAM counts all of a role's inline policies together."""
    sizes: dict[str, int] = {}
    for policy in assembly.of("AWS::IAM::Policy"):
        for role in policy["Roles"]:
            owner = assembly.text(role, policy.stack)
            text = assembly.text(policy["PolicyDocument"], policy.stack)
            sizes[owner] = sizes.get(owner, 0) + len("".join(text.split()))
    return max(sizes.values(), default=0)


def _requests(assembly: Assembly) -> int:
    """Requests a second that the stages of one Region's APIs let through together."""
    stages = (stage["DefaultRouteSettings"] for stage in assembly.of("AWS::ApiGatewayV2::Stage"))
    return sum(int(settings["ThrottlingRateLimit"]) for settings in stages)


def _at_once(assembly: Assembly) -> int:
    """Calls that work at the same time, where every API has as many requests as it lets through."""
    return ceil(_requests(assembly) * Workload().call_s)


def _volumes_tib(assembly: Assembly) -> int:
    """Of gp3, with as many hosts as all compute environments may have: each of the smallest of its types."""
    gib = {
        f"<{template.path}>": sum(
            volume["Ebs"]["VolumeSize"]
            for volume in template["LaunchTemplateData"].get("BlockDeviceMappings", ())
            if volume.get("Ebs", {}).get("VolumeType") == "gp3"
        )
        for template in assembly.of("AWS::EC2::LaunchTemplate")
    }
    whole = 0
    for environment in assembly.of("AWS::Batch::ComputeEnvironment"):
        computes = environment["ComputeResources"]
        if "LaunchTemplate" in computes:
            vcpus = min(_vcpus_of(kind) for kind in computes["InstanceTypes"])
            template = assembly.text(computes["LaunchTemplate"]["LaunchTemplateId"], environment.stack)
            whole += ceil(int(computes["MaxvCpus"]) / vcpus) * gib[template]
    return ceil(whole / _GIB_A_TIB)


def _vcpus_of(instance_type: str) -> int:
    """An ``xlarge`` has four, of the families that the farm takes, and an ``Nxlarge`` N times as many."""
    times = instance_type.partition(".")[2].removesuffix("xlarge")
    return _VCPUS_AN_XLARGE * int(times or 1)


def _audience(assembly: Assembly) -> Audience:
    """Who watches, by the profile's default workload, with the peak of `models.bandwidth`."""
    workload = WORKLOADS[assembly.profile]
    return Audience(viewing_hours_a_day=workload.viewing_hours / DAYS_A_MONTH, mean_mbps=workload.kbps / 1000)


def _cloudfront_gbps(assembly: Assembly) -> int:
    return ceil(_audience(assembly).peak_tbps * Tiers().cloudfront * 1000)


def _edge_requests(assembly: Assembly) -> int:
    return ceil(
        _audience(assembly).peak_over_mean
        * edge_requests_a_second(WORKLOADS[assembly.profile], profile(assembly.profile))
    )


def _acl_log_mb(assembly: Assembly) -> int:
    logs = (log.properties for log in assembly.of("AWS::WAFv2::LoggingConfiguration"))
    mean = acl_log_bytes_a_second(logs, WORKLOADS[assembly.profile], profile(assembly.profile))
    return ceil(_audience(assembly).peak_over_mean * mean / _BYTES_A_MB)


def _calls_log_mb(assembly: Assembly) -> int:
    functions = {one.path.partition("/")[2]: one.properties for one in assembly.of("AWS::Lambda::Function")}
    mean = calls_log_bytes_a_second(functions, WORKLOADS[assembly.profile], profile(assembly.profile))
    return ceil(_audience(assembly).peak_over_mean * mean / _BYTES_A_MB)


def _progress_writes(assembly: Assembly) -> int:
    return ceil(_audience(assembly).peak_viewers / WORKLOADS[assembly.profile].progress_s)


QUOTAS: tuple[Quota, ...] = (
    Quota("EC2", "vCPUs of standard Spot instances", "L-34B43A08", 5, _vcpus(spot=True), "the encoding farm, full"),
    Quota(
        "EC2", "vCPUs of standard On-Demand instances", "L-1216C47A", 5, _vcpus(spot=False),
        "titles with a deadline, and a farm that has left Spot",
    ),
    Quota("EC2", "Elastic IP addresses a Region", "L-0263D0A3", 5, _count("AWS::EC2::EIP"), "NAT gateways"),
    Quota("EBS", "TiB of gp3 volumes a Region", "L-7A658B76", 50, _volumes_tib, "the farm's hosts, as many as may be"),
    Quota("VPC", "VPCs a Region", "L-F678F1CE", 5, _count("AWS::EC2::VPC"), "the farm's, and the rate limiter's"),
    Quota(
        "Lambda", "concurrent executions", "L-B99A9384", 1_000, _at_once,
        "every route at its throttle, at 50 ms a call (assumed; a cold start takes 350); new accounts may have 10",
    ),
    Quota("CloudFormation", "resources in a stack", "", 500, _most_in_a_stack, "the largest stack"),
    Quota("IAM", "roles in an account", "L-FE177D64", 1_000, _count("AWS::IAM::Role"), "one a function"),
    Quota("IAM", "characters of a role's inline policies", "", 10_240, _longest_policies, "the role that may do most"),
    Quota("EventBridge", "rules on a bus", "L-244521F2", 300, _most_rules, "who hears what"),
    Quota("S3", "buckets in an account", "L-DC2B2D3D", 10_000, _count("AWS::S3::Bucket"), "all Regions together"),
    Quota("DynamoDB", "tables a Region", "L-F98FE922", 2_500, _count("AWS::DynamoDB::GlobalTable"), ""),
    Quota(
        "DynamoDB", "write units of a table, a second", "", 40_000, _progress_writes,
        "words of progress at the peak of the default workload, one unit each",
    ),
    Quota("Batch", "compute environments", "L-144F0CA5", 50, _count("AWS::Batch::ComputeEnvironment"), ""),
    Quota("Batch", "job queues", "", 50, _count("AWS::Batch::JobQueue"), ""),
    Quota("CloudFront", "distributions in an account", "L-24B04930", 500, _count("AWS::CloudFront::Distribution"), ""),
    Quota(
        "CloudFront", "Gbit/s of a distribution", "", 150, _cloudfront_gbps,
        "its tier's share of the peak of the default workload: `marquee model bandwidth`",
    ),
    Quota(
        "CloudFront", "requests a second of a distribution", "", 250_000, _edge_requests,
        "segments of its tier and every call of the API, at the peak of the default workload: beside a raise, the API "
        "on a distribution of its own",
    ),
    Quota(
        "CloudWatch Logs", "MB/s into an account's log groups: the web ACL's", "", 1_500, _acl_log_mb,
        "one request in 200, which a rule blocks or counts (assumed), at the peak; without the filter 200 times as "
        "much, which S3 or Firehose would have to take",
    ),
    Quota(
        "CloudWatch Logs", "MB/s into an account's log groups: functions' and the API's", "", 1_500, _calls_log_mb,
        "of a call 250 bytes of the API, and 1,000 of a function that is not quiet (assumed), at the peak",
    ),
    Quota(
        "API Gateway", "requests a second, all APIs", "L-8A5B8E43", 10_000, _requests, "all stages' throttles together"
    ),
    Quota("CloudWatch", "alarms a Region", "", 5_000, _count("AWS::CloudWatch::Alarm"), "one a function and queue"),
)  # fmt: skip
