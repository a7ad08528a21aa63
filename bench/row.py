"""One row of the benchmark."""

from __future__ import annotations

from typing import NamedTuple


class Row(NamedTuple):
    """Ours beside a peer's, in seconds of the wall clock, measured in the same run."""

    what: str
    ours_s: float
    peer: str
    peer_s: float

    @property
    def ratio(self) -> float:
        """How many times the peer's time ours is."""
        return self.ours_s / self.peer_s


class Figure(NamedTuple):
    """Ours beside a peer's, of the same run, in a unit that it says."""

    what: str
    ours: float
    peer: str
    peers: float
    unit: str

    @property
    def ratio(self) -> float:
        """How many times the peer's ours is."""
        return self.ours / self.peers
