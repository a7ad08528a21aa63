"""Content keys: one a title, tier and period, made once and for ever the same."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from lambdas.common.content_keys import ContentKey, encryption_context
from lambdas.common.media import Tier

Keep = Callable[[ContentKey], ContentKey]


class NewWrappedKey(Protocol):
    """Makes a random key, wrapped under an encryption context; nobody sees it in clear."""

    def __call__(self, *, context: Mapping[str, str]) -> str:
        """Return the wrapped key, base64."""


def issue(
    *,
    title_id: str,
    existing: Sequence[ContentKey],
    opened_for: str | None,
    new_wrapped_key: NewWrappedKey,
    keep: Keep,
) -> tuple[ContentKey, ...]:
    """Return the title's own keys of one period, one a tier; make those that do not exist.

    A second encode of a title gets the same keys, so that licences of running sessions stay good. Keys of earlier
    periods are left as they are: the versions that were packaged with them play on.

    Parameters
    ----------
    existing
        The keys that the title has, of all periods; those that other packagers asked for are passed over.
    opened_for
        The version that a new period is opened for: asked again for the same one, the same period. None: the latest.
    new_wrapped_key
        Makes one.
    keep
        Stores a key unless the tier has one of the period by now, and returns the one that is stored: of two issues at
        the same time, the first wins and both return its key.
    """
    own = [key for key in existing if key.track is None]
    period = _period(own, opened_for=opened_for)
    known = {key.tier: key for key in own if key.period == period}

    def new(tier: Tier) -> ContentKey:
        key_id = uuid.uuid4().hex
        context = encryption_context(title_id=title_id, tier=tier, key_id=key_id)
        wrapped = new_wrapped_key(context=context)
        return ContentKey(tier=tier, period=period, opened_for=opened_for, key_id=key_id, wrapped=wrapped)

    return tuple(known.get(tier) or keep(new(tier)) for tier in Tier)


def _period(existing: Sequence[ContentKey], *, opened_for: str | None) -> int:
    latest = max((key.period for key in existing), default=0)
    if opened_for is None:
        return latest
    return max((key.period for key in existing if key.opened_for == opened_for), default=latest + 1)
