"""The event bus, from both sides: publishing an event, and opening the envelope of a received one."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from functools import cache
from typing import Any, TypeVar

from pydantic import AwareDatetime, BaseModel

from lambdas.common.aws import client, transient_errors
from lambdas.common.errors import PermanentError, TransientError
from lambdas.common.events import Event
from lambdas.common.parsing import parse

EventT = TypeVar("EventT", bound=Event)


class EventPublisher:
    """Puts events on one bus.

    Parameters
    ----------
    bus_name
        The bus's name or ARN.
    """

    def __init__(self, bus_name: str) -> None:
        self._bus_name = bus_name

    @transient_errors()
    def publish(self, event: Event) -> None:
        """Put `event` on the bus.

        Raises
        ------
        TransientError
            If the bus did not take it. Publishing again is safe: every consumer is idempotent.
        """
        answer = client("events").put_events(
            Entries=[
                {
                    "EventBusName": self._bus_name,
                    "Source": event.source,
                    "DetailType": event.detail_type(),
                    "Detail": event.model_dump_json(),
                }
            ]
        )
        if answer["FailedEntryCount"]:
            entry = answer["Entries"][0]
            message = (
                f"the bus refused {event.detail_type()}: "
                f"{entry.get('ErrorCode')} {entry.get('ErrorMessage', '')}".rstrip()
            )
            raise TransientError(message)


@cache
def publisher(bus_name: str) -> EventPublisher:
    """Return this process's publisher to one bus."""
    return EventPublisher(bus_name)


def received(model: type[EventT], envelope: Mapping[str, Any]) -> EventT:
    """Return the event in an EventBridge envelope, as its rule delivers it.

    Raises
    ------
    PermanentError
        If the envelope carries another event: the rule's pattern is wrong.
    InvalidInputError
        If the detail does not fit `model`, be it for a schema version or a field that this code does not
        know: deploy the consumer before the producer.
    """
    detail_type = envelope.get("detail-type")
    if detail_type != model.detail_type():
        message = f"expected the event {model.detail_type()!r}, got {detail_type!r}: correct the rule's pattern"
        raise PermanentError(message)
    return parse(model, envelope.get("detail"))


class _Envelope(BaseModel):
    """What EventBridge puts around an event, as far as it matters here."""

    time: AwareDatetime


def anything_of(models: Collection[type[Event]], envelope: Mapping[str, Any]) -> tuple[Event, datetime]:
    """Return the event in an EventBridge envelope that may carry any of `models`, and when the bus took it.

    Raises
    ------
    PermanentError
        If the envelope carries another event: the rule's pattern is wrong.
    InvalidInputError
        If the detail does not fit its model.
    """
    detail_type = envelope.get("detail-type")
    model = next((model for model in models if model.detail_type() == detail_type), None)
    if model is None:
        message = f"expected one of {len(models)} events, got {detail_type!r}: correct the rule's pattern"
        raise PermanentError(message)
    return received(model, envelope), parse(_Envelope, envelope).time
