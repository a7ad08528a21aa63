from decimal import Decimal

import pytest

from models import idle_cost as model
from models.idle_cost import PRICES, Item, UnclassifiedResourceError, idle_cost, table, total


def template(*resources):
    return {
        "Resources": {
            f"R{number}": {"Type": kind, "Properties": properties}
            for number, (kind, properties) in enumerate(resources)
        }
    }


def cost(*resources):
    return total(idle_cost([("context", template(*resources))]))


def test_what_bills_by_use_costs_nothing():
    assert cost(("AWS::S3::Bucket", {}), ("AWS::Lambda::Function", {}), ("AWS::StepFunctions::StateMachine", {})) == 0


def test_keys_and_their_replicas_bill_by_the_month():
    assert cost(("AWS::KMS::Key", {}), ("AWS::KMS::ReplicaKey", {})) == Decimal("2.00")


def test_servers_bill_by_the_hour_and_protocol():
    assert cost(("AWS::Transfer::Server", {"Protocols": ["SFTP"]})) == Decimal("219.00")
    assert cost(("AWS::Transfer::Server", {"Protocols": ["SFTP", "FTPS"]})) == Decimal("438.00")


def test_a_web_acl_bills_itself_and_each_rule():
    assert cost(("AWS::WAFv2::WebACL", {"Rules": [{}, {}, {}, {}]})) == Decimal("9.00")


def test_a_name_bills_its_zone_and_each_health_check():
    records = [("AWS::Route53::RecordSet", {})] * 2
    checks = [("AWS::Route53::HealthCheck", {})] * 2
    assert cost(("AWS::Route53::HostedZone", {}), *checks, *records) == Decimal("2.00")


def test_a_queue_that_lambda_polls_bills_the_polling():
    assert cost(("AWS::SQS::Queue", {})) == 0
    assert cost(("AWS::Lambda::EventSourceMapping", {})) == Decimal("0.26")
    assert cost(("AWS::Lambda::EventSourceMapping", {"StartingPosition": "TRIM_HORIZON"})) == 0


@pytest.mark.parametrize(
    ("schedule", "calls"),
    [
        ("rate(5 minutes)", 8760),
        ("rate(1 minute)", 43_800),
        ("rate(1 hour)", 730),
        ("rate(2 days)", 15),
        ("cron(0 12 * * ? *)", 0),
        ("", 0),
    ],
)
def test_a_rule_that_calls_by_itself_bills_each_call(schedule, calls):
    rule = {"Targets": [{}]} | ({"ScheduleExpression": schedule} if schedule else {})
    assert cost(("AWS::Events::Rule", rule)) == PRICES["scheduled call"].usd * calls


def test_storage_lens_and_inventories_bill_by_the_object():
    assert cost(("AWS::S3::StorageLens", {}), ("AWS::S3::Bucket", {"InventoryConfigurations": [{}]})) == 0


def test_a_gateway_and_its_address_bill_apart():
    assert cost(("AWS::EC2::NatGateway", {}), ("AWS::EC2::EIP", {})) == Decimal("36.50")


def test_an_endpoint_bills_in_each_zone_unless_it_is_a_gateway():
    interface = {"VpcEndpointType": "Interface", "SubnetIds": ["a", "b", "c"]}
    assert cost(("AWS::EC2::VPCEndpoint", interface)) == Decimal("21.90")
    assert cost(("AWS::EC2::VPCEndpoint", {"VpcEndpointType": "Gateway"})) == 0
    assert cost(("AWS::EC2::VPCEndpoint", {})) == 0


def test_an_alarm_bills_each_metric_that_it_reads():
    assert cost(("AWS::CloudWatch::Alarm", {"MetricName": "Errors", "Period": 300})) == Decimal("0.10")
    formula = {
        "Metrics": [
            {"Id": "sum", "Expression": "failed + late"},
            {"Id": "failed", "MetricStat": {"Period": 300}},
            {"Id": "late", "MetricStat": {"Period": 10}},
        ]
    }
    assert cost(("AWS::CloudWatch::Alarm", formula)) == Decimal("0.40")


def test_capacity_that_waits_is_an_error_until_it_has_a_price():
    assert cost(("AWS::Batch::ComputeEnvironment", {"ComputeResources": {"MinvCpus": 0}})) == 0
    assert cost(("AWS::DynamoDB::GlobalTable", {"BillingMode": "PAY_PER_REQUEST"})) == 0
    with pytest.raises(UnclassifiedResourceError, match="context/R0: this AWS::Batch::ComputeEnvironment"):
        cost(("AWS::Batch::ComputeEnvironment", {"ComputeResources": {"MinvCpus": 16}}))
    with pytest.raises(UnclassifiedResourceError, match="bills while idle"):
        cost(("AWS::DynamoDB::GlobalTable", {"BillingMode": "PROVISIONED"}))


def test_a_type_that_nobody_has_classified_is_an_error():
    with pytest.raises(UnclassifiedResourceError, match=r"context/R0: does AWS::RDS::DBCluster bill while idle\?"):
        cost(("AWS::RDS::DBCluster", {}))


def test_a_resource_without_properties_is_read_too():
    assert idle_cost([("context", {"Resources": {"Key": {"Type": "AWS::KMS::Key"}}})])


def test_items_of_a_context_are_added_up_over_its_stacks():
    stack = template(("AWS::KMS::Key", {}))
    assert idle_cost([("storage", stack), ("storage", stack)]) == (
        Item(context="storage", price="KMS key", quantity=2),
    )


def test_every_price_says_where_it_stands():
    for price in PRICES.values():
        assert price.usd > 0
        assert price.source.startswith("aws.amazon.com/")


def test_no_type_is_classified_twice():
    assert not set(model._BILLED) & set(model._FREE_ON_CONDITION)
    assert not (set(model._BILLED) | set(model._FREE_ON_CONDITION)) & model._FREE


def test_the_sheet_adds_up():
    items = idle_cost([("storage", template(("AWS::KMS::Key", {}))), ("playback", template(("AWS::EC2::EIP", {})))])
    assert table(items, title="sandbox").splitlines() == [
        "sandbox",
        "",
        "context     what bills                      number         USD",
        "playback    public IPv4 address                  1        3.65",
        "storage     KMS key                              1        1.00",
        "total                                                     4.65",
    ]


def test_the_command_prints_the_sheet(monkeypatch, capsys):
    asked = []

    def templates(profile, opt_ins):
        asked.append((profile, opt_ins))
        return [("storage", template(("AWS::KMS::Key", {})))]

    monkeypatch.setattr(model, "_templates", templates)
    model.main(["sandbox", "--opt-in", "sftp"])
    assert asked == [("sandbox", ("sftp",))]
    printed = capsys.readouterr().out
    assert printed.startswith("sandbox + sftp: USD a month while idle (us-east-1, list prices of 2026-11)")
    assert printed.endswith("1.00\n")
