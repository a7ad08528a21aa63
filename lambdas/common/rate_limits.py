"""What a rate limit says: its policy, its verdict on one request, and both as header fields.

The fields are those of draft-ietf-httpapi-ratelimit-headers-10, "RateLimit header fields for HTTP".
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from typing import Self

from lambdas.common.environment import Environment

MICROSECONDS = 1_000_000
WINDOW_S = 60
METRICS = "Marquee/RateLimits"
METRICS_SERVICE = "rate-limits"
UNCHECKED_METRIC = "Unchecked"


@dataclass(frozen=True, kw_only=True)
class Policy:
    """At most `quota` requests of one viewer in any `window_s` seconds; `name` is the endpoint's."""

    name: str
    quota: int
    window_s: float = WINDOW_S


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The answer to one request; times are the server's, in microseconds.

    `reset_us` is how long it takes until the quota is one larger: for a refused request, until it would be granted.
    """

    granted: bool
    remaining: int
    reset_us: int
    at_us: int

    @property
    def reset_s(self) -> int:
        """The same in whole seconds, rounded up: who waits for so long is not refused again for it."""
        return max(1, math.ceil(self.reset_us / MICROSECONDS))


class RateLimitEnvironment(Environment):
    """Of every function that is limited, beside its own, where there is a Valkey to ask."""

    rate_limit_url: str
    rate_limit_policy: str
    rate_limit_quota: int

    @classmethod
    def deployed(cls) -> Self | None:
        """Return the contract, or none where no limit is deployed."""
        return cls.load() if "RATE_LIMIT_URL" in os.environ else None


def key_of(policy: Policy, *, viewer_id: str) -> str:
    """Return where the grants of a viewer are kept.

    The braces are Valkey's hash tag: in a cluster, all that is kept of a viewer lies on one node.
    """
    return f"rate:{{{viewer_id}}}:{policy.name}"


def header_fields(policy: Policy, verdict: Verdict) -> dict[str, str]:
    """Return the header fields of an answer; of a refusal with ``retry-after``."""
    fields = {
        "ratelimit-policy": f'"{policy.name}";q={policy.quota};w={policy.window_s:g}',
        "ratelimit": f'"{policy.name}";r={verdict.remaining};t={verdict.reset_s}',
    }
    return fields if verdict.granted else fields | {"retry-after": str(verdict.reset_s)}
