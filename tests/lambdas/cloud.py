"""What handlers find around them, on moto: a bus that can be read back, and buckets."""

import json
from typing import Any

from lambdas.common.aws import client


class Bus:
    """An event bus whose every event lands in a queue, as its rules' targets would get it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._sqs = client("sqs")
        events = client("events")
        self._queue = self._sqs.create_queue(QueueName=f"{name}-everything")["QueueUrl"]
        events.create_event_bus(Name=name)
        pattern = json.dumps({"source": [{"prefix": "marquee."}]})
        events.put_rule(Name="everything", EventBusName=name, EventPattern=pattern)
        target = {"Id": "queue", "Arn": queue_arn(self._queue)}
        events.put_targets(Rule="everything", EventBusName=name, Targets=[target])

    def envelopes(self) -> list[dict[str, Any]]:
        """The events since the last call, each in EventBridge's envelope."""
        return take_all(self._queue)


def queue_arn(url: str) -> str:
    attributes = client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    return attributes["Attributes"]["QueueArn"]


def take_all(queue_url: str) -> list[dict[str, Any]]:
    """The JSON bodies of all messages in a queue, which is empty afterwards."""
    sqs = client("sqs")
    bodies = []
    while messages := sqs.receive_message(QueueUrl=queue_url, MaxNumberOfMessages=10).get("Messages"):
        for message in messages:
            sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])
            bodies.append(json.loads(message["Body"]))
    return bodies


def state_machine(name: str) -> str:
    answer = client("stepfunctions").create_state_machine(
        name=name, definition="{}", roleArn="arn:aws:iam::123456789012:role/pipeline"
    )
    return answer["stateMachineArn"]


def executions(state_machine_arn: str) -> list[dict[str, Any]]:
    """The executions of a state machine: name and input of each."""
    states = client("stepfunctions")
    listed = states.list_executions(stateMachineArn=state_machine_arn)["executions"]
    described = (states.describe_execution(executionArn=one["executionArn"]) for one in listed)
    return [{"name": one["name"], "input": json.loads(one["input"])} for one in described]


def put(*, bucket: str, key: str, body: bytes | str) -> dict[str, Any]:
    return client("s3").put_object(Bucket=bucket, Key=key, Body=body)
