"""EventBridge and SNS: repeated calls of functions, and dead letters of a rule's targets."""

import json
from typing import Any

from ministack.core.arn import ArnParseError, parse_arn
from ministack.services import eventbridge, lambda_svc, sns, sqs, stepfunctions

from sandbox.extension.pinned import Emulated, patch

Record = dict[str, Any]


def apply() -> None:
    """Install the corrections."""
    patch(
        eventbridge,
        "_dispatch_to_lambda",
        _call_for_rule,
        why="Stock calls a rule's function once: no retry, no dead-letter queue, no failure destination",
    )
    patch(sns, "_deliver_to_lambda", _call_for_subscription, why="The same, for a topic's function")
    _keep_undeliverable_events()


def _call_for_rule(arn: str, payload: str) -> None:
    _call_later(arn, json.loads(payload))


def _call_for_subscription(arn: str, envelope: str, _topic: str, subscription: str, *_: object) -> None:
    record = {
        "EventVersion": "1.0",
        "EventSubscriptionArn": subscription,
        "EventSource": "aws:sns",
        "Sns": json.loads(envelope),
    }
    _call_later(arn, {"Records": [record]})


def _call_later(arn: str, event: object) -> None:
    function, config, _ = lambda_svc._get_func_record_for_ref(arn)
    if function and config:
        lambda_svc.invoke_async_with_retry(lambda_svc._execution_record_for_config(function, config), event)


def _keep_undeliverable_events() -> None:
    def invoke_target(target: Record, event: Record, rule: Record, view: Emulated = None) -> None:
        dead_letters = (target.get("DeadLetterConfig") or {}).get("Arn")
        if dead_letters is None or _exists(target["Arn"]):
            stock(target, event, rule, view)
            return
        queue = sqs._queue_by_arn(dead_letters)
        if queue is None:
            return
        matched = (view or eventbridge._pattern_event_view(event)).event_with_detail()
        attributes = {
            "RULE_ARN": rule.get("Arn", ""),
            "TARGET_ARN": target["Arn"],
            "ERROR_CODE": "RESOURCE_NOT_FOUND",
            "ERROR_MESSAGE": "The target does not exist",
        }
        sqs._act_send_message(
            {
                "MessageBody": json.dumps(matched),
                "MessageAttributes": {
                    name: {"DataType": "String", "StringValue": value or "-"} for name, value in attributes.items()
                },
            },
            queue["url"],
        )

    stock = patch(
        eventbridge, "_invoke_target", invoke_target, why="Stock drops what it cannot deliver, and has no dead letters"
    )


def _exists(arn: str) -> bool:
    try:
        service = parse_arn(arn).service
    except ArnParseError:
        return False
    if service == "sqs":
        return sqs._queue_by_arn(arn) is not None
    if service == "lambda":
        return lambda_svc._get_func_record_for_ref(arn)[0] is not None
    if service == "states":
        return stepfunctions._resolve_state_machine_arn(arn) is not None
    if service == "sns":
        return sns._topic_by_arn_any_scope(arn) is not None
    return True
