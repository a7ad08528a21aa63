"""An event on the bus calls a function: handed over within a day, tried three times by Lambda, then kept."""

from __future__ import annotations

from collections.abc import Iterable

from aws_cdk import Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_lambda as lambda_

from lambdas.common.events import Event
from stacks.constructs.context_stack import ContextStack


def subscribe(
    stack: ContextStack, event: type[Event], *, bus: events.IEventBus, function: lambda_.IFunction
) -> events.Rule:
    """Let each `event` on `bus` call `function`; what cannot be delivered goes to the dead letters."""
    return subscribe_to_any(stack, f"On{event.detail_type()}", (event,), bus=bus, function=function)


def subscribe_to_any(
    stack: ContextStack,
    construct_id: str,
    followed: Iterable[type[Event]],
    *,
    bus: events.IEventBus,
    function: lambda_.IFunction,
) -> events.Rule:
    """Let each event of several kinds on `bus` call `function`, by one rule."""
    kinds = tuple(followed)
    names = [event.detail_type() for event in kinds]
    return events.Rule(
        stack,
        construct_id,
        event_bus=bus,
        description=f"{', '.join(names)} call{'s' if len(names) == 1 else ''} {function.node.id}.",
        event_pattern=events.EventPattern(source=sorted({event.source for event in kinds}), detail_type=names),
        targets=[
            targets.LambdaFunction(
                function,
                dead_letter_queue=stack.dead_letters,
                max_event_age=Duration.hours(24),
                retry_attempts=185,
            )
        ],
    )
