"""What versions are called: a letter that tells where one comes from, and a digest of what it was made of."""

from __future__ import annotations

import hashlib

_DIGITS = 16
_REENCODED = "c"
"""Those of deliveries begin with a ``v``: see `lambdas.ingestion.arrival`."""


def reencoded(version_id: str, *, campaign: str) -> str:
    """Return the id of the version that a campaign makes of another; the same two give the same one."""
    digest = hashlib.sha256(f"{campaign}\n{version_id}".encode()).hexdigest()
    return f"{_REENCODED}{digest[:_DIGITS]}"


def repackaged(version_id: str, *, new_keys: bool) -> str:
    """Return the id of the version that has the tracks of another, packaged anew; the same two give the same one."""
    digest = hashlib.sha256(f"{'new' if new_keys else 'same'} keys\n{version_id}".encode()).hexdigest()
    return f"{_REENCODED}{digest[:_DIGITS]}"


def is_reencoded(version_id: str) -> bool:
    """Say whether the version was made of another one: it is no delivery, and no business of the studio's."""
    return version_id.startswith(_REENCODED)
