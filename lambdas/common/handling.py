"""What every handler has around it: structured logs with the request's id and its trace's.

Lambda itself traces every call. X-Ray's SDK, which would add what a call asks of other services, takes longer to import
than all else together, and is not maintained any more.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

Payload = dict[str, Any]
Handler = Callable[[Payload, LambdaContext], Any]

logger = Logger()


def entry_point(handler: Handler) -> Handler:
    """Wrap a Lambda handler with the logger."""
    logged: Handler = logger.inject_lambda_context(handler, clear_state=True)
    return logged
