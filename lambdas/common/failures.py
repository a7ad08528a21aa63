"""After what could not go on: the evidence of each failure, and one announcement of the workflow that it ends."""

from __future__ import annotations

import json

from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.exceptions import BotoCoreError, ClientError

from lambdas.common.aws import client, error_code, transient_errors
from lambdas.common.bus import publisher
from lambdas.common.evidence import Failure, announcement, evidence, failure_of, failure_of_end
from lambdas.common.failures_environment import AnnouncementEnvironment, EndEnvironment, EvidenceEnvironment
from lambdas.common.handling import Payload, entry_point, logger

TAIL_LINES = 50
_LINE_CHARS = 500


@entry_point
def keep(event: Payload, _context: LambdaContext) -> Payload:
    """Keep the evidence of a failure in the failures queue.

    Parameters
    ----------
    event
        ``execution`` (its ARN), ``input`` (what it was started with), ``error`` (``Error`` and ``Cause``) and, where a
        job has failed, ``decision`` (why it is not tried again) and ``reads`` (an `InputRange`).

    Returns
    -------
    dict
        ``execution``, ``version_id`` and ``error``.
    """
    environment = EvidenceEnvironment.load()
    failure = failure_of(event)
    stream = failure.job.log_stream if failure.job else None
    tail = log_tail(log_group=environment.log_group, log_stream=stream) if stream else ()
    return _keep(failure, environment=environment, tail=tail)


@entry_point
def announce(event: Payload, _context: LambdaContext) -> Payload:
    """Publish `PipelineFailed`.

    Parameters
    ----------
    event
        As of `keep`.

    Returns
    -------
    dict
        As of `keep`.
    """
    return _announce(failure_of(event), environment=AnnouncementEnvironment.load())


@entry_point
def record_end(event: Payload, _context: LambdaContext) -> Payload:
    """Keep the evidence of an execution whose end no step of it could record, and publish `PipelineFailed`.

    It is published whether the evidence could be kept or not.

    Parameters
    ----------
    event
        Step Functions' ``Step Functions Execution Status Change``.
    """
    environment = EndEnvironment.load()
    failure = failure_of_end(event)
    if failure is None:
        return {}
    try:
        return _keep(failure, environment=environment, tail=())
    finally:
        _announce(failure, environment=environment)


def _keep(failure: Failure, *, environment: EvidenceEnvironment | EndEnvironment, tail: tuple[str, ...]) -> Payload:
    logger.append_keys(version_id=failure.version_id)
    body = evidence(failure, pipeline=environment.pipeline, log_tail=tail)
    with transient_errors():
        client("sqs").send_message(
            QueueUrl=environment.failures_queue_url, MessageBody=json.dumps(body, ensure_ascii=False)
        )
    return _told(failure, "evidence kept")


def _announce(failure: Failure, *, environment: AnnouncementEnvironment) -> Payload:
    logger.append_keys(version_id=failure.version_id)
    publisher(environment.event_bus).publish(announcement(failure, pipeline=environment.pipeline))
    return _told(failure, "failure announced")


def _told(failure: Failure, done: str) -> Payload:
    job, error = failure.job, failure.error.name
    logger.error(done, extra={"error": error, "job": job and job.job_id})
    return {"execution": failure.execution, "version_id": failure.version_id, "error": error}


def log_tail(*, log_group: str, log_stream: str) -> tuple[str, ...]:
    """Return the last lines of a log, oldest first; if it cannot be read, one line that says so.

    A log that is gone must not cost the rest of the evidence, so no error of the service is raised.
    """
    try:
        answer = client("logs").get_log_events(
            logGroupName=log_group, logStreamName=log_stream, limit=TAIL_LINES, startFromHead=False
        )
    except (ClientError, BotoCoreError) as error:
        name = error_code(error) if isinstance(error, ClientError) else type(error).__name__
        logger.warning("no log tail", extra={"log_stream": log_stream, "error": name})
        return (f"(the log {log_stream} could not be read: {name})",)
    return tuple(event["message"][:_LINE_CHARS] for event in answer["events"])
