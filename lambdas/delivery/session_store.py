"""Writes ended sessions into the edge's key value store."""

from __future__ import annotations

from collections.abc import Sequence

from lambdas.common.errors import ConflictError, TransientError
from lambdas.delivery import edge_sessions
from lambdas.delivery.edge_sessions import EndedSession
from lambdas.delivery.key_values import KeyValueStore

_ATTEMPTS = 5


def end_sessions(sessions: Sequence[EndedSession], *, store: KeyValueStore, now: float) -> int:
    """Write ended sessions into the store, and take out those that are over; return how many entries changed.

    Raises
    ------
    TransientError
        If the store is away, or others change it all the time.
    """
    for _ in range(_ATTEMPTS):
        etag = store.etag()
        changed = 0
        try:
            for change in edge_sessions.changes(sessions, known=store.entries(), now=now):
                etag = store.change(change, etag=etag)
                changed += len(change["Puts"]) + len(change["Deletes"])
        except ConflictError:
            continue
        return changed
    raise TransientError(f"others changed the edge's store {_ATTEMPTS} times meanwhile: try again")
