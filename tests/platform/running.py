"""The deployed platform, as the tests look at it: clients, resources, executions, and everything it announces."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from boto3.dynamodb.conditions import Key

from lambdas.common.keys import DeliveryLocation
from lambdas.encoding.claims import JobRecord
from lambdas.encoding.job_store import JobStore
from lambdas.ingestion.arrival import arrival_of
from sandbox.demo import Demo, Up
from tests.platform.waiting import DEADLINE_S, eventually

Message = dict[str, Any]


class Mailbox:
    """All that has ever arrived in a queue."""

    def __init__(self, sqs: Any, *, url: str) -> None:
        self._sqs, self._url = sqs, url
        self._messages: list[Message] = []

    def all(self) -> list[Message]:
        """Return the messages so far, oldest first."""
        while fresh := self._sqs.receive_message(QueueUrl=self._url, MaxNumberOfMessages=10).get("Messages"):
            for message in fresh:
                self._messages.append(json.loads(message["Body"]))
                self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])
        return list(self._messages)

    def matching(self, wanted: Callable[[Message], bool]) -> list[Message]:
        return [message for message in self.all() if wanted(message)]

    def first(self, wanted: Callable[[Message], bool], *, what: str) -> Message:
        """Wait for a message and return it."""
        return eventually(lambda: self.matching(wanted), waiting_for=what)[0]

    def events(self, detail_type: str, **detail: object) -> list[Message]:
        """Return the details of the events of one type whose details are as given."""
        found = self.matching(lambda message: message["detail-type"] == detail_type)
        return [event["detail"] for event in found if detail.items() <= event["detail"].items()]

    def event(self, detail_type: str, *, seconds: float = DEADLINE_S, **detail: object) -> Message:
        """Wait for such an event, and return its detail."""
        what = f"{detail_type} of {detail}"
        return eventually(lambda: self.events(detail_type, **detail), waiting_for=what, seconds=seconds)[0]


@dataclass(kw_only=True)
class Running:
    """The platform, and the queues that listen to it.

    Attributes
    ----------
    arrivals
        What S3 announces of manifests.
    bus
        Every event on the platform's own bus.
    letters
        What the studios are told.
    """

    demo: Demo
    up: Up
    work_dir: Path
    take_down: Callable[[], None]
    arrivals: Mailbox = field(init=False)
    bus: Mailbox = field(init=False)
    letters: Mailbox = field(init=False)
    _clients: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.arrivals = self._tap("arrivals", bus="default", pattern={"source": ["aws.s3"]})
        self.bus = self._tap("bus", bus=self.bus_name, pattern={"source": [{"prefix": "marquee."}]})
        self.letters = self._subscriber("letters", topic=self.output("ingestion", "NotificationsTopic"))

    def close(self) -> None:
        for client in self._clients.values():
            client.close()
        self._clients.clear()

    def client(self, service: str) -> Any:
        if service not in self._clients:
            self._clients[service] = self.up.platform.client(service)
        return self._clients[service]

    def output(self, context: str, key: str) -> str:
        return self.up.platform.output(context, key)

    def resource(self, context: str, logical_id: str, *, kind: str) -> str:
        """Return the physical id of the resource of a stack, by the id in its construct's code."""
        pages = (
            self.client("cloudformation")
            .get_paginator("list_stack_resources")
            .paginate(StackName=f"marquee-sandbox-{context}")
        )
        found = [
            resource["PhysicalResourceId"]
            for page in pages
            for resource in page["StackResourceSummaries"]
            # CDK appends eight hexadecimal digits of a hash.
            if resource["LogicalResourceId"][:-8] == logical_id and resource["ResourceType"] == kind
        ]
        assert len(found) == 1, f"{context} has {found} of {logical_id} ({kind})"
        return str(found[0])

    @property
    def bus_name(self) -> str:
        return self.resource("governance", "Bus", kind="AWS::Events::EventBus")

    def invoke(self, context: str, function: str, event: Message) -> Message:
        """Call a deployed function as its trigger does, and return its answer."""
        name = self.resource(context, function, kind="AWS::Lambda::Function")
        answer = self.client("lambda").invoke(FunctionName=name, Payload=json.dumps(event).encode())
        payload = json.loads(answer["Payload"].read())
        assert "FunctionError" not in answer, payload
        return payload

    def announce(self, event: Message) -> None:
        """Put an event on the bus once more, as it was."""
        entry = {
            "EventBusName": self.bus_name,
            "Source": event["source"],
            "DetailType": event["detail-type"],
            "Detail": json.dumps(event["detail"]),
        }
        assert self.client("events").put_events(Entries=[entry])["FailedEntryCount"] == 0

    def arrival(self, delivery: DeliveryLocation) -> Message:
        """Wait for S3's event of a delivery's manifest, and return it."""
        return self.arrivals.first(
            lambda event: event["detail"]["object"]["key"] == delivery.manifest, what=f"the arrival of {delivery}"
        )

    def version_of(self, delivery: DeliveryLocation) -> str:
        return arrival_of(self.arrival(delivery)).version_id

    def executions(self, context: str) -> list[str]:
        """Return the names of all executions of a context's workflow."""
        pages = (
            self.client("stepfunctions")
            .get_paginator("list_executions")
            .paginate(stateMachineArn=self.output(context, "WorkflowArn"))
        )
        return [execution["name"] for page in pages for execution in page["executions"]]

    def ended(self, context: str, name: str) -> Message:
        """Wait for the end of an execution, and return its description."""
        states = self.client("stepfunctions")
        arn = f"{self.output(context, 'WorkflowArn').replace(':stateMachine:', ':execution:')}:{name}"

        def look() -> Message | None:
            try:
                execution: Message = states.describe_execution(executionArn=arn)
            except states.exceptions.ExecutionDoesNotExist:
                return None
            return execution if execution["status"] != "RUNNING" else None

        return eventually(look, waiting_for=f"the end of {context} {name}")

    def way(self, execution: Message) -> list[str]:
        """Return the names of the states that an execution has entered, in their order."""
        pages = (
            self.client("stepfunctions")
            .get_paginator("get_execution_history")
            .paginate(executionArn=execution["executionArn"])
        )
        entered = [event.get("stateEnteredEventDetails") for page in pages for event in page["events"]]
        return [details["name"] for details in entered if details]

    def jobs(self, name: str) -> list[Message]:
        """Return the Batch jobs of a name, the oldest first, each with its attempts: a retry is another job."""
        batch = self.client("batch")
        listed = batch.list_jobs(
            jobQueue=self.output("encoding", "JobQueueArn"), filters=[{"name": "JOB_NAME", "values": [name]}]
        )["jobSummaryList"]
        found: list[Message] = batch.describe_jobs(jobs=[job["jobId"] for job in listed])["jobs"]
        return sorted(found, key=lambda job: job["createdAt"])

    def claims(self, version_id: str) -> dict[str, JobRecord]:
        """Return what is recorded of a version's jobs, by their ids without the digests."""
        return {record.job.rpartition("/")[0]: record for record in self.records(version_id)}

    def records(self, version_id: str) -> tuple[JobRecord, ...]:
        """Return all that is recorded of a version's jobs."""
        store = JobStore(self.output("encoding", "JobsTable"), dynamodb=self.client("dynamodb"))
        return tuple(store.of_version(version_id))

    def played(self, title_id: str) -> str:
        """Return the version of a title that is played now."""
        table, key = self.output("playback", "PlayableTable"), {"title_id": {"S": title_id}}
        answer = self.client("dynamodb").get_item(TableName=table, Key=key, ConsistentRead=True)
        return str(answer["Item"]["version_id"]["S"])

    def playable(self, title_id: str, *, version_id: str) -> Message:
        """Wait until playback knows a version of a title as the one to play, and return what it knows."""
        table, key = self.output("playback", "PlayableTable"), {"title_id": {"S": title_id}}

        def look() -> Message | None:
            answer = self.client("dynamodb").get_item(TableName=table, Key=key, ConsistentRead=True)
            item: Message = answer.get("Item", {})
            return item if item.get("version_id") == {"S": version_id} else None

        return eventually(look, waiting_for=f"{version_id} to be what is played of {title_id}")

    def catalog(self, title_id: str) -> list[Message]:
        """Return everything that the catalog keeps of a title: itself, its versions, its audit records."""
        resource = self.up.platform.session.resource("dynamodb", endpoint_url=self.up.platform.endpoint)
        table = resource.Table(self.output("catalog", "TitlesTable"))
        items = table.query(KeyConditionExpression=Key("pk").eq(f"TITLE#{title_id}"), ConsistentRead=True)["Items"]
        resource.meta.client.close()
        return items

    def _tap(self, name: str, *, bus: str, pattern: Message) -> Mailbox:
        mailbox, arn = self._queue(name)
        events = self.client("events")
        events.put_rule(Name=f"test-{name}", EventBusName=bus, EventPattern=json.dumps(pattern))
        events.put_targets(Rule=f"test-{name}", EventBusName=bus, Targets=[{"Id": "queue", "Arn": arn}])
        return mailbox

    def _subscriber(self, name: str, *, topic: str) -> Mailbox:
        mailbox, arn = self._queue(name)
        self.client("sns").subscribe(
            TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"}
        )
        return mailbox

    def _queue(self, name: str) -> tuple[Mailbox, str]:
        sqs = self.client("sqs")
        url = sqs.create_queue(QueueName=f"test-{name}")["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        return Mailbox(sqs, url=url), arn
