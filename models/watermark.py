"""How long a copy has to be for its mark to name a session, if each segment carries one bit (Q72)."""

from __future__ import annotations

from dataclasses import dataclass

from models.figures import Figure
from stacks.settings import PRODUCTION


@dataclass(frozen=True, kw_only=True)
class Mark:
    """A sequence of segments of two variants, A and B. Nothing of it is built."""

    id_bits: int = 40
    """Of a session's id: a trillion sessions are told apart. Assumption."""
    segment_s: float = PRODUCTION.encoding.segment_s

    @property
    def copy_s(self) -> float:
        """Of a copy without errors, what holds a whole id."""
        return self.id_bits * self.segment_s


def figures() -> dict[str, Figure]:
    """Return the seconds of a copy that name a session."""
    mark = Mark()
    return {
        "id_bits": Figure(mark.id_bits, "bits", "of a session's id"),
        "copy_s": Figure(mark.copy_s, "s", "of a copy without errors that hold it, a bit a segment"),
    }
