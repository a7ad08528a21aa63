"""The function that takes what players saw, and makes metrics and a log line of it."""

from __future__ import annotations

from http import HTTPStatus

from aws_lambda_powertools.metrics import EphemeralMetrics
from aws_lambda_powertools.utilities.typing import LambdaContext

from lambdas.common.handling import Payload, entry_point, logger
from lambdas.common.identity import signed_in
from lambdas.common.problem import Answer, parse_body, problem_documents
from lambdas.common.rate_limiting import rate_limited
from lambdas.playback.environment import TelemetryEnvironment
from lambdas.playback.secret_store import session_key
from lambdas.playback.session_ids import check_owner
from lambdas.playback.telemetry import TelemetryBatch, figure

METRICS = "Marquee/Players"


@entry_point
@rate_limited
@problem_documents
def telemetry(event: Payload, _context: LambdaContext) -> Answer:
    """``POST /api/playback/telemetry``: how it plays. No table is read or written: a session's id says whose it is."""
    environment = TelemetryEnvironment.load()
    viewer_id = signed_in(event).viewer_id
    batch = parse_body(event, TelemetryBatch)
    check_owner(batch.session_id, viewer_id=viewer_id, key=session_key(environment.session_secret_arn))
    metrics = EphemeralMetrics(namespace=METRICS)
    for one in batch.events:
        metric, unit, value = figure(one)
        metrics.add_metric(name=metric, unit=unit, value=value)
    metrics.flush_metrics()
    told = [one.model_dump(mode="json") for one in batch.events]
    logger.info("played", extra={"session_id": batch.session_id, "events": told})
    return {"statusCode": int(HTTPStatus.NO_CONTENT)}
