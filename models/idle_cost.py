"""What a deployed platform costs while nobody uses it, from its templates: by context, in USD a month.

Only what bills without use is counted. What bills by the request, the gigabyte or the second of work is free while
idle; storage grows with what is kept, and is not idle cost. A resource type that nobody has classified is an error,
so that a new resource cannot bill unnoticed. AWS's free tiers are not deducted.

Run as ``python -m models.idle_cost sandbox``; add ``--opt-in sftp`` and the like.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from models.prices import DATED, REGION

HOURS_A_MONTH = 730
"""As AWS's own calculator has it: 365 days of 24 hours, over 12 months."""

Properties = Mapping[str, Any]
Template = Mapping[str, Any]


class UnclassifiedResourceError(LookupError):
    """Nobody has said whether a resource bills while idle; the message names the resource and the remedy."""


@dataclass(frozen=True, kw_only=True)
class Price:
    """A list price in `REGION`, in USD, and where it stands."""

    usd: Decimal
    hourly: bool = False
    source: str

    @property
    def a_month(self) -> Decimal:
        """The price of a month without use."""
        return self.usd * HOURS_A_MONTH if self.hourly else self.usd


PRICES: Mapping[str, Price] = {
    "KMS key": Price(
        usd=Decimal("1.00"),
        source="aws.amazon.com/kms/pricing: a customer-managed key, or its replica in another region, a month; "
        "its first and its second yearly rotation add as much each, which is not counted here",
    ),
    "secret": Price(usd=Decimal("0.40"), source="aws.amazon.com/secrets-manager/pricing: a secret a month"),
    "alarm metric": Price(
        usd=Decimal("0.10"), source="aws.amazon.com/cloudwatch/pricing: a standard-resolution alarm metric a month"
    ),
    "high-resolution alarm metric": Price(
        usd=Decimal("0.30"), source="aws.amazon.com/cloudwatch/pricing: a high-resolution alarm metric a month"
    ),
    "Transfer Family protocol": Price(
        usd=Decimal("0.30"), hourly=True, source="aws.amazon.com/aws-transfer-family/pricing: a protocol an hour"
    ),
    "web ACL": Price(usd=Decimal("5.00"), source="aws.amazon.com/waf/pricing: a web ACL a month"),
    "web ACL rule": Price(
        usd=Decimal("1.00"), source="aws.amazon.com/waf/pricing: a rule, or a managed group of AWS's, a month"
    ),
    "NAT gateway": Price(usd=Decimal("0.045"), hourly=True, source="aws.amazon.com/vpc/pricing: a NAT gateway an hour"),
    "public IPv4 address": Price(
        usd=Decimal("0.005"), hourly=True, source="aws.amazon.com/vpc/pricing: a public IPv4 address an hour"
    ),
    "hosted zone": Price(usd=Decimal("0.50"), source="aws.amazon.com/route53/pricing: a hosted zone a month"),
    "health check": Price(
        usd=Decimal("0.75"),
        source="aws.amazon.com/route53/pricing: a health check of an endpoint that Route 53 "
        "does not know as AWS's own, a month",
    ),
    "polled queue": Price(
        usd=Decimal("0.26"),
        source="aws.amazon.com/sqs/pricing: 0.40 a million requests, of which Lambda's five pollers of a standard "
        "queue make one each every 20 s, 657,000 a month",
    ),
    "scheduled call": Price(
        usd=Decimal("0.0000068667"),
        source="aws.amazon.com/lambda/pricing: a request at 0.20 a million, and 512 MiB for a second on Arm at "
        "0.0000133334 a GB-second; most take less",
    ),
    "Valkey cache": Price(
        usd=Decimal("0.0084"),
        hourly=True,
        source="aws.amazon.com/elasticache/pricing: serverless Valkey at 0.084 a GB an hour, of which an empty "
        "cache is metered 100 MB",
    ),
    "interface endpoint": Price(
        usd=Decimal("0.01"), hourly=True, source="aws.amazon.com/privatelink/pricing: an endpoint a zone an hour"
    ),
}

_ONE_MINUTE_S = 60
_RATE = re.compile(r"rate\((?P<count>\d+) (?P<unit>minute|hour|day)s?\)")
_MINUTES = {"minute": 1, "hour": 60, "day": 24 * 60}


def _alarm(properties: Properties) -> Counter[str]:
    """Return what an alarm bills: each metric that it reads, whether it reads them by itself or in a formula."""
    metrics = [query["MetricStat"] for query in properties.get("Metrics", ()) if "MetricStat" in query] or [properties]
    return Counter(
        "alarm metric" if metric["Period"] >= _ONE_MINUTE_S else "high-resolution alarm metric" for metric in metrics
    )


