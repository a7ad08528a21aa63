"""The entry point of what ends sessions at the edge. It stands apart because it alone needs a library of ciphers."""

from __future__ import annotations

from aws_lambda_powertools.utilities.typing import LambdaContext

from lambdas.common.clock import now
from lambdas.common.handling import Payload, entry_point, logger
from lambdas.common.parsing import parse
from lambdas.delivery.edge_sessions import EndedSessions
from lambdas.delivery.environment import EndSessionsEnvironment
from lambdas.delivery.key_values import KeyValueStore
from lambdas.delivery.session_store import end_sessions as write


@entry_point
def end_sessions(event: Payload, _context: LambdaContext) -> Payload:
    """Let the edge refuse the tokens of ended sessions; playback's `revoke` calls it.

    Parameters
    ----------
    event
        `EndedSessions`.

    Returns
    -------
    dict
        ``changed``, the number of entries that were written, or had expired and were taken out.
    """
    environment = EndSessionsEnvironment.load()
    ended = parse(EndedSessions, event)
    store = KeyValueStore(environment.key_value_store_arn)
    changed = write(ended.sessions, store=store, now=now().timestamp())
    logger.info("sessions ended at the edge", extra={"sessions": len(ended.sessions), "changed": changed})
    return {"changed": changed}
