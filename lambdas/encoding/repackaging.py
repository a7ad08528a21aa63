"""Packaging a published version anew, from its own tracks: the plan of it. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from lambdas.common.content_keys import ContentKey
from lambdas.common.errors import PermanentError
from lambdas.common.events import SourceAccepted
from lambdas.encoding.models import EncodingPlan, Making, Repackaged
from lambdas.encoding.planning import keys_in_use


class NotRepackageableError(PermanentError):
    """A version's tracks cannot be packaged anew; the message says why, and the remedy."""


def repackaging_of(
    making: Making | None, *, replaces: str, source: SourceAccepted, keys: Sequence[ContentKey] | None
) -> EncodingPlan:
    """Return the plan of a version that has the tracks of another.

    Parameters
    ----------
    making
        How the other was made.
    replaces
        The other's id.
    source
        What the new version is called, and how urgent it is.
    keys
        The new keys of the title; none: those of the other version.

    Raises
    ------
    NotRepackageableError
        If nobody knows how the other was made.
    KeyMissingError
        If a tier in use has no new key.
    """
    if making is None:
        title = source.title.title_id
        message = (
            f"how version {replaces} of {title} was made is not known, as it was packaged before that was kept: "
            f"`marquee campaign start NAME {title}` encodes it anew"
        )
        raise NotRepackageableError(message)
    before = making.plan
    return before.model_copy(
        update={
            "version_id": source.version_id,
            "priority": source.priority,
            "keys": before.keys if keys is None else keys_in_use(keys, rungs=before.video, audio=before.audio),
            "repackages": Repackaged(version_id=replaces, keys=before.keys),
        }
    )
