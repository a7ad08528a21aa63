"""What a handler has around it whose viewers may ask so often and no more."""

from __future__ import annotations

from functools import wraps
from typing import Any

from lambdas.common.errors import TooManyRequestsError
from lambdas.common.handling import logger
from lambdas.common.identity import viewer_of
from lambdas.common.problem import Answer, HttpHandler, problem_documents
from lambdas.common.rate_limits import (
    METRICS,
    METRICS_SERVICE,
    UNCHECKED_METRIC,
    WINDOW_S,
    Policy,
    RateLimitEnvironment,
    Verdict,
    header_fields,
)


def rate_limited(handler: HttpHandler) -> HttpHandler:
    """Wrap an HTTP API handler, its problem documents included, with the limit that its function is deployed with.

    Every answer says what is left. A request too many is answered with 429 and never reaches `handler`. If there is
    no verdict to be had, the request passes, unchecked and counted: a viewer's film matters more than the limit.
    """

    @problem_documents
    def refuse(_event: dict[str, Any], _context: Any) -> Answer:  # noqa: ANN401 - Lambda's own object
        raise TooManyRequestsError(f"more requests than one viewer may send in {WINDOW_S} s: wait as Retry-After says")

    @wraps(handler)
    def wrapped(event: dict[str, Any], context: Any) -> Answer:  # noqa: ANN401 - Lambda's own object
        environment, viewer = RateLimitEnvironment.deployed(), viewer_of(event)
        # Who is not signed in is refused by the handler itself.
        if environment is None or viewer is None:
            return handler(event, context)
        policy = Policy(name=environment.rate_limit_policy, quota=environment.rate_limit_quota)
        verdict = _verdict(policy, url=environment.rate_limit_url, viewer_id=viewer.viewer_id)
        if verdict is None:
            return handler(event, context)
        answer = (handler if verdict.granted else refuse)(event, context)
        return answer | {"headers": answer.get("headers", {}) | header_fields(policy, verdict)}

    return wrapped


def _verdict(policy: Policy, *, url: str, viewer_id: str) -> Verdict | None:
    # Valkey's client is loaded only where it is used: it takes a twentieth of what a handler's imports take.
    from lambdas.common.valkey_limiter import LimiterAwayError, limiter  # noqa: PLC0415

    try:
        return limiter(url).verdict(policy, viewer_id=viewer_id)
    except LimiterAwayError as error:
        logger.warning("not checked", extra={"policy": policy.name, "why": str(error)})
        _count_unchecked()
        return None


def _count_unchecked() -> None:
    """Count it where the alarm looks: under one service, whichever function it was."""
    from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit  # noqa: PLC0415 - rarely needed

    metrics = EphemeralMetrics(namespace=METRICS, service=METRICS_SERVICE)
    metrics.add_metric(name=UNCHECKED_METRIC, unit=MetricUnit.Count, value=1)
    metrics.flush_metrics()
