"""Ended sessions at the edge: an entry each in its key value store, as long as the session's token would be good.

``edge/viewer-request.js`` looks for them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

PREFIX = "revoked."
"""Before a session's id. No key's id has a full stop, so that no token can name an entry as the key that signed it."""
AT_ONCE = 50
"""What one call may change."""


class EndedSession(BaseModel):
    """A session whose token is refused from now on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    session_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,128}$")]
    expires_at: Annotated[int, Field(gt=0, description="of its token, in seconds since the epoch")]


class EndedSessions(BaseModel):
    """Input of `end_sessions`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sessions: Annotated[tuple[EndedSession, ...], Field(max_length=1000)]


def changes(sessions: Sequence[EndedSession], *, known: Mapping[str, str], now: float) -> Iterator[dict[str, Any]]:
    """Yield what to change in the store, `AT_ONCE` entries at most each time.

    Entries of sessions whose token has expired are taken out: they have nothing to refuse any more.

    Parameters
    ----------
    known
        The store's entries, those of other things too.
    """
    puts = [
        {"Key": f"{PREFIX}{session.session_id}", "Value": str(session.expires_at)}
        for session in sessions
        if session.expires_at > now and known.get(f"{PREFIX}{session.session_id}") != str(session.expires_at)
    ]
    over = [{"Key": key} for key, value in known.items() if key.startswith(PREFIX) and int(value) <= now]
    for first in range(0, len(puts), AT_ONCE):
        yield {"Puts": puts[first : first + AT_ONCE], "Deletes": []}
    for first in range(0, len(over), AT_ONCE):
        yield {"Puts": [], "Deletes": over[first : first + AT_ONCE]}
