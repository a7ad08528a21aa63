"""What the platform announces on its bus, taken from a queue that listens."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from sandbox.deployed import Deployed


class Announcements:
    """The events of some types from now on, each once.

    Parameters
    ----------
    name
        Of the queue and its rule: no two of one platform may share it.
    detail_types
        Which events.
    detail
        What else they have to match, as EventBridge's patterns say it.
    """

    def __init__(
        self,
        platform: Deployed,
        *,
        name: str,
        detail_types: tuple[str, ...],
        detail: Mapping[str, object] | None = None,
    ) -> None:
        self._sqs, events = platform.client("sqs"), platform.client("events")
        self._url = self._sqs.create_queue(QueueName=name)["QueueUrl"]
        arn = self._sqs.get_queue_attributes(QueueUrl=self._url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        bus = f"{platform.namespace}-{platform.profile}"
        pattern: dict[str, object] = {"detail-type": detail_types}
        if detail:
            pattern["detail"] = detail
        events.put_rule(Name=name, EventBusName=bus, EventPattern=json.dumps(pattern))
        events.put_targets(Rule=name, EventBusName=bus, Targets=[{"Id": "queue", "Arn": arn}])

    def take(self) -> Iterator[dict[str, Any]]:
        """Yield the details of the events that have come; with none there, wait for one for a second."""
        messages = self._sqs.receive_message(QueueUrl=self._url, MaxNumberOfMessages=10, WaitTimeSeconds=1)
        for message in messages.get("Messages", []):
            self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])
            yield json.loads(message["Body"])["detail"]
