"""The functions that tell studios what became of their deliveries: one writes letters, one posts them to webhooks."""

from __future__ import annotations

import json
from typing import Any

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.exceptions import ClientError

from lambdas.common.aws import client, error_code, transient_errors
from lambdas.common.bus import anything_of, received
from lambdas.common.errors import PermanentError, TransientError
from lambdas.common.events import Event
from lambdas.common.handling import Payload, entry_point, logger
from lambdas.common.versions import is_reencoded
from lambdas.ingestion.notices import TOLD, Letter, letter
from lambdas.ingestion.status_environment import NotifyEnvironment, WebhookEnvironment
from lambdas.ingestion.webhook_client import post
from lambdas.ingestion.webhooks import Outcome, outcome_of, slack_message, wait_s

_processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)


@entry_point
def notify(event: Payload, _context: LambdaContext) -> None:
    """Write the letter of an event, and give it to the topic: to people as text, to queues as the event itself.

    What a campaign does with a film is our business, and its studio is not written to.
    """
    environment = NotifyEnvironment.load()
    said, _ = anything_of(TOLD, event)
    written = letter(said)
    if is_reencoded(written.version_id):
        logger.info("nobody to tell: a campaign's", extra={"event": written.event})
        return
    told = {"detail-type": said.detail_type(), "time": event["time"], "detail": said.model_dump(mode="json")}
    message = {"default": written.subject, "email": written.text, "sqs": json.dumps(told, ensure_ascii=False)}
    with transient_errors():
        client("sns").publish(
            TopicArn=environment.topic_arn,
            Subject=written.subject,
            MessageStructure="json",
            Message=json.dumps(message, ensure_ascii=False),
            MessageAttributes={
                "studio": {"DataType": "String", "StringValue": written.studio},
                "event": {"DataType": "String", "StringValue": written.event},
            },
        )
    logger.info("told", extra={"studio": written.studio, "event": written.event})


@entry_point
def webhook(event: Payload, context: LambdaContext) -> Payload:
    """Post the letters of a queue's batch to their studios' webhooks; what failed for now stays in the queue."""
    environment = WebhookEnvironment.load()

    def handle(record: SQSRecord) -> None:
        _deliver(record, environment=environment)

    answer: Any = process_partial_response(event=event, record_handler=handle, processor=_processor, context=context)
    return dict(answer)


class _NotNowError(TransientError):
    """A webhook will be called again; the queue knows when."""


def _deliver(record: SQSRecord, *, environment: WebhookEnvironment) -> None:
    """Post one letter, if its studio has a webhook.

    Raises
    ------
    _NotNowError
        If it has to be tried again.
    """
    try:
        written = letter(_event_in(record.body))
        url = _url(written.studio, environment=environment)
        if url is None:
            return
        outcome, status, asked = _post(url, written, loopback=environment.loopback)
    except TransientError as error:
        _postpone(record, environment=environment, why=str(error))
    except PermanentError as error:
        _set_aside(record, environment=environment, why=str(error))
    else:
        logger.info("webhook", extra={"studio": written.studio, "status": status, "outcome": outcome.name})
        if outcome is Outcome.AGAIN:
            _postpone(record, environment=environment, why=f"the webhook answered {status}", asked=asked)
        elif outcome is Outcome.REFUSED:
            _set_aside(record, environment=environment, why=f"the webhook answered {status}")


def _event_in(body: str) -> Event:
    try:
        told = json.loads(body)
        model = next(model for model in TOLD if model.detail_type() == told["detail-type"])
    except (ValueError, LookupError, TypeError, StopIteration) as error:
        raise PermanentError("the message carries no event that studios are told of") from error
    return received(model, told)


def _post(url: str, written: Letter, *, loopback: bool) -> tuple[Outcome, int, int | None]:
    answer = post(url, slack_message(written), loopback=loopback)
    return outcome_of(answer.status), answer.status, answer.retry_after_s


@transient_errors()
def _url(studio: str, *, environment: WebhookEnvironment) -> str | None:
    """Return the studio's webhook, if it has one. The address is a secret: whoever knows it may write there."""
    name = f"{environment.parameter_prefix}/{studio}/webhook"
    try:
        answer = client("ssm").get_parameter(Name=name, WithDecryption=True)
    except ClientError as error:
        if error_code(error) == "ParameterNotFound":
            return None
        raise
    return str(answer["Parameter"]["Value"])


@transient_errors()
def _postpone(record: SQSRecord, *, environment: WebhookEnvironment, why: str, asked: int | None = None) -> None:
    attempt = int(record.attributes.approximate_receive_count)
    wait = wait_s(attempt=attempt, asked=asked)
    logger.warning("webhook postponed", extra={"why": why, "attempt": attempt, "wait_s": wait})
    client("sqs").change_message_visibility(
        QueueUrl=environment.queue_url, ReceiptHandle=record.receipt_handle, VisibilityTimeout=wait
    )
    raise _NotNowError(why)


@transient_errors()
def _set_aside(record: SQSRecord, *, environment: WebhookEnvironment, why: str) -> None:
    """Keep a letter that no attempt will deliver where people look, with the reason."""
    logger.warning("webhook refused", extra={"why": why})
    client("sqs").send_message(
        QueueUrl=environment.dead_letters_url,
        MessageBody=record.body,
        MessageAttributes={"reason": {"DataType": "String", "StringValue": why}},
    )
