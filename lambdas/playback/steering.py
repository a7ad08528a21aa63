"""The steering manifest: in which order players are to try the pathways (RFC 8216bis, 7.1; DASH-IF CTS 00XX).

It is the same for everybody. What a player says of itself is no part of the answer: a throughput is a guess before
anything was loaded, and after a move one of two pathways.
"""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict, Field

from lambdas.common.media import Record
from lambdas.playback.pathways import Pathways

PATH = "/api/playback/steering"
KEPT_S = 10
"""How long anybody may keep an answer, the edge's caches too."""


class SteeringManifest(Record):
    """Answer of ``GET /api/playback/steering``."""

    # No RELOAD-URI: the address stays the same, and Shaka Player 5.2.12 takes none that is relative.
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True, serialize_by_alias=True)

    version: Literal[1] = Field(default=1, serialization_alias="VERSION")
    ttl: int = Field(serialization_alias="TTL", description="after how many seconds it is to be asked for again")
    pathway_priority: tuple[str, ...] = Field(serialization_alias="PATHWAY-PRIORITY", description="the best first")


def steering_manifest(*, pathways: Pathways, ttl_s: int) -> SteeringManifest:
    """Return the answer: every pathway, by its rank."""
    return SteeringManifest(ttl=ttl_s, pathway_priority=tuple(one.id for one in pathways.ranked))
