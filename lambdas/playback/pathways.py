"""Pathways: the ways to the same segments, of which content steering says which is the best."""

from __future__ import annotations

from lambdas.common.media import Record
from lambdas.playback.models import EdgeKey, Session
from lambdas.playback.tokens import media_base, mint, pathway_key


class Pathway(Record):
    """A host that serves the edge's paths and checks its tokens; the lower its rank, the better."""

    id: str
    base_url: str
    rank: int


OWN = Pathway(id="cdn", base_url="/", rank=0)
"""The platform's own distribution, from which everything else comes too: its address is relative."""


class Pathways(Record):
    """Every pathway: the distribution, and what the settings name beside it."""

    further: tuple[Pathway, ...] = ()

    @property
    def ranked(self) -> tuple[Pathway, ...]:
        """All of them, the best first."""
        return tuple(sorted((OWN, *self.further), key=lambda one: one.rank))

    def bases(self, session: Session, *, key: EdgeKey) -> dict[str, str]:
        """Return where each serves a session's title, by its id, the best first; addresses end with a slash.

        Each host gets a token of its own: what checks them on one can sign for no other, nor for the distribution.

        Parameters
        ----------
        key
            The distribution's own, of which the others are derived.
        """
        return {
            one.id: one.base_url.removesuffix("/")
            + media_base(mint(session=session, key=key if one == OWN else pathway_key(key, pathway_id=one.id)))
            for one in self.ranked
        }
