"""What every handler has around it: structured logs with the request's id, and a trace."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aws_lambda_powertools import Logger, Tracer
from aws_lambda_powertools.utilities.typing import LambdaContext

Payload = dict[str, Any]
Handler = Callable[[Payload, LambdaContext], Any]

logger = Logger()
tracer = Tracer()


def entry_point(handler: Handler) -> Handler:
    """Wrap a Lambda handler with the logger and the tracer.

    Answers are not recorded in the trace: they hold manifests, keys and tokens.
    """
    traced: Handler = tracer.capture_lambda_handler(handler, capture_response=False)
    logged: Handler = logger.inject_lambda_context(traced, clear_state=True)
    return logged
