"""Lambda: where an asynchronous invocation goes after its last retry.

A dead-letter queue gets the event itself, with the error as attributes; a destination gets a record about the
invocation. An event bus can be a destination too.
"""

import json
from typing import Any

from ministack.core.arn import parse_arn
from ministack.services import eventbridge, lambda_svc, sns, sqs

from sandbox.extension.pinned import patch

Record = dict[str, Any]


def apply() -> None:
    """Install the correction."""

    def route(target: str, name: str, event: object, result: Record) -> None:
        function = lambda_svc._functions.get(name) or {}
        service = parse_arn(target).service
        if service == "events":
            _announce(target, function, event, result)
        elif _is_dead_letter(target, function):
            _bury(target, service, event, result)
        else:
            stock(target, name, event, result)

    stock = patch(
        lambda_svc,
        "_route_async_failure",
        route,
        why="Stock sends a destination's record to dead-letter queues, and nothing to event buses",
    )


def _is_dead_letter(target: str, function: Record) -> bool:
    destinations = [function.get("event_invoke_config"), *(function.get("event_invoke_configs") or {}).values()]
    named = [
        ((config or {}).get("DestinationConfig") or {}).get("OnFailure", {}).get("Destination")
        for config in destinations
    ]
    return target not in named


def _bury(target: str, service: str, event: object, result: Record) -> None:
    body = json.dumps(event)
    message = str((result.get("body") or {}).get("errorMessage", ""))
    if service == "sqs":
        queue = sqs._queue_by_arn(target)
        attributes = {
            "ErrorCode": {"DataType": "Number", "StringValue": "200"},
            "ErrorMessage": {"DataType": "String", "StringValue": message[:1024] or "-"},
        }
        sqs._act_send_message({"MessageBody": body, "MessageAttributes": attributes}, queue["url"])
    elif service == "sns":
        sns._publish({"TopicArn": target, "Message": body})


def _announce(bus: str, function: Record, event: object, result: Record) -> None:
    detail = {
        "version": "1.0",
        "requestContext": {
            "functionArn": f"{function['config']['FunctionArn']}:$LATEST",
            "condition": "RetriesExhausted",
        },
        "requestPayload": event,
        "responseContext": {"statusCode": 200, "functionError": "Unhandled"},
        "responsePayload": result.get("body"),
    }
    entry = {
        "Source": "lambda",
        "DetailType": "Lambda Function Invocation Result - Failure",
        "Detail": json.dumps(detail),
        "Resources": [bus, function["config"]["FunctionArn"]],
        "EventBusName": bus,
    }
    eventbridge._put_events({"Entries": [entry]}, allow_aws_source=True)
