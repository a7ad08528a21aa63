"""What encoding a version took and cost, as the platform's own function tells it."""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.deployed import Deployed
from sandbox.operating import operate


@dataclass(frozen=True, kw_only=True)
class Spent:
    """The sum of a version's jobs."""

    jobs: int
    attempts: int
    usd: float
    saved_usd: float
    """By how much spot was cheaper."""


def spent_on(platform: Deployed, version_id: str) -> Spent:
    """Return what encoding a version took up to now.

    Raises
    ------
    OperationError
        If no job of it has begun, or a job has no price.
    NotDeployedError
        If the encoding stack is not deployed.
    """
    told = operate(platform, {"version_id": version_id}, context="encoding", output="JobsFunction")
    jobs, cost = told["jobs"], told["cost"]
    return Spent(
        jobs=len(jobs),
        attempts=sum(len(job["attempts"]) for job in jobs),
        usd=float(cost["usd"]),
        saved_usd=float(cost["saved_usd"]),
    )