def _endpoint(properties: Properties) -> Counter[str]:
    if properties.get("VpcEndpointType", "Gateway") == "Gateway":
        return Counter()
    return Counter({"interface endpoint": len(properties["SubnetIds"])})


def _rule(properties: Properties) -> Counter[str]:
    """Return how often a month a rule calls its targets by itself; where that is once a day or less, it is nothing."""
    rate = _RATE.fullmatch(properties.get("ScheduleExpression", ""))
    if rate is None:
        return Counter()
    minutes = int(rate["count"]) * _MINUTES[rate["unit"]]
    return Counter({"scheduled call": HOURS_A_MONTH * 60 // minutes * len(properties["Targets"])})


_BILLED: Mapping[str, Callable[[Properties], Counter[str]]] = {
    "AWS::CloudWatch::Alarm": _alarm,
    "AWS::EC2::EIP": lambda _: Counter({"public IPv4 address": 1}),
    "AWS::EC2::NatGateway": lambda _: Counter({"NAT gateway": 1}),
    "AWS::EC2::VPCEndpoint": _endpoint,
    "AWS::ElastiCache::ServerlessCache": lambda _: Counter({"Valkey cache": 1}),
    "AWS::Events::Rule": _rule,
    "AWS::KMS::Key": lambda _: Counter({"KMS key": 1}),
    "AWS::KMS::ReplicaKey": lambda _: Counter({"KMS key": 1}),
    # Of a stream, Lambda reads for nothing.
    "AWS::Lambda::EventSourceMapping": lambda mapping: Counter({"polled queue": "StartingPosition" not in mapping}),
    "AWS::Route53::HealthCheck": lambda _: Counter({"health check": 1}),
    "AWS::Route53::HostedZone": lambda _: Counter({"hosted zone": 1}),
    "AWS::SecretsManager::Secret": lambda _: Counter({"secret": 1}),
    "AWS::Transfer::Server": lambda server: Counter({"Transfer Family protocol": len(server["Protocols"])}),
    "AWS::WAFv2::WebACL": lambda acl: Counter({"web ACL": 1, "web ACL rule": len(acl["Rules"])}),
}
"""What each type bills while idle: the names of prices, and how often."""

_FREE_ON_CONDITION: Mapping[str, Callable[[Properties], bool]] = {
    "AWS::Batch::ComputeEnvironment": lambda environment: not environment["ComputeResources"].get("MinvCpus"),
    "AWS::DynamoDB::GlobalTable": lambda table: table["BillingMode"] == "PAY_PER_REQUEST",
}
"""Types that bill nothing while idle as long as this holds."""

_FREE = frozenset(
    {
        "AWS::ApiGatewayV2::Api",
        "AWS::ApiGatewayV2::Authorizer",
        "AWS::ApiGatewayV2::Integration",
        "AWS::ApiGatewayV2::Route",
        "AWS::ApiGatewayV2::Stage",
        # AppConfig bills what is received of it: who asks for the mode does so once a title.
        "AWS::AppConfig::Application",
        "AWS::AppConfig::ConfigurationProfile",
        "AWS::AppConfig::Deployment",
        "AWS::AppConfig::DeploymentStrategy",
        "AWS::AppConfig::Environment",
        "AWS::AppConfig::HostedConfigurationVersion",
        "AWS::Batch::JobDefinition",
        "AWS::CDK::Metadata",
        "AWS::Batch::JobQueue",
        "AWS::Batch::SchedulingPolicy",
        "AWS::Budgets::Budget",
        "AWS::CloudFront::CachePolicy",
        "AWS::CloudFront::Distribution",
        "AWS::CloudFront::Function",
        "AWS::CloudFront::KeyValueStore",
        "AWS::CloudFront::OriginAccessControl",
        "AWS::CloudFront::ResponseHeadersPolicy",
        "AWS::Cognito::UserPool",
        "AWS::Cognito::ManagedLoginBranding",
        "AWS::Cognito::UserPoolClient",
        "AWS::Cognito::UserPoolDomain",
        "AWS::Cognito::UserPoolGroup",
        "AWS::EC2::FlowLog",
        "AWS::EC2::InternetGateway",
        "AWS::EC2::LaunchTemplate",
        "AWS::EC2::Route",
        "AWS::EC2::RouteTable",
        "AWS::EC2::SecurityGroup",
        "AWS::EC2::Subnet",
        "AWS::EC2::SubnetRouteTableAssociation",
        "AWS::EC2::VPC",
        "AWS::EC2::VPCGatewayAttachment",
        "AWS::EC2::SecurityGroupEgress",
        "AWS::EC2::SecurityGroupIngress",
        "AWS::ElastiCache::User",
        "AWS::ElastiCache::UserGroup",
        "AWS::Events::EventBus",
        "AWS::IAM::InstanceProfile",
        "AWS::IAM::Policy",
        "AWS::IAM::Role",
        "AWS::Lambda::Function",
        "AWS::Lambda::LayerVersion",
        "AWS::Lambda::Permission",
        "AWS::Logs::LogGroup",
        "AWS::S3::Bucket",
        "AWS::Route53::RecordSet",
        "AWS::S3::BucketPolicy",
        "AWS::S3::StorageLens",
        "AWS::SNS::Subscription",
        "AWS::SNS::Topic",
        "AWS::SNS::TopicPolicy",
        "AWS::SQS::Queue",
        "AWS::SQS::QueuePolicy",
        "AWS::StepFunctions::StateMachine",
        "AWS::Transfer::User",
        "AWS::WAFv2::LoggingConfiguration",
        "Custom::CDKBucketDeployment",
        "Custom::EdgeKeys",
        "Custom::SignIn",
        "Custom::S3AutoDeleteObjects",
        "Custom::VpcRestrictDefaultSG",
    }
)
"""Types that bill by use only, or not at all."""


@dataclass(frozen=True, kw_only=True)
class Item:
    """So many of one price in one context."""

    context: str
    price: str
    quantity: int

    @property
    def usd_a_month(self) -> Decimal:
        """What they cost a month."""
        return PRICES[self.price].a_month * self.quantity


def idle_cost(templates: Iterable[tuple[str, Template]]) -> tuple[Item, ...]:
    """Return what bills while idle, by context and price.

    Parameters
    ----------
    templates
        The context and the template of each stack.

    Raises
    ------
    UnclassifiedResourceError
        If a resource's type, or what it is set to, is not known to bill or to be free.
    """
    counts: Counter[tuple[str, str]] = Counter()
    for context, template in templates:
        for name, resource in template["Resources"].items():
            billed = _billed(resource["Type"], resource.get("Properties", {}), name=f"{context}/{name}")
            counts.update({(context, price): quantity for price, quantity in billed.items()})
    return tuple(Item(context=context, price=price, quantity=count) for (context, price), count in counts.items())


def total(items: Iterable[Item]) -> Decimal:
    """Return the sum in USD a month."""
    return sum((item.usd_a_month for item in items), Decimal(0))


def _billed(kind: str, properties: Properties, *, name: str) -> Counter[str]:
    if kind in _BILLED:
        return _BILLED[kind](properties)
    if kind in _FREE:
        return Counter()
    if kind not in _FREE_ON_CONDITION:
        raise UnclassifiedResourceError(
            f"{name}: does {kind} bill while idle? Give it a price or call it free in models/idle_cost.py"
        )
    if not _FREE_ON_CONDITION[kind](properties):
        raise UnclassifiedResourceError(f"{name}: this {kind} is provisioned and bills while idle: give it a price")
    return Counter()


def table(items: Sequence[Item], *, title: str) -> str:
    """Return the cost sheet, as text."""
    rows = [
        (item.context, item.price, str(item.quantity), f"{item.usd_a_month:,.2f}")
        for item in sorted(items, key=lambda item: (item.context, item.price))
    ]
    rows = [("context", "what bills", "number", "USD"), *rows, ("total", "", "", f"{total(items):,.2f}")]
    lines = [f"{context:<12}{what:<32}{number:>6}{usd:>12}" for context, what, number, usd in rows]
    return "\n".join([title, "", *lines, ""])


def _templates(profile: str, opt_ins: tuple[str, ...]) -> list[tuple[str, Template]]:
    # The model itself needs no CDK, and importing CDK takes seconds.
    from stacks import settings  # noqa: PLC0415
    from stacks.synthesis import synthesise  # noqa: PLC0415

    with tempfile.TemporaryDirectory() as folder:
        synthesis = synthesise(settings.profile(profile, opt_ins=opt_ins), Path(folder))
        return [(stack.context, synthesis.templates[name]) for name, stack in synthesis.stacks.items()]


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the cost sheet of a profile."""
    parser = argparse.ArgumentParser(prog="python -m models.idle_cost", description="What a profile costs while idle.")
    parser.add_argument("profile", help="sandbox or production")
    parser.add_argument("--opt-in", action="append", default=[], help="what the sandbox switches on: sftp, web_acl …")
    asked = parser.parse_args(arguments)
    items = idle_cost(_templates(asked.profile, tuple(asked.opt_in)))
    added = "".join(f" + {opt}" for opt in asked.opt_in)
    title = f"{asked.profile}{added}: USD a month while idle ({REGION}, list prices of {DATED})"
    sys.stdout.write(table(items, title=title))


if __name__ == "__main__":
    main()
