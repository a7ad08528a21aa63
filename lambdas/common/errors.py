"""The errors that cross a context's border.

Step Functions routes by the class's name (``ErrorEquals``), so a name here is part of the contract.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple


class MarqueeError(Exception):
    """The base of every error that Marquee raises on purpose.

    Attributes
    ----------
    members
        What its problem document says besides, for machines (RFC 9457, 3.2).
    """

    members: Mapping[str, object] = MappingProxyType({})


class TransientError(MarqueeError):
    """Worth another try: a dependency was slow, throttled or away."""


class PermanentError(MarqueeError):
    """Not worth another try: the input itself is at fault."""


class NotFoundError(PermanentError):
    """Something that was asked for by name does not exist."""


class ConflictError(PermanentError):
    """A conditional write lost: somebody else was first, or the state has moved on."""


class ForbiddenError(PermanentError):
    """The asker is known, and may not have this."""


class OfflineRefusedError(ForbiddenError):
    """A licence was asked for that lasts without the service, and the viewer's plan has none."""


class RevokedError(ForbiddenError):
    """The asker, or what they ask with or for, was excluded by the service."""


class ExpiredError(PermanentError):
    """It existed, and its time is over."""


class TooManyRequestsError(PermanentError):
    """The asker has used up a quota; the answer says when there is more."""


class NotOfferedError(PermanentError):
    """It could be asked for, and this deployment does not have it."""


class MalformedBodyError(PermanentError):
    """A request's body is not in the format that it has to be in."""


class FieldError(NamedTuple):
    """What is wrong with one field of an input."""

    field: str
    message: str


class InvalidInputError(PermanentError):
    """An input is well formed, but one or more of its fields cannot be accepted.

    Parameters
    ----------
    errors
        One entry a field; `field` is its dotted path, for example ``device.name``, and empty where the
        input as a whole is at fault.
    """

    def __init__(self, *errors: FieldError) -> None:
        super().__init__("; ".join(f"{error.field or 'input'}: {error.message}" for error in errors))
        self.errors = errors


class IdempotencyKeyReusedError(InvalidInputError):
    """A request has the idempotency key of another one: it asks for something else, or comes from another device."""
