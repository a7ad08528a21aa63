"""What becomes of a delivered object: a tag that ingestion sets, and that lifecycle and the checks read."""

from __future__ import annotations

from enum import StrEnum

TAG = "marquee:disposition"


class Disposition(StrEnum):
    """What becomes of a delivered object."""

    ACCEPTED = "accepted"
    """It is a source, and is kept. A file may be accepted beside a corrected manifest after it was rejected."""
    DUPLICATE = "duplicate"
    """The same bytes were accepted before, and lie elsewhere: not kept."""
    REJECTED = "rejected"
    """Kept for a while, for the studio's questions."""


EXPIRING = frozenset({Disposition.DUPLICATE, Disposition.REJECTED})
"""What lifecycle removes after a while."""
