"""Pathways: the ways to the same segments, of which content steering says which is the best."""

from __future__ import annotations

from lambdas.common.media import Record
from lambdas.playback.tokens import media_base


class Pathway(Record):
    """A host that serves the edge's paths and checks its tokens; the lower its rank, the better."""

    id: str
    base_url: str
    rank: int

    def media(self, token: str) -> str:
        """Return where it serves what `token` opens, with a slash at the end."""
        return self.base_url.removesuffix("/") + media_base(token)


OWN = Pathway(id="cdn", base_url="/", rank=0)
"""The platform's own distribution, from which everything else comes too: its address is relative."""


class Pathways(Record):
    """Every pathway: the distribution, and what the settings name beside it."""

    further: tuple[Pathway, ...] = ()

    @property
    def ranked(self) -> tuple[Pathway, ...]:
        """All of them, the best first."""
        return tuple(sorted((OWN, *self.further), key=lambda one: one.rank))
