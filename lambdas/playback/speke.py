"""SPEKE v2.0: the keys that a packager asks for, out of the table that our own packager's come from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from lambdas.common.content_keys import ContentKey, encryption_context
from lambdas.common.errors import FieldError, InvalidInputError
from lambdas.playback.keys import Keep, NewWrappedKey

if TYPE_CHECKING:
    from lambdas.playback.cpix import AskedKey

VERSION = "2.0"
VERSION_HEADER = "x-speke-version"
HEADERS = {"x-speke-version": VERSION, "x-speke-user-agent": "Marquee key service"}
CONTENT_TYPE = "application/xml"


def check_version(headers: Mapping[str, str]) -> None:
    """Refuse a packager that speaks another version; one of version 1 says none.

    Raises
    ------
    InvalidInputError
        If the header ``X-Speke-Version`` is not 2.0.
    """
    if headers.get(VERSION_HEADER, "").strip() != VERSION:
        raise InvalidInputError(FieldError("X-Speke-Version", f"Unsupported SPEKE version: {VERSION} is supported"))


def issue(
    *,
    title_id: str,
    asked: Sequence[AskedKey],
    existing: Sequence[ContentKey],
    new_wrapped_key: NewWrappedKey,
    keep: Keep,
) -> tuple[ContentKey, ...]:
    """Return the keys of the ids that were asked for, in that order; make those that do not exist.

    A key that exists, whoever it was made for, is given as it is: so the same request has the same answer, and a
    packager that is told the ids of our own gets our own.

    Parameters
    ----------
    existing
        The keys that the title has.
    new_wrapped_key, keep
        As for `lambdas.playback.keys.issue`.
    """
    known = {key.key_id: key for key in existing}

    def new(key: AskedKey) -> ContentKey:
        context = encryption_context(title_id=title_id, tier=key.tier, key_id=key.key_id)
        wrapped = new_wrapped_key(context=context)
        return ContentKey(tier=key.tier, period=key.period, track=key.track, key_id=key.key_id, wrapped=wrapped)

    return tuple(known.get(key.key_id) or keep(new(key)) for key in asked)
