"""The function that tells players which pathway is the best; they send no token with the question."""

from __future__ import annotations

from aws_lambda_powertools.utilities.typing import LambdaContext

from lambdas.common.handling import Payload, entry_point
from lambdas.common.problem import Answer, json_answer, problem_documents
from lambdas.playback.environment import SteeringEnvironment
from lambdas.playback.steering import KEPT_S, steering_manifest


@entry_point
@problem_documents
def steer(_event: Payload, _context: LambdaContext) -> Answer:
    """``GET /api/playback/steering``: the pathways in their order. It reads no table, and nothing of the request."""
    environment = SteeringEnvironment.load()
    answer = steering_manifest(pathways=environment.all_pathways, ttl_s=environment.steering_ttl_s)
    return json_answer(answer, headers={"cache-control": f"public, max-age={KEPT_S}"})
