"""The function that tells players which pathway is the best; they send no token with the question."""

from __future__ import annotations

from aws_lambda_powertools.utilities.typing import LambdaContext

from lambdas.common.handling import Payload, entry_point, logger
from lambdas.common.problem import Answer, json_answer, parse_query, problem_documents
from lambdas.playback.environment import SteeringEnvironment
from lambdas.playback.steering import KEPT_S, SteeringQuery, steering_manifest


@entry_point
@problem_documents
def steer(event: Payload, _context: LambdaContext) -> Answer:
    """``GET /api/playback/steering``: the pathways in their order. It reads no table and knows nobody."""
    environment = SteeringEnvironment.load()
    reported = parse_query(event, SteeringQuery)
    # What they load from, by which an operator sees that they have moved.
    logger.info("steered", extra={"reported": reported.model_dump(exclude_none=True)})
    answer = steering_manifest(pathways=environment.all_pathways, ttl_s=environment.steering_ttl_s)
    return json_answer(answer, headers={"cache-control": f"public, max-age={KEPT_S}"})
