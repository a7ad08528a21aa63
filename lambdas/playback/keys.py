"""Content keys: one a title and tier, made once and for ever the same."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from typing import Protocol

from lambdas.common.media import Tier
from lambdas.encoding.models import ContentKey, encryption_context

Keep = Callable[[ContentKey], ContentKey]


class NewWrappedKey(Protocol):
    """Makes a random key, wrapped under an encryption context; nobody sees it in clear."""

    def __call__(self, *, context: Mapping[str, str]) -> str:
        """Return the wrapped key, base64."""


def issue(
    *, title_id: str, existing: Mapping[Tier, ContentKey], new_wrapped_key: NewWrappedKey, keep: Keep
) -> tuple[ContentKey, ...]:
    """Return the title's keys, one a tier; make those that do not exist.

    A second encode of a title gets the same keys, so that licences of running sessions stay good.

    Parameters
    ----------
    existing
        The keys that the title has.
    new_wrapped_key
        Makes one.
    keep
        Stores a key unless the tier has one by now, and returns the one that is stored: of two issues at
        the same time, the first wins and both return its key.
    """
    return tuple(
        existing.get(tier) or keep(_new(title_id=title_id, tier=tier, new_wrapped_key=new_wrapped_key)) for tier in Tier
    )


def _new(*, title_id: str, tier: Tier, new_wrapped_key: NewWrappedKey) -> ContentKey:
    key_id = uuid.uuid4().hex
    context = encryption_context(title_id=title_id, tier=tier, key_id=key_id)
    return ContentKey(tier=tier, key_id=key_id, wrapped=new_wrapped_key(context=context))
