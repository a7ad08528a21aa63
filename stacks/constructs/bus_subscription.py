"""An event on the bus calls a function: retried for a day, then kept."""

from __future__ import annotations

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
    return events.Rule(
        stack,
        f"On{event.detail_type()}",
        event_bus=bus,
        description=f"{event.detail_type()} calls {function.node.id}.",
        event_pattern=events.EventPattern(source=[event.source], detail_type=[event.detail_type()]),
        targets=[
            targets.LambdaFunction(
                function,
                dead_letter_queue=stack.dead_letters,
                max_event_age=Duration.hours(24),
                retry_attempts=185,
            )
        ],
    )
