"""Rate limiting: what counts the requests of viewers. A stack of its own, because playback and the catalog ask it."""

from __future__ import annotations

from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from constructs import Construct

from stacks.constructs.context_stack import ContextStack
from stacks.constructs.rate_limiter import RateLimiter
from stacks.settings import Settings


class LimitsStack(ContextStack):
    """How often one viewer may ask each endpoint."""

    def __init__(self, scope: Construct, *, settings: Settings, flow_logs: s3.IBucket, alarms: sns.ITopic) -> None:
        super().__init__(
            scope,
            "playback",
            part="limits",
            settings=settings,
            region=settings.primary_region,
            alarms=alarms,
            description="Marquee: the cache that counts the requests of each viewer, and its network.",
        )
        limits, limiter = settings.rate_limits, RateLimiter(self, "RateLimiter", flow_logs=flow_logs)
        self.playback = limiter.limit("playback", quota=limits.playback)
        self.catalog = limiter.limit("catalog", quota=limits.catalog)
        self.profile = limiter.limit("profile", quota=limits.profile)
        self.telemetry = limiter.limit("telemetry", quota=limits.telemetry)
