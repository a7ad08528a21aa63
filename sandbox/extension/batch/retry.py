"""Whether a failed attempt is tried again: Batch's ``retryStrategy``."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Outcome:
    """How one attempt ended, in the three values that ``evaluateOnExit`` looks at."""

    exit_code: int | None
    reason: str
    status_reason: str


def should_retry(*, strategy: dict[str, Any], attempts_made: int, outcome: Outcome) -> bool:
    """Apply a retry strategy to a failed attempt.

    The first rule whose every condition matches decides; where none matches the job is tried again. Matching
    is case-insensitive, and a trailing ``*`` matches the rest (AWS Batch user guide, "Automated job retries").

    Parameters
    ----------
    strategy
        ``retryStrategy`` in camelCase.
    attempts_made
        How many attempts have ended, this one included.
    outcome
        How this one ended.
    """
    if attempts_made >= int(strategy.get("attempts") or 1):
        return False
    for rule in strategy.get("evaluateOnExit") or []:
        if _matches(rule, outcome):
            return str(rule["action"]).upper() == "RETRY"
    return True


def _matches(rule: dict[str, Any], outcome: Outcome) -> bool:
    exit_code = "" if outcome.exit_code is None else str(outcome.exit_code)
    conditions = (
        (rule.get("onExitCode"), exit_code),
        (rule.get("onReason"), outcome.reason),
        (rule.get("onStatusReason"), outcome.status_reason),
    )
    return all(_covers(str(wanted), actual) for wanted, actual in conditions if wanted is not None)


def _covers(pattern: str, text: str) -> bool:
    if pattern.endswith("*"):
        return text.lower().startswith(pattern[:-1].lower())
    return text.lower() == pattern.lower()
