"""Content keys, as they pass between playback, which has them made, and encoding, which encrypts with them."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from lambdas.common.media import Record, Tier


class ContentKey(Record):
    """A content key, wrapped: only KMS, asked with the right encryption context, opens it.

    A title's keys are changed by opening a new period; those of the periods before stay.
    """

    tier: Tier
    period: Annotated[int, Field(ge=0)] = 0
    opened_for: str | None = Field(default=None, description="the version that its period was opened for")
    track: str | None = Field(default=None, description="what a packager asked for it for; none: it is our packager's")
    key_id: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$", description="the KID, hexadecimal")]
    wrapped: str = Field(description="the KMS ciphertext of the 16-byte key, base64")


def encryption_context(*, title_id: str, tier: Tier, key_id: str) -> dict[str, str]:
    """Return the KMS encryption context that a content key is bound to."""
    return {"marquee:title": title_id, "marquee:tier": tier.value, "marquee:kid": key_id}
