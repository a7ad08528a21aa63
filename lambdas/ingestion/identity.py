"""Who asks: the studio that a verified token names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from lambdas.common.errors import ForbiddenError
from lambdas.common.identity import claims_of

_STUDIO = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


def studio_of(event: Mapping[str, Any]) -> str:
    """Return the studio of the user who asks: the one group of the token that the API's authorizer has verified.

    Raises
    ------
    ForbiddenError
        If the token names no group, or several: then nobody has said for which studio its user acts.
    """
    groups = _groups(claims_of(event).get("cognito:groups"))
    if len(groups) != 1 or not _STUDIO.fullmatch(groups[0]):
        raise ForbiddenError("the token is not that of one studio: sign in as a user who is in one studio's group")
    return groups[0]


def _groups(claim: object) -> list[str]:
    """Return the groups of a claim; API Gateway spells a list of them ``[one two]``."""
    if isinstance(claim, list):
        return [str(group) for group in claim]
    return str(claim or "").removeprefix("[").removesuffix("]").split()
