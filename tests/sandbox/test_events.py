"""Events that fail: functions called by rules and topics, and targets that are gone."""

import json
from uuid import uuid4

import pytest

pytestmark = pytest.mark.embedded

_FAILING = "def handler(event, context): raise ValueError('broken')"


def _bus():
    return {"Type": "AWS::Events::EventBus", "Properties": {"Name": f"bus{uuid4().hex[:6]}"}}


def _publish(aws, bus):
    entry = {"EventBusName": bus, "Source": "marquee", "DetailType": "X", "Detail": '{"a": 1}'}
    aws("events").put_events(Entries=[entry])


def test_a_rules_function_that_fails_ends_in_its_dead_letter_queue(aws, deploy, function, eventually, received):
    outputs = deploy(
        {
            "Bus": _bus(),
            "Dead": {"Type": "AWS::SQS::Queue"},
            "F": function(_FAILING, DeadLetterConfig={"TargetArn": {"Fn::GetAtt": ["Dead", "Arn"]}}),
            "Rule": {
                "Type": "AWS::Events::Rule",
                "Properties": {
                    "EventBusName": {"Ref": "Bus"},
                    "EventPattern": {"source": ["marquee"]},
                    "Targets": [{"Id": "f", "Arn": {"Fn::GetAtt": ["F", "Arn"]}}],
                },
            },
        },
        {"Bus": {"Ref": "Bus"}, "Dead": {"Ref": "Dead"}},
    )
    _publish(aws, outputs["Bus"])
    (event,) = eventually(lambda: received(outputs["Dead"]))
    assert event["detail"] == {"a": 1}


def test_a_topics_function_that_fails_ends_in_its_dead_letter_queue(aws, deploy, function, eventually, received):
    outputs = deploy(
        {
            "Topic": {"Type": "AWS::SNS::Topic"},
            "Dead": {"Type": "AWS::SQS::Queue"},
            "F": function(_FAILING, DeadLetterConfig={"TargetArn": {"Fn::GetAtt": ["Dead", "Arn"]}}),
            "Subscription": {
                "Type": "AWS::SNS::Subscription",
                "Properties": {
                    "TopicArn": {"Ref": "Topic"},
                    "Protocol": "lambda",
                    "Endpoint": {"Fn::GetAtt": ["F", "Arn"]},
                },
            },
        },
        {"Topic": {"Ref": "Topic"}, "Dead": {"Ref": "Dead"}},
    )
    aws("sns").publish(TopicArn=outputs["Topic"], Message="hello")
    (event,) = eventually(lambda: received(outputs["Dead"]))
    assert event["Records"][0]["Sns"]["Message"] == "hello"


def test_a_failure_may_be_announced_on_a_bus(aws, deploy, function, eventually, received):
    outputs = deploy(
        {
            "Bus": _bus(),
            "Seen": {"Type": "AWS::SQS::Queue"},
            "F": function(_FAILING),
            "Config": {
                "Type": "AWS::Lambda::EventInvokeConfig",
                "Properties": {
                    "FunctionName": {"Ref": "F"},
                    "Qualifier": "$LATEST",
                    "MaximumRetryAttempts": 0,
                    "DestinationConfig": {"OnFailure": {"Destination": {"Fn::GetAtt": ["Bus", "Arn"]}}},
                },
            },
            "Rule": {
                "Type": "AWS::Events::Rule",
                "Properties": {
                    "EventBusName": {"Ref": "Bus"},
                    "EventPattern": {"detail-type": ["Lambda Function Invocation Result - Failure"]},
                    "Targets": [{"Id": "seen", "Arn": {"Fn::GetAtt": ["Seen", "Arn"]}}],
                },
            },
        },
        {"F": {"Ref": "F"}, "Seen": {"Ref": "Seen"}},
    )
    aws("lambda").invoke(FunctionName=outputs["F"], InvocationType="Event", Payload=json.dumps({"a": 1}))
    (event,) = eventually(lambda: received(outputs["Seen"]))
    assert event["source"] == "lambda"
    assert event["detail"]["requestPayload"] == {"a": 1}
    assert event["detail"]["responsePayload"]["errorType"] == "ValueError"


def test_an_event_that_cannot_be_delivered_is_kept(aws, deploy, eventually, received):
    outputs = deploy(
        {
            "Bus": _bus(),
            "Dead": {"Type": "AWS::SQS::Queue"},
            "Rule": {
                "Type": "AWS::Events::Rule",
                "Properties": {
                    "EventBusName": {"Ref": "Bus"},
                    "EventPattern": {"source": ["marquee"]},
                    "Targets": [
                        {
                            "Id": "gone",
                            "Arn": "arn:aws:sqs:us-east-1:000000000000:no-such-queue",
                            "RetryPolicy": {"MaximumRetryAttempts": 0},
                            "DeadLetterConfig": {"Arn": {"Fn::GetAtt": ["Dead", "Arn"]}},
                        }
                    ],
                },
            },
        },
        {"Bus": {"Ref": "Bus"}, "Dead": {"Ref": "Dead"}},
    )
    _publish(aws, outputs["Bus"])
    (event,) = eventually(lambda: received(outputs["Dead"]))
    assert event["detail"] == {"a": 1}
